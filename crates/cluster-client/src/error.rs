//! Why a call did not succeed, and whether another main server may do better.

use protocol::{ErrorCode, WireError};
use reqwest::StatusCode;

/// Why a call to a main server did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No answer, or none that could be read.
    #[error("{0}: {cause}", cause = cause(.0))]
    Unreachable(#[from] reqwest::Error),
    /// An answer with an error status.
    #[error("{status}: {message}")]
    Refused {
        /// Its status.
        status: StatusCode,
        /// The code in its body, if it has one that is known.
        code: Option<ErrorCode>,
        /// What its body says, for people.
        message: String,
    },
    /// More bytes than are read of such an answer.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    /// An answer of another form than expected.
    #[error("the answer cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// What is wrong with the certificate, or the root cause of an error: its wrappers only say that there is one.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let root =
        |error| std::iter::successors(Some(error), |error: &&dyn std::error::Error| error.source()).last();
    tls::reason(error).or_else(|| root(error).map(ToString::to_string)).unwrap_or_default()
}

impl CallError {
    /// The error code of the main server's answer, if it has one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => *code,
            Self::Unreachable(_) | Self::TooLong(_) | Self::Unreadable(_) => None,
        }
    }

    /// The answer of a main server that is well, if it refused with a code.
    pub fn refusal(&self) -> Option<(StatusCode, WireError)> {
        match self {
            Self::Refused { status, code: Some(code), message } if !self.is_away() => {
                Some((*status, WireError::new(*code, message.clone())))
            }
            _ => None,
        }
    }

    /// Whether the call may succeed at another main server.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Unreadable(_) => true,
            Self::TooLong(_) => false,
            Self::Refused { status, code, .. } => {
                let is_answer = matches!(code, Some(ErrorCode::NoNodeAvailable | ErrorCode::NoCapacity));
                status.is_server_error() && !is_answer
            }
        }
    }
}
