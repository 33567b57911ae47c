//! The binary `undead`: `up` (everything in one process), `main-server`, `cdn`, `worker`, `backup` and `restore`, `user`
//! (accounts), `keys`, `library`, `party`, and `healthcheck` for containers.
//!
//! Exit status: 0 when asked to stop, 2 for wrong usage or configuration, 1 for anything else.

mod address;
mod backup;
mod cdn_node;
mod cli;
mod config;
mod failure;
mod healthcheck;
mod keys;
mod library;
mod local;
mod logging;
mod machine;
mod main_server_alone;
mod node_calls;
mod open_files;
mod options;
mod output;
mod party;
mod port;
mod serve;
mod spawn;
mod tls_metrics;
mod up;
mod user;
mod worker;

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

use crate::{cli::Command, config::Config};

fn main() -> ExitCode {
    let config = match Config::load(env::args_os()) {
        Ok(config) => config,
        Err(error) => return error.report(),
    };
    if config.cli.file.print_config {
        // A reader that closes the pipe early, such as head, is no failure.
        drop(write!(io::stdout(), "{config}"));
        return ExitCode::SUCCESS;
    }
    let log = logging::start(&config.cli.log);
    for (name, meant) in config::misspelled_variables() {
        tracing::warn!("environment variable {name} is unknown; did you mean {meant}?");
    }
    open_files::raise_limit();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(failure::Failure::run("cannot start the async runtime"))
        .and_then(|runtime| {
            let outcome = runtime.block_on(async {
                tokio::select! {
                    outcome = run(config) => outcome,
                    never = log.report_dropped() => never,
                }
            });
            runtime.shutdown_timeout(serve::DRAIN_TIMEOUT);
            outcome
        });
    match outcome {
        Ok(()) | Err(failure::Failure::Unread) => {
            log.end(None);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            log.end(Some(&format!("undead: {failure}")));
            failure.exit_code()
        }
    }
}

async fn run(config: Config) -> Result<(), failure::Failure> {
    let flags = up::ChildFlags::of(&config);
    match config.cli.command {
        Command::Up(args) => up::run(args, flags).await,
        Command::MainServer(args) => main_server_alone::run(args).await,
        Command::Cdn(args) => cdn_node::run(args).await,
        Command::Worker(args) => worker::run(args).await,
        Command::Backup(args) => backup::run(args).await,
        Command::Restore(args) => backup::restore(args).await,
        Command::User(args) => user::run(args).await,
        Command::Keys(args) => keys::run(args).await,
        Command::Library(args) => library::run(args).await,
        Command::Party(args) => party::run(args).await,
        Command::Healthcheck(args) => healthcheck::run(args).await,
    }
}
