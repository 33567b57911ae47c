//! The command line of `perf-analysis`.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use perf_analysis::{
    Result, error::Context, floor, judge, machine, record::Results, run::Lab, scenario::Scenario,
    servers::Programs,
};

/// The report's first page.
const README: &str = "README.md";

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
    /// Draw the figures of a results folder
    Plot {
        /// The results folder
        results: PathBuf,
        /// Folder for the figures; `figures` in the results folder if left out
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Print what B's figures are of A's, with their spread, and draw both
    Compare {
        /// The results folder to compare with
        a: PathBuf,
        /// The results folder to judge
        b: PathBuf,
        /// Folder for the figures; `compared` in B if left out
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Write a run's figures and numbers into the written report
    Report {
        /// The results folder, as a path from the report's parent folder
        results: PathBuf,
        /// The report's folder
        #[arg(long, default_value = "report")]
        into: PathBuf,
        /// Which of its pages
        #[arg(long, default_value = README)]
        page: String,
    },
    /// Write one shared, prebuilt buffer to every viewer's socket: what the kernel costs
    Floor {
        /// Address and port to serve on
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Do not log how long each segment took
        #[arg(long)]
        quiet: bool,
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
    /// Write the figures and numbers into the report in this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Which page of the report
    #[arg(long, default_value = README)]
    page: String,
    /// Something the reader of the figures should know, e.g. what else the machine was doing
    #[arg(long)]
    remark: Option<String>,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => run(args),
        Command::Plot { results, out } => plot(&results, out),
        Command::Compare { a, b, out } => compare(&a, &b, out),
        Command::Report { results, into, page } => report(&results, &into, &page),
        Command::Floor { listen, quiet } => floor::serve(listen, quiet),
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
    if let Some(tables) = judge::tables(&outcome?) {
        print!("{tables}");
    }
    match args.report {
        Some(into) => report(&out, &into, &args.page),
        None => plot(&out, None),
    }
}

fn plot(results: &Path, out: Option<PathBuf>) -> Result<()> {
    let out = out.unwrap_or_else(|| results.join("figures"));
    let names = perf_analysis::plot::plot(&Results::load(results)?, &out)?;
    eprintln!("{} figures are in {}", names.len(), out.display());
    Ok(())
}

fn report(results: &Path, into: &Path, page: &str) -> Result<()> {
    plot(results, Some(into.join("figures")))?;
    let path = into.join(page);
    let text = fs::read_to_string(&path).context(|| format!("reading {}", path.display()))?;
    let folder = results.to_string_lossy();
    let filled = perf_analysis::report::fill(&text, &Results::load(results)?, folder.trim_end_matches('/'))?;
    fs::write(&path, filled).context(|| format!("writing {}", path.display()))?;
    eprintln!("its numbers are in {}", path.display());
    Ok(())
}

fn compare(a: &Path, b: &Path, out: Option<PathBuf>) -> Result<()> {
    let out = out.unwrap_or_else(|| b.join("compared"));
    let (a, b) = (Results::load(a)?, Results::load(b)?);
    print!("{}", perf_analysis::compare::table(&a, &b));
    let names = perf_analysis::plot::plot_both(&a, &b, &out)?;
    eprintln!("{} figures are in {}", names.len(), out.display());
    Ok(())
}
