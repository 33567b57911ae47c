//! Starts `undead` for tests.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Longest that anything in a test may take; what is awaited is always a condition.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
pub(crate) const SECRET: &str = "the-secret-of-this-cluster";

/// The program, in `folder`, with the cluster secret.
pub(crate) fn undead(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
    command.current_dir(folder).env("UNDEAD_CLUSTER_SECRET", SECRET);
    command
}

/// Starts the server that `command` says on a free port. Returns it with its URL once it listens; it logs to `log`.
pub(crate) fn serve(command: &mut Command, log: &Path) -> (Child, String) {
    let log = File::create(log).unwrap();
    let command = command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(log);
    let mut child = command.spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    (child, url.trim().to_owned())
}
