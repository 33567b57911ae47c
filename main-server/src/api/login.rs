//! Answers that last as long as a person is signed in: event streams end with the login.
//!
//! A login ends when the person signs out, at any main server, when its account changes or is removed, and after its time. That it is
//! waited for does not count as use: a page that is left open does not keep a session from expiring.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use bytes::Bytes;
use tokio::time::sleep;

use super::{
    caller::{Credentials, LocalRequest, People, Person, SignedIn, session_token},
    error::Error,
};
use crate::events::sse;

/// Time between two checks of a login that is waited for.
const CHECK: Duration = Duration::from_secs(1);

/// A person who signed in calls, and the answer lasts.
pub(crate) struct Login {
    person: Person,
    people: Arc<dyn People>,
    /// Of the session; none for callers on this machine.
    token: Option<String>,
}

impl Login {
    /// Who signed in.
    pub(crate) fn person(&self) -> &Person {
        &self.person
    }

    /// Completes when the session has ended, or the person may do other things than when it signed in.
    async fn ended(&self) {
        let Some(token) = &self.token else { return std::future::pending().await };
        while self.people.holder(token).as_ref() == Some(&self.person) {
            sleep(CHECK).await;
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Login
where
    Credentials: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let SignedIn(person) = SignedIn::from_request_parts(parts, state).await?;
        let is_local = parts.extensions.get::<LocalRequest>().is_some();
        let token = session_token(&parts.headers).filter(|_| !is_local).map(str::to_owned);
        Ok(Self { person, people: Credentials::from_ref(state).people, token })
    }
}

/// Events for a person who signed in, which end with the login.
pub(crate) struct Within<L> {
    /// Whose they are.
    pub(crate) login: Login,
    /// Gives the events.
    pub(crate) events: L,
}

impl<L: sse::Listener> sse::Listener for Within<L> {
    async fn next(&mut self) -> Option<Bytes> {
        let Self { login, events } = self;
        tokio::select! {
            biased;
            () = login.ended() => None,
            next = events.next() => next,
        }
    }
}
