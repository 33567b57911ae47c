//! The main servers that a node or a worker belongs to.

use clap::Args;

use super::values;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Main servers")]
pub(crate) struct MainServersOptions {
    /// Address of the main server; several may be given, separated by commas or by repeating the flag
    #[arg(
        long,
        value_name = "URL",
        value_delimiter = ',',
        value_parser = values::main_server,
        default_value = "http://127.0.0.1:5000"
    )]
    pub(crate) main_server: Vec<String>,
}
