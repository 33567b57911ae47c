//! What a process is given that joins a cluster: a node or a worker.

use clap::Args;

use super::{ObjectsOptions, SecretOptions, TrustOptions, values};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Main servers")]
pub(crate) struct MemberOptions {
    /// Address of the main server; several may be given, separated by commas or by repeating the flag
    #[arg(
        long,
        value_name = "URL",
        value_delimiter = ',',
        value_parser = values::main_server,
        default_value = "http://127.0.0.1:5000"
    )]
    pub(crate) main_server: Vec<String>,
    #[command(flatten)]
    pub(crate) objects: ObjectsOptions,
    #[command(flatten)]
    pub(crate) secret: SecretOptions,
    #[command(flatten)]
    pub(crate) trust: TrustOptions,
    /// Stop when standard input is closed: for a process that must not outlive the one that started it
    #[arg(long, hide = true)]
    pub(crate) exit_with_stdin: bool,
}
