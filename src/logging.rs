//! Logs go to standard error; standard output carries only the URL to open.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::cli::{LogArgs, LogFormat};

/// Reads what to log: levels, or targets with levels.
pub(crate) fn filter(text: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "{error}; a level is error, warn, info, debug or trace, alone or after a target and ="
        )),
    }
}

/// Installs the process's one subscriber. Call once, first thing.
pub(crate) fn start(args: &LogArgs) {
    let filter = EnvFilter::builder().parse_lossy(&args.log);
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}
