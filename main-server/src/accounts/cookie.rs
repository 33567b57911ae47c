//! The cookie with the token of a session (RFC 6265).
//!
//! Scripts cannot read it, and browsers send it with requests of this site's pages only.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, header, request::Parts},
};

use serving::Forwarded;

use crate::{api::caller::COOKIE, auth::token::Token};

/// How the cookie is set for this request.
pub(super) struct SessionCookie {
    /// Whether the client is connected over TLS: then browsers never send the cookie without.
    is_secure: bool,
    /// The path that this server is at.
    path: String,
}

impl<S: Send + Sync> FromRequestParts<S> for SessionCookie {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let forwarded = Forwarded::from_request_parts(parts, state).await?;
        Ok(Self { is_secure: forwarded.is_secure(), path: forwarded.prefix().path("/") })
    }
}

impl SessionCookie {
    /// The header that gives the client the token.
    pub(super) fn set(&self, token: &Token, lasts: Duration) -> [(HeaderName, HeaderValue); 1] {
        self.header(token.reveal(), lasts.as_secs())
    }

    /// The header that takes it from the client.
    pub(super) fn clear(&self) -> [(HeaderName, HeaderValue); 1] {
        self.header("", 0)
    }

    fn header(&self, value: &str, max_age_s: u64) -> [(HeaderName, HeaderValue); 1] {
        let Self { is_secure, path } = self;
        let secure = if *is_secure { "; Secure" } else { "" };
        let cookie =
            format!("{COOKIE}={value}; Path={path}; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
        let value = HeaderValue::try_from(cookie).expect("a token and a path are visible ASCII characters");
        [(header::SET_COOKIE, value)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_kept_from_scripts_other_sites_and_plain_connections() {
        let token = Token::random().unwrap();
        let cookie = |is_secure| {
            let cookie = SessionCookie { is_secure, path: "/live-tv/".to_owned() };
            let [(_, value)] = cookie.set(&token, Duration::from_secs(60));
            value.to_str().unwrap().replace(token.reveal(), "TOKEN")
        };
        let plain = "undead_session=TOKEN; Path=/live-tv/; Max-Age=60; HttpOnly; SameSite=Strict";
        assert_eq!(cookie(false), plain);
        assert_eq!(cookie(true), format!("{plain}; Secure"));
    }
}
