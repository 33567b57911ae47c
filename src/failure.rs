//! Failures that end the program, and their exit status.

use std::{fmt, process::ExitCode};

/// Context first, cause second.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration cannot work: the operator has to change it.
    Config(String),
    /// Anything else.
    Run(String),
    /// The reader of standard output, such as `head`, has closed it. The program ends without a message.
    Unread,
}

impl Failure {
    /// For `map_err`: a configuration failure, with `context` before the cause.
    pub(crate) fn config<E: fmt::Display>(context: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |cause| Self::Config(format!("{context}: {cause}"))
    }

    /// For `map_err`: any other failure, with `context` before the cause.
    pub(crate) fn run<E: fmt::Display>(context: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |cause| Self::Run(format!("{context}: {cause}"))
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => ExitCode::from(2),
            Self::Run(_) => ExitCode::FAILURE,
            Self::Unread => ExitCode::SUCCESS,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(text) | Self::Run(text) => f.write_str(text),
            Self::Unread => f.write_str("standard output is not read any more"),
        }
    }
}
