//! Which servers this process trusts.

use std::path::PathBuf;

use clap::Args;
use tls::Trust;

use crate::failure::Failure;

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "TLS to other servers")]
pub(crate) struct TrustOptions {
    /// PEM file with private certificate authorities, trusted beside the system's for connections to main servers, nodes and NATS
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

impl TrustOptions {
    /// Reads the file. An empty name counts as not given.
    ///
    /// # Errors
    /// [`Failure::Config`] names the file and what is wrong with it.
    pub(crate) fn load(&self) -> Result<Trust, Failure> {
        let file = self.ca_file.as_deref().filter(|file| !file.as_os_str().is_empty());
        Trust::load(file).map_err(Failure::config("CA file"))
    }
}
