//! Which servers this process trusts.

use std::path::{Path, PathBuf};

use clap::Args;
use tls::Trust;

use crate::failure::Failure;

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "TLS to other servers")]
pub(crate) struct TrustOptions {
    /// PEM file with private certificate authorities, trusted beside the system's for connections to main servers, nodes and NATS;
    /// several may be given, separated by commas
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub(crate) ca_file: Vec<PathBuf>,
}

impl TrustOptions {
    /// Reads the files. An empty name counts as not given.
    ///
    /// # Errors
    /// [`Failure::Config`] names the file and what is wrong with it.
    pub(crate) fn load(&self) -> Result<Trust, Failure> {
        self.load_with(None)
    }

    /// The same with a further file.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn load_with(&self, further: Option<&Path>) -> Result<Trust, Failure> {
        let given = self.ca_file.iter().map(PathBuf::as_path).filter(|file| !file.as_os_str().is_empty());
        Trust::load(given.chain(further)).map_err(Failure::config("CA file"))
    }
}
