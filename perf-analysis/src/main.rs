//! The command line of `perf-analysis`.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use perf_analysis::{
    Result,
    control::{self, Bench, engine::Engine, record::Plan},
    error::Context,
    floor, jobs, judge,
    lab::Lab,
    library, lists, party,
    provenance::folder,
    record::Results,
    scenario::Scenario,
    servers::Programs,
    simulate,
};

/// The report's first page.
const README: &str = "README.md";
/// Its page about the control plane.
const CONTROL_PAGE: &str = "control.md";
/// Its page about the library.
const LIBRARY_PAGE: &str = "library.md";
/// Its page about parties.
const PARTY_PAGE: &str = "party.md";
/// Its page about jobs.
const JOBS_PAGE: &str = "jobs.md";
/// Its page about placement.
const PLACEMENT_PAGE: &str = "placement.md";

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
    /// Load a main server with nodes' heartbeats and viewers' requests, on each store in turn
    Control(ControlArgs),
    /// Measure what serving the library costs, beside nginx with the same fragments as files
    Library(LibraryArgs),
    /// Measure how soon a main server answers with pages and searches of a large library, on each store in turn
    Lists(ListsArgs),
    /// Measure how soon members of parties know what their host did
    Party(PartyArgs),
    /// Measure how long jobs take, by workers and crashes, and how fast the queue is
    Jobs(JobsArgs),
    /// Simulate placement on thousands of nodes and leave its records in a folder
    Simulate {
        /// The scenario file
        #[arg(default_value = "perf-analysis/simulations/default.toml")]
        scenario: PathBuf,
        /// Folder for the records; named after the date and the commit if left out
        #[arg(long)]
        out: Option<PathBuf>,
        /// Write the figure and the numbers into the page placement.md of the report in this folder
        #[arg(long, value_name = "DIR")]
        report: Option<PathBuf>,
    },
    /// Write one shared, prebuilt buffer to every viewer's socket: what the kernel costs
    Floor {
        /// Address and port to serve on
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Do not log how long each segment took
        #[arg(long)]
        quiet: bool,
        /// Serve over TLS, with a self-signed certificate that is kept in this folder
        #[arg(long, value_name = "DIR")]
        tls_dir: Option<PathBuf>,
    },
}

// What is measured, and how that is recorded. A doc comment could become the description of a command that has these.
#[derive(Args)]
struct RecordArgs {
    /// Folder for the records; named after the date and the commit if left out
    #[arg(long)]
    out: Option<PathBuf>,
    /// The binary to measure
    #[arg(long, env = "UNDEAD_BIN", default_value = "target/release/undead")]
    undead: PathBuf,
    /// Something the reader of the figures should know, e.g. what else the machine was doing
    #[arg(long)]
    remark: Option<String>,
}

#[derive(Args)]
struct RunArgs {
    /// The scenario file, e.g. perf-analysis/scenarios/default.toml
    scenario: PathBuf,
    #[command(flatten)]
    record: RecordArgs,
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
}

