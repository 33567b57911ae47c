//! A main server with an empty store, and its operator.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::operator::{NAME, Operator, PASSWORD};
use crate::{
    control::engine::{Engine, Plant, Setting},
    enclosure::Limits,
    error::{Context, Error, Result},
    machine::Split,
};

/// The configuration of a run's programs.
pub(super) struct Setup<'a> {
    pub(super) undead: &'a Path,
    pub(super) nats_server: &'a Path,
    pub(super) split: &'a Split,
    /// Folder for logs and data.
    pub(super) logs: PathBuf,
}

impl Setup<'_> {
    /// Starts a main server on `engine`, and signs in.
    ///
    /// # Errors
    /// Those of [`Plant::start`]; [`Error::Program`] if there can be no operator.
    pub(super) async fn start(&self, engine: Engine) -> Result<(Plant, Operator)> {
        let plant = Plant::start(
            engine,
            &Setting {
                undead: self.undead,
                nats_server: self.nats_server,
                split: self.split,
                // It has the same precedence as the workers, which are in this program's group.
                limits: &Limits::None,
                logs: &self.logs,
                // Only the measured work is to be done.
                options: &["--auto-waveform", "false"],
            },
        )
        .await?;
        self.add_operator(&plant.store())?;
        let url = format!("http://{}", plant.address());
        let operator = Operator::sign_in(url, plant.secret()).await?;
        Ok((plant, operator))
    }

    /// The folder of the main server's data.
    pub(super) fn data(&self) -> PathBuf {
        self.logs.join("data")
    }

    fn add_operator(&self, store: &str) -> Result<()> {
        let mut command = Command::new(self.undead);
        command.args(["user", "add", NAME]).env("UNDEAD_STORE", store).env("UNDEAD_DATA_DIR", self.data());
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().context(|| "adding an operator".into())?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(PASSWORD.as_bytes()).context(|| "adding an operator".into())?;
        }
        let status = child.wait().context(|| "adding an operator".into())?;
        if status.success() {
            return Ok(());
        }
        let message = format!("cannot add an operator ({status})");
        Err(Error::Program { program: "undead user".into(), message })
    }
}
