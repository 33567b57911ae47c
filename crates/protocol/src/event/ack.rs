//! Answers to events.

use serde::{Deserialize, Serialize};

use crate::WireError;

/// An ack: `{ ok: true, … }` or `{ ok: false, error }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack<T>(pub Result<T, WireError>);

/// The ack of a call that answers nothing but that it worked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

impl<T: Serialize> Serialize for Ack<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Accepted<'a, T> {
            ok: bool,
            #[serde(flatten)]
            answer: &'a T,
        }
        #[derive(Serialize)]
        struct Refused<'a> {
            ok: bool,
            error: &'a WireError,
        }
        match &self.0 {
            Ok(answer) => Accepted { ok: true, answer }.serialize(serializer),
            Err(error) => Refused { ok: false, error }.serialize(serializer),
        }
    }
}
