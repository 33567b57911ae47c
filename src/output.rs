//! Standard output of commands.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
};

use crate::failure::Failure;

/// Prints a line.
///
/// # Errors
/// [`Failure::Unread`] once the reader has gone; [`Failure::Run`] if the line cannot be written.
pub(crate) fn line(line: impl Display) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    // Flushed, because an output that is a file or a pipe may be buffered, and an error in it would be lost at the end.
    let written = writeln!(output, "{line}").and_then(|()| output.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Unread,
        _ => Failure::run("cannot write to standard output")(error),
    })
}
