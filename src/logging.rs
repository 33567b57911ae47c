//! Logs go to standard error; standard output carries only the URL to open.

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt, util::SubscriberInitExt};

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
        LogFormat::Text => {
            let lines = lines.with_ansi(std::io::stderr().is_terminal());
            lines.finish().with(filter_fn(keeps_secrets)).init();
        }
        LogFormat::Json => lines.json().flatten_event(true).finish().with(filter_fn(keeps_secrets)).init(),
    }
}

/// Whether an event may be written, whatever was asked for: below `info` the NATS client writes what it reads and sends,
/// keys and the cluster secret among it.
fn keeps_secrets(event: &Metadata<'_>) -> bool {
    *event.level() <= Level::INFO || !event.target().starts_with("async_nats")
}
