//! The binary `undead`: `up` (everything in one process), `main-server`, `cdn`, `backup` and `restore`, and
//! `healthcheck` for containers.
//!
//! Exit status: 0 when asked to stop, 2 for wrong usage or configuration, 1 for anything else.

mod address;
mod backup;
mod cdn_node;
mod cli;
mod failure;
mod healthcheck;
mod logging;
mod main_server_alone;
mod node_limits;
mod open_files;
mod serve;
mod spawn;
mod up;
mod values;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let log = logging::start(&cli.log);
    open_files::raise_limit();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(failure::Failure::run("the async runtime did not start"))
        .and_then(|runtime| {
            let outcome = runtime.block_on(async {
                tokio::select! {
                    outcome = run(cli) => outcome,
                    never = log.report_dropped() => never,
                }
            });
            runtime.shutdown_timeout(serve::DRAIN_TIME);
            outcome
        });
    match outcome {
        Ok(()) => {
            log.end(None);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            log.end(Some(&format!("undead: {failure}")));
            failure.exit_code()
        }
    }
}

async fn run(cli: Cli) -> Result<(), failure::Failure> {
    match cli.command {
        Command::Up(args) => up::run(args, &cli.log).await,
        Command::MainServer(args) => main_server_alone::run(args).await,
        Command::Cdn(args) => cdn_node::run(args).await,
        Command::Backup(args) => backup::run(args).await,
        Command::Restore(args) => backup::restore(args).await,
        Command::Healthcheck(args) => healthcheck::run(args).await,
    }
}
