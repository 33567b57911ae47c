//! The callers that have to prove themselves: nodes of the cluster, and people who signed in. A route takes the extractor of
//! the callers that it admits.
//!
//! Nodes show the cluster secret as a bearer token. People have a session, whose token is in a cookie that browsers send by
//! themselves. So a request that changes something must also have the header `X-Undead-CSRF: 1`, which pages of other sites
//! cannot send, and an `Origin` of this site if it has any.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use protocol::{ErrorCode, account::Role};
use serving::Forwarded;

use super::error::Error;
use crate::auth::Secret;

/// Name of the cookie with the token of a session.
pub(crate) const COOKIE: &str = "undead_session";
/// The header that pages of other sites cannot send.
const CSRF_HEADER: &str = "x-undead-csrf";
/// What `undead user` and other commands on this machine are called. No account can have this name.
const LOCAL: &str = "(this machine)";

/// A person who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// Of the account.
    pub(crate) name: String,
    /// What the account may do.
    pub(crate) role: Role,
}

impl Person {
    /// Whether it may do everything.
    pub(crate) fn is_operator(&self) -> bool {
        self.role == Role::Operator
    }
}

/// Knows whose session a token belongs to.
pub(crate) trait People: Send + Sync {
    /// The holder of a session that has not ended.
    fn holder(&self, token: &str) -> Option<Person>;

    /// The same for a request, which counts as use of the session.
    fn person(&self, token: &str) -> Option<Person> {
        self.holder(token)
    }
}

/// An extension of requests that came over the socket in the data folder: their callers own the folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalRequest;

/// What callers prove themselves with.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// That of nodes.
    pub(crate) cluster_secret: Secret,
    /// Those of people.
    pub(crate) people: Arc<dyn People>,
}

impl Credentials {
    /// Whether the caller shows the cluster secret.
    pub(crate) fn is_node(&self, headers: &HeaderMap) -> bool {
        bearer(headers).is_some_and(|token| self.cluster_secret.matches(token))
    }

    /// Who signed in, for a request that only reads, whatever else it shows.
    pub(crate) fn reader(&self, parts: &Parts) -> Option<Person> {
        if parts.extensions.get::<LocalRequest>().is_some() {
            return Some(Person { name: LOCAL.to_owned(), role: Role::Operator });
        }
        session_token(&parts.headers).and_then(|token| self.people.person(token))
    }

    /// Who signed in, unless the request has a bearer token too: then the token decides.
    fn signed_in(&self, parts: &Parts) -> Option<Person> {
        let is_local = parts.extensions.get::<LocalRequest>().is_some();
        if bearer(&parts.headers).is_some() && !is_local { None } else { self.reader(parts) }
    }

    /// Who signed in, if the request comes from a page of this site and has no bearer token.
    ///
    /// # Errors
    /// `csrf` if it may come from another one.
    pub(crate) fn person(&self, parts: &Parts) -> Result<Option<Person>, Error> {
        let person = self.signed_in(parts);
        if person.is_some() && !parts.method.is_safe() {
            check_csrf(parts)?;
        }
        Ok(person)
    }

    fn operator(&self, parts: &Parts) -> Result<Person, Error> {
        let person =
            self.person(parts)?.ok_or_else(|| unauthorized("this call needs an operator's session"))?;
        person.is_operator().then_some(person).ok_or_else(|| forbidden("this call is for operators"))
    }
}

/// The caller has not proved anything.
pub(crate) fn unauthorized(message: &str) -> Error {
    Error::new(ErrorCode::Unauthorized, format!("{message}: sign in first"))
}

/// The caller's account may not do this.
pub(crate) fn forbidden(message: &str) -> Error {
    Error::new(ErrorCode::Forbidden, message)
}

/// Checks that a request which carries a session comes from a page of this site.
///
/// # Errors
/// `csrf`.
fn check_csrf(parts: &Parts) -> Result<(), Error> {
    if parts.extensions.get::<LocalRequest>().is_some() {
        return Ok(());
    }
    let is_marked = parts.headers.get(CSRF_HEADER).is_some_and(|value| value == "1");
    let refused = || Error::new(ErrorCode::Csrf, "a call with a session needs the header X-Undead-CSRF: 1");
    is_marked.then_some(()).ok_or_else(refused)?;
    check_origin(parts)
}