#[derive(Args)]
struct ControlArgs {
    /// The stores to measure
    #[arg(long, value_delimiter = ',', default_value = "sqlite,nats,nats-cluster")]
    engines: Vec<Engine>,
    /// Times through all of them
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Nodes that send a heartbeat a second
    #[arg(long, default_value_t = 10_000)]
    nodes: u32,
    /// Nodes there are when viewers ask for the first time
    #[arg(long, default_value_t = 100)]
    few_nodes: u32,
    /// Seconds over which heartbeats are measured
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// Connections that ask where to watch, each as fast as it is answered
    #[arg(long, default_value_t = 32)]
    connections: u32,
    /// Seconds they do
    #[arg(long, default_value_t = 5.0)]
    watch_seconds: f64,
    #[command(flatten)]
    record: RecordArgs,
    /// The NATS server
    #[arg(long, default_value = "target/nats-server/bin/nats-server")]
    nats_server: PathBuf,
    /// Write the numbers into the page control.md of the report in this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

#[derive(Args)]
struct LibraryArgs {
    /// Songs, each with a player of its own
    #[arg(long, default_value_t = 200)]
    songs: usize,
    /// Players of one song
    #[arg(long, default_value_t = 1000)]
    players_of_one: usize,
    /// Fragments of a song
    #[arg(long, default_value_t = 10)]
    fragments: usize,
    /// Bytes of a fragment: 10 s of 256 kbit/s
    #[arg(long, default_value_t = 320_000)]
    fragment_bytes: usize,
    /// Seconds between two fragments of a paced player
    #[arg(long, default_value_t = 10.0)]
    every: f64,
    /// Seconds of one unpaced measurement; a paced one takes four times as long
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Times through all of them
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// The crowds to measure
    #[arg(long, value_delimiter = ',', value_parser = library::CROWD_NAMES, default_values = library::CROWD_NAMES)]
    crowds: Vec<String>,
    #[command(flatten)]
    record: RecordArgs,
    /// Write the figure and the numbers into the page library.md of the report in this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

#[derive(Args)]
struct ListsArgs {
    /// Items there are
    #[arg(long, default_value_t = 10_000)]
    items: u32,
    /// The stores to measure
    #[arg(long, value_delimiter = ',', default_value = "sqlite,nats,nats-cluster")]
    engines: Vec<Engine>,
    /// Times that each list is asked for, and titles that are searched for
    #[arg(long, default_value_t = 500)]
    times: u32,
    #[command(flatten)]
    record: RecordArgs,
    /// The NATS server
    #[arg(long, default_value = "target/nats-server/bin/nats-server")]
    nats_server: PathBuf,
}

#[derive(Args)]
struct PartyArgs {
    /// Parties and members of each, e.g. 1x1000,1000x5; those of the report if left out
    #[arg(long, value_delimiter = ',', value_parser = party_case)]
    cases: Vec<party::Case>,
    /// Seconds during which hosts send commands, in each case
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// Commands a second of all hosts together
    #[arg(long, default_value_t = 200.0)]
    commands: f64,
    /// The store
    #[arg(long, default_value = "sqlite")]
    engine: Engine,
    #[command(flatten)]
    record: RecordArgs,
    /// The NATS server
    #[arg(long, default_value = "target/nats-server/bin/nats-server")]
    nats_server: PathBuf,
    /// Write the figures and the numbers into the page party.md of the report in this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

#[derive(Args)]
struct JobsArgs {
    /// Length of the song, in seconds
    #[arg(long, default_value_t = 180)]
    song_seconds: u32,
    /// Numbers of workers of the undisturbed runs of one job
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8")]
    workers: Vec<u32>,
    /// Workers of the runs with crashes
    #[arg(long, default_value_t = 4)]
    crash_workers: u32,
    /// Numbers of crashes of the runs of one job
    #[arg(long, value_delimiter = ',', default_value = "1,2,4")]
    crashes: Vec<u32>,
    /// Times through the runs of one job
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Jobs at once in the other runs; 0 for none of these
    #[arg(long, default_value_t = 5)]
    songs: u32,
    /// Numbers of crashes of these runs
    #[arg(long, value_delimiter = ',', default_value = "2,4,8")]
    songs_crashes: Vec<u32>,
    /// Says when which worker crashes
    #[arg(long, default_value_t = 15)]
    seed: u64,
    /// Stores whose queue is measured
    #[arg(long, value_delimiter = ',', default_value = "sqlite,nats")]
    engines: Vec<Engine>,
    /// Empty tasks that each queue carries
    #[arg(long, default_value_t = 8_000)]
    tasks: u32,
    /// Tasks that a waiting worker of each queue claims one by one
    #[arg(long, default_value_t = 500)]
    claims: u32,
    #[command(flatten)]
    record: RecordArgs,
    /// The NATS server; without it its stores are left out
    #[arg(long, default_value = "target/nats-server/bin/nats-server")]
    nats_server: PathBuf,
    /// Write the figures and the numbers into the page jobs.md of the report in this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

fn party_case(text: &str) -> Result<party::Case, String> {
    let (parties, members) = text.split_once('x').ok_or("write PARTIESxMEMBERS, e.g. 1x1000")?;
    let number = |text: &str| match text.parse::<u32>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{text} is not a positive number")),
    };
    Ok(party::Case { parties: number(parties)?, members: number(members)? })
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => run(args),
        Command::Plot { results, out } => plot(&results, out),
        Command::Compare { a, b, out } => compare(&a, &b, out),
        Command::Report { results, into, page } => report(&results, &into, &page),
        Command::Control(args) => control(args),
        Command::Library(args) => serve_library(args),
        Command::Lists(args) => measure_lists(args),
        Command::Party(args) => measure_parties(args),
        Command::Jobs(args) => measure_jobs(args),
        Command::Simulate { scenario, out, report } => simulate(&scenario, out, report),
        Command::Floor { listen, quiet, tls_dir } => floor::serve(listen, quiet, tls_dir),
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
        Programs { undead: args.record.undead, floor },
        args.fixtures,
        args.docker.as_deref(),
    )?;
    let out = args.record.out.unwrap_or_else(|| folder(""));
    let outcome = lab.run(&out, args.record.remark);
    eprintln!("records are in {}", out.display());
    if let Some(tables) = judge::tables(&outcome?) {
        print!("{tables}");
    }
    match args.report {
        Some(into) => report(&out, &into, &args.page),
        None => plot(&out, None),
    }
}

fn control(args: ControlArgs) -> Result<()> {
    let plan = Plan {
        engines: args.engines,
        rounds: args.rounds,
        nodes: args.nodes,
        few_nodes: args.few_nodes,
        heartbeats_s: args.seconds,
        connections: args.connections,
        watch_s: args.watch_seconds,
    };
    let out = args.record.out.unwrap_or_else(|| folder("-control"));
    let bench = Bench { plan, undead: args.record.undead, nats_server: args.nats_server };
    let outcome = bench.run(&out, args.record.remark);
    eprintln!("records are in {}", out.display());
    outcome?;
    let results = control::record::Results::load(&out)?;
    results.check()?;
    print!("{}", control::page::table(&results));
    args.report.map_or(Ok(()), |into| report(&out, &into, CONTROL_PAGE))
}

fn serve_library(args: LibraryArgs) -> Result<()> {
    let plan = library::Plan {
        songs: args.songs,
        players_of_one: args.players_of_one,
        fragments: args.fragments,
        fragment_bytes: args.fragment_bytes,
        every_s: args.every,
        seconds: args.seconds,
        rounds: args.rounds,
        crowds: args.crowds,
    };
    let out = args.record.out.unwrap_or_else(|| folder("-library"));
    let records = library::run(plan, &args.record.undead, &out, args.record.remark)?;
    eprintln!("records are in {}", out.display());
    print!("{}", library::table(&records));
    args.report.map_or(Ok(()), |into| report(&out, &into, LIBRARY_PAGE))
}

fn measure_lists(args: ListsArgs) -> Result<()> {
    let plan = lists::Plan { items: args.items, engines: args.engines, times: args.times };
    let out = args.record.out.unwrap_or_else(|| folder("-lists"));
    let bench = lists::Bench { plan, undead: &args.record.undead, nats_server: &args.nats_server };
    let records = bench.run(&out, args.record.remark)?;
    eprintln!("records are in {}", out.display());
    print!("{}", lists::table(&records));
    Ok(())
}

fn measure_parties(args: PartyArgs) -> Result<()> {
    let cases = if args.cases.is_empty() { party::Plan::report_cases() } else { args.cases };
    let plan =
        party::Plan { cases, seconds: args.seconds, commands_per_s: args.commands, engine: args.engine };
    let out = args.record.out.unwrap_or_else(|| folder("-party"));
    let bench = party::Bench { plan, undead: &args.record.undead, nats_server: &args.nats_server };
    let records = bench.run(&out, args.record.remark)?;
    eprintln!("records are in {}", out.display());
    print!("{}", party::table(&records));
    args.report.map_or(Ok(()), |into| report(&out, &into, PARTY_PAGE))
}

fn measure_jobs(args: JobsArgs) -> Result<()> {
    let plan = jobs::Plan {
        song_seconds: args.song_seconds,
        workers: args.workers,
        crash_workers: args.crash_workers,
        crashes: args.crashes,
        rounds: args.rounds,
        songs: args.songs,
        songs_crashes: args.songs_crashes,
        seed: args.seed,
        engines: args.engines,
        tasks: args.tasks,
        claims: args.claims,
    };
    let out = args.record.out.unwrap_or_else(|| folder("-jobs"));
    let bench = jobs::Bench { plan, undead: &args.record.undead, nats_server: &args.nats_server };
    let records = bench.run(&out, args.record.remark)?;
    eprintln!("records are in {}", out.display());
    print!("{}", jobs::tables(&records));
    args.report.map_or(Ok(()), |into| report(&out, &into, JOBS_PAGE))
}

fn plot(results: &Path, out: Option<PathBuf>) -> Result<()> {
    let out = out.unwrap_or_else(|| results.join("figures"));
    let names = perf_analysis::plot::plot(&Results::load(results)?, &out)?;
    eprintln!("{} figures are in {}", names.len(), out.display());
    Ok(())
}

fn report(results: &Path, into: &Path, page: &str) -> Result<()> {
    if page == CONTROL_PAGE {
        let records = control::record::Results::load(results)?;
        return fill_page(results, &into.join(page), |text, folder| {
            control::page::fill(text, &records, folder)
        });
    }
    if page == LIBRARY_PAGE {
        let records = library::Records::load(results)?;
        perf_analysis::plot::plot_library(&records, &into.join("figures"))?;
        return fill_page(results, &into.join(page), |text, folder| library::fill(text, &records, folder));
    }
    if page == PARTY_PAGE {
        let records = party::Records::load(results)?;
        perf_analysis::plot::plot_party(&records, &into.join("figures"))?;
        return fill_page(results, &into.join(page), |text, folder| party::fill(text, &records, folder));
    }
    if page == JOBS_PAGE {
        let records = jobs::Records::load(results)?;
        perf_analysis::plot::plot_jobs(&records, &into.join("figures"))?;
        return fill_page(results, &into.join(page), |text, folder| jobs::fill(text, &records, folder));
    }
    if page == PLACEMENT_PAGE {
        let records = simulate::Records::load(results)?;
        perf_analysis::plot::plot_simulation(&records, &into.join("figures"))?;
        return fill_page(results, &into.join(page), |text, folder| {
            simulate::page::fill(text, &records, folder)
        });
    }
    plot(results, Some(into.join("figures")))?;
    let records = Results::load(results)?;
    fill_page(results, &into.join(page), |text, folder| perf_analysis::report::fill(text, &records, folder))
}

/// Fills the page at `path` with the records in the folder `results`.
fn fill_page(results: &Path, path: &Path, fill: impl FnOnce(&str, &str) -> Result<String>) -> Result<()> {
    let text = fs::read_to_string(path).context(|| format!("reading {}", path.display()))?;
    let folder = results.to_string_lossy();
    let filled = fill(&text, folder.trim_end_matches('/'))?;
    fs::write(path, filled).context(|| format!("writing {}", path.display()))?;
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

fn simulate(scenario: &Path, out: Option<PathBuf>, into: Option<PathBuf>) -> Result<()> {
    let records = simulate::run(simulate::Scenario::load(scenario)?)?;
    let out = out.unwrap_or_else(|| folder("-simulation"));
    records.save(&out)?;
    print!("{}", simulate::Judgement::of(&records));
    for times in &records.decisions {
        println!(
            "{:20} {} decisions of {:.1} us on average, 99 of 100 below {:.1} us",
            times.kind, times.count, times.mean_us, times.p99_us
        );
    }
    eprintln!("records are in {}", out.display());
    into.map_or(Ok(()), |into| report(&out, &into, PLACEMENT_PAGE))
}
