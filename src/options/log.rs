//! What is logged, and how.

use clap::{Args, ValueEnum};

use crate::logging;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Logging")]
pub(crate) struct LogOptions {
    /// What to log: a level, or targets with levels (undead::forward=trace logs the forwarding of every segment)
    #[arg(long, default_value = "info", global = true, value_name = "FILTER", value_parser = logging::filter)]
    pub(crate) log: String,
    /// How to write log lines, to standard error
    #[arg(long, default_value = "text", global = true, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Log lines that may wait while standard error is not read; lines beyond that are dropped and counted
    #[arg(long, default_value_t = 8192, global = true, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) log_queue_lines: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}