/// Checks that the request does not come from a page of another site.
///
/// # Errors
/// `csrf`.
fn check_origin(parts: &Parts) -> Result<(), Error> {
    let Some(origin) = parts.headers.get(header::ORIGIN) else { return Ok(()) };
    let forwarded = parts.extensions.get::<Forwarded>();
    let is_own = |origin: &str| forwarded.is_some_and(|forwarded| forwarded.is_own_origin(origin));
    let is_own = origin.to_str().is_ok_and(is_own);
    let refused = || Error::new(ErrorCode::Csrf, "the request comes from a page of another site");
    is_own.then_some(()).ok_or_else(refused)
}

/// A node calls.
pub(crate) struct Node;

/// An operator calls.
pub(crate) struct Operator(pub(crate) Person);

/// A node or an operator calls.
pub(crate) struct NodeOrOperator;

/// A person who signed in calls.
pub(crate) struct SignedIn(pub(crate) Person);

/// Anybody calls to sign out: the token of the session, if the request has one, whether or not the session is known here. The
/// request comes from a page of this site.
pub(crate) struct SigningOut(pub(crate) Option<String>);

/// Anybody calls, only to read.
pub(crate) struct Viewer(pub(crate) Option<Person>);

/// The request does not come from a page of another site.
pub(crate) struct SameOrigin;

impl<S: Send + Sync> FromRequestParts<S> for Node
where
    Credentials: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let refused =
            || Error::new(ErrorCode::Unauthorized, "this call needs the cluster secret as a bearer token");
        Credentials::from_ref(state).is_node(&parts.headers).then_some(Self).ok_or_else(refused)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Operator
where
    Credentials: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        Credentials::from_ref(state).operator(parts).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NodeOrOperator
