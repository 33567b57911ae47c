//! Errors in the configuration.

use std::{fmt, process::ExitCode};

/// What is wrong with flags, environment or file.
#[derive(Debug)]
pub(crate) enum Error {
    /// Wrong usage as `clap` words it, or a request for help or the version.
    Usage(clap::Error),
    /// The errors, one line each.
    Wrong(Vec<String>),
}

impl Error {
    /// One error.
    pub(super) fn wrong(line: String) -> Self {
        Self::Wrong(vec![line])
    }

    /// Prints the error; returns the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Usage(error) => {
                drop(error.print());
                ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
            }
            Self::Wrong(_) => {
                eprintln!("{self}");
                ExitCode::from(2)
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::Wrong(lines) => f.write_str(
                &lines.iter().map(|line| format!("undead: {line}")).collect::<Vec<_>>().join("\n"),
            ),
        }
    }
}
