//! The command line of `perf-analysis`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use perf_analysis::{
    Result, error::Context, floor, machine, run::Lab, scenario::Scenario, servers::Programs,
};

/// Measures what forwarding costs, and draws it
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario and leave its records in a folder
    Run(RunArgs),
    /// Write one shared, prebuilt buffer to every viewer's socket: what the kernel costs
    Floor {
        /// Address and port to serve on
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
}

#[derive(Args)]
struct RunArgs {
    /// The scenario file, e.g. perf-analysis/scenarios/default.toml
    scenario: PathBuf,
    /// Folder for the records; named after the date and the commit if left out
    #[arg(long)]
    out: Option<PathBuf>,
    /// The binary to measure
    #[arg(long, env = "UNDEAD_BIN", default_value = "target/release/undead")]
    undead: PathBuf,
    /// Folder of the recordings
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/media/fixtures"))]
    fixtures: PathBuf,
    /// Run the node in a container of this image, limited by docker
    #[arg(long, value_name = "IMAGE", num_args = 0..=1, default_missing_value = "undead")]
    docker: Option<String>,
    /// Something the reader of the figures should know, e.g. what else the machine was doing
    #[arg(long)]
    remark: Option<String>,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => run(args),
        Command::Floor { listen } => floor::serve(listen),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("perf-analysis: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: RunArgs) -> Result<()> {
    let scenario = Scenario::load(&args.scenario)?;
    let floor = std::env::current_exe().context(|| "finding this program".into())?;
    let lab = Lab::prepare(
        scenario,
        Programs { undead: args.undead, floor },
        args.fixtures,
        args.docker.as_deref(),
    )?;
    let folder =
        || Path::new("perf-analysis/results").join(format!("{}-{}", machine::today(), machine::commit()));
    let out = args.out.unwrap_or_else(folder);
    let outcome = lab.run(&out, args.remark);
    eprintln!("records are in {}", out.display());
    outcome.map(drop)
}