where
    Credentials: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let credentials = Credentials::from_ref(state);
        if credentials.is_node(&parts.headers) {
            return Ok(Self);
        }
        credentials.operator(parts).map(|_| Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn
where
    Credentials: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let person = Credentials::from_ref(state).person(parts)?;
        person.map(Self).ok_or_else(|| unauthorized("this call needs a session"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SigningOut {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let token = session_token(&parts.headers);
        if token.is_some() { check_csrf(parts) } else { check_origin(parts) }?;
        Ok(Self(token.map(str::to_owned)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Viewer
where
    Credentials: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(Credentials::from_ref(state).signed_in(parts)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SameOrigin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        check_origin(parts).map(|()| Self)
    }
}

/// What [`bearer`] finds, for handlers that wait for a body: they keep no more of the head.
pub(crate) struct Bearer(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(bearer(&parts.headers).map(str::to_owned)))
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The token in the cookie (RFC 6265, section 4.2).
pub(super) fn session_token(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, token)| token)
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, Request};

    use super::*;

    /// The holder of the session `ann`'s and `bob`'s.
    struct AnnAndBob;

    impl People for AnnAndBob {
        fn holder(&self, token: &str) -> Option<Person> {
            let role = match token {
                "ann" => Role::Operator,
                "bob" => Role::Broadcaster,
                _ => return None,
            };
            Some(Person { name: token.to_owned(), role })
        }
    }

    fn credentials() -> Credentials {
        let cluster_secret = Secret::new("the secret of a cluster").unwrap();
        Credentials { cluster_secret, people: Arc::new(AnnAndBob) }
    }

    fn parts(method: Method, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).header("host", "undead.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    fn code<T>(outcome: Result<T, Error>) -> Option<ErrorCode> {
        outcome.err().map(|error| error.code())
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        let token = |value: &str| bearer(&headers(value)).map(str::to_owned);
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer  abc").as_deref(), Some("abc"));
        for value in ["", "Bearer", "Basic abc", "abc"] {
            assert_eq!(token(value), None, "{value}");
        }
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let token = |value: &str| {
            session_token(&HeaderMap::from_iter([(header::COOKIE, value.parse().unwrap())]))
                .map(str::to_owned)
        };
        assert_eq!(token("undead_session=ann").as_deref(), Some("ann"));
        assert_eq!(token("a=b; undead_session=ann; c").as_deref(), Some("ann"));
        for value in ["", "undead_session", "xundead_session=ann", "undead_sessions=ann"] {
            assert_eq!(token(value), None, "{value}");
        }
    }

    #[test]
    fn the_cluster_secret_makes_a_node_and_no_operator() {
        let parts = parts(Method::GET, &[("authorization", "Bearer the secret of a cluster")]);
        assert!(credentials().is_node(&parts.headers));
        assert_eq!(code(credentials().operator(&parts)), Some(ErrorCode::Unauthorized));
    }

    #[test]
    fn an_operators_session_makes_an_operator_and_no_other_does() {
        let operator = |cookie| credentials().operator(&parts(Method::GET, &[("cookie", cookie)]));
        assert_eq!(operator("undead_session=ann").unwrap().name, "ann");
        assert_eq!(code(operator("undead_session=bob")), Some(ErrorCode::Forbidden));
        assert_eq!(code(operator("undead_session=eve")), Some(ErrorCode::Unauthorized));
        assert_eq!(code(operator("")), Some(ErrorCode::Unauthorized));
    }

    #[test]
    fn a_change_needs_the_header_and_an_origin_of_this_site() {
        let cookie = ("cookie", "undead_session=ann");
        let marked = ("x-undead-csrf", "1");
        let post = |headers: &[(&str, &str)]| code(credentials().operator(&parts(Method::POST, headers)));
        assert_eq!(post(&[cookie, marked]), None);
        for headers in [
            &[cookie][..],
            &[cookie, ("x-undead-csrf", "0")],
            &[cookie, marked, ("origin", "http://elsewhere.example")],
            &[cookie, marked, ("origin", "null")],
        ] {
            assert_eq!(post(headers), Some(ErrorCode::Csrf), "{headers:?}");
        }
    }

    #[test]
    fn a_session_beside_a_bearer_token_does_not_count() {
        let headers =
            [("cookie", "undead_session=ann"), ("x-undead-csrf", "1"), ("authorization", "Bearer any")];
        for method in [Method::GET, Method::POST] {
            let parts = parts(method, &headers);
            assert_eq!(code(credentials().operator(&parts)), Some(ErrorCode::Unauthorized));
            assert_eq!(credentials().person(&parts).unwrap(), None);
            assert_eq!(credentials().signed_in(&parts), None);
        }
        let basic = [("cookie", "undead_session=ann"), ("authorization", "Basic any")];
        assert!(credentials().operator(&parts(Method::GET, &basic)).is_ok(), "a proxy's");
    }

    #[tokio::test]
    async fn signing_out_is_for_pages_of_this_site_whether_or_not_the_session_is_known() {
        let token = async |headers: &[(&str, &str)]| {
            let signing_out = SigningOut::from_request_parts(&mut parts(Method::POST, headers), &()).await;
            signing_out.map(|SigningOut(token)| token).map_err(|error| error.code())
        };
        let (marked, foreign) = (("x-undead-csrf", "1"), ("origin", "http://elsewhere.example"));
        assert_eq!(token(&[]).await, Ok(None));
        assert_eq!(token(&[foreign]).await, Err(ErrorCode::Csrf));
        for cookie in ["undead_session=ann", "undead_session=unknown"] {
            let cookie = ("cookie", cookie);
            assert_eq!(token(&[cookie]).await, Err(ErrorCode::Csrf));
            assert_eq!(token(&[cookie, marked, foreign]).await, Err(ErrorCode::Csrf));
            assert!(token(&[cookie, marked]).await.unwrap().is_some());
        }
    }

    #[test]
    fn a_caller_on_this_machine_is_an_operator() {
        let mut parts = parts(Method::POST, &[]);
        parts.extensions.insert(LocalRequest);
        assert!(credentials().operator(&parts).is_ok());
    }
}
