//! The machine of a run, as far as figures depend on it, and the assignment of its cores.

use std::{fs, path::Path, process::Command};

use rustix::{
    process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
    time::{ClockId, clock_gettime},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::error::{Context, Error, Result};

/// The properties that figures depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Cores that may be used.
    pub cores: u32,
    /// Memory.
    pub memory_bytes: u64,
    /// Kernel name, release and architecture.
    pub kernel: String,
    /// Average number of runnable processes in the minute before the run.
    pub load_before: f64,
}

impl Machine {
    /// The current machine.
    ///
    /// # Errors
    /// [`Error::Io`] if the kernel does not tell.
    pub fn this() -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).context(|| format!("reading {path}"));
        let cpuinfo = read("/proc/cpuinfo")?;
        let cpu = field(&cpuinfo, "model name").unwrap_or("unknown processor").to_owned();
        let meminfo = read("/proc/meminfo")?;
        let kib = field(&meminfo, "MemTotal").and_then(|value| value.split(' ').next()?.parse::<u64>().ok());
        let uname = rustix::system::uname();
        let kernel = [uname.sysname(), uname.release(), uname.machine()]
            .map(|part| part.to_string_lossy().into_owned());
        let loadavg = read("/proc/loadavg")?;
        Ok(Self {
            cpu,
            cores: our_cores()?.len() as u32,
            memory_bytes: kib.unwrap_or(0) * 1024,
            kernel: kernel.join(" "),
            load_before: loadavg.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0),
        })
    }

    /// One line for captions.
    pub fn caption(&self) -> String {
        let gib = self.memory_bytes as f64 / f64::from(1 << 30);
        format!("{}, {} cores, {gib:.0} GiB, {}", self.cpu, self.cores, self.kernel)
    }
}

fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim())
}

/// The cores of the node and of the generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The node's; if empty, the system chooses.
    pub node: Vec<usize>,
    /// The generator's and the main server's; never empty.
    pub generator: Vec<usize>,
}

impl Split {
    /// Gives the node as many whole cores as `cpus` (the largest limit) needs, and the generator the others,
    /// if `pin` requests it and there are enough.
    ///
    /// # Errors
    /// [`Error::Io`] if the kernel does not tell our cores.
    pub fn new(pin: bool, cpus: f64) -> Result<Self> {
        let cores = our_cores()?;
        let wanted = cpus.ceil().max(1.0) as usize;
        if pin && wanted < cores.len() {
            let (node, generator) = cores.split_at(wanted);
            return Ok(Self { node: node.into(), generator: generator.into() });
        }
        Ok(Self { node: Vec::new(), generator: cores })
    }
}

fn our_cores() -> Result<Vec<usize>> {
    let set = sched_getaffinity(None).context(|| "asking for our cores".into())?;
    Ok((0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect())
}

/// Binds the calling thread, and what it starts from now on, to `cores`; does nothing if there are none.
///
/// # Errors
/// [`Error::Io`].
pub fn pin(cores: &[usize]) -> Result<()> {
    if cores.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    cores.iter().for_each(|&core| set.set(core));
    sched_setaffinity(None, &set).context(|| format!("pinning to cores {cores:?}"))
}

/// Gives this process, and what it starts, precedence over others on the machine; `false` if that is not
/// permitted.
pub fn raise_priority() -> bool {
    const BEFORE_OTHERS: i32 = -15;
    setpriority_process(None, BEFORE_OTHERS).is_ok()
}

/// Raises the limit of open files to the maximum, and checks that it suffices for `sockets`.
///
/// # Errors
/// [`Error::Limit`] if it does not.
pub fn allow_sockets(sockets: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).context(|| "raising the limit of open files".into())?;
    match limit.maximum {
        Some(most) if most < sockets + 100 => Err(Error::Limit(format!(
            "{sockets} connections need more open files than the {most} allowed: raise `ulimit -Hn`, or \
             measure fewer viewers"
        ))),
        _ => Ok(()),
    }
}

/// CPU time this process has used, microseconds.
pub fn own_cpu_us() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}

/// Microseconds in a clock tick of /proc (`USER_HZ` is 100 on every Linux architecture we run on).
pub const TICK_US: u64 = 10_000;

/// CPU time of the whole machine: used by programs, and taken by the hypervisor; microseconds.
///
/// # Errors
/// [`Error::Io`].
pub fn whole_cpu_us() -> Result<(u64, u64)> {
    let stat = fs::read_to_string("/proc/stat").context(|| "reading /proc/stat".into())?;
    Ok(parse_stat(&stat))
}

/// The first line: user, nice, system, idle, iowait, irq, softirq, steal.
fn parse_stat(stat: &str) -> (u64, u64) {
    let ticks: Vec<u64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .map_while(|tick| tick.parse().ok())
        .collect();
    let sum = |fields: &[usize]| fields.iter().filter_map(|&field| ticks.get(field)).sum::<u64>() * TICK_US;
    (sum(&[0, 1, 2, 5, 6]), sum(&[7]))
}

/// The folders of results: changes there do not change the program.
const RESULTS: [&str; 2] = [":(top,exclude)report", ":(top,exclude)perf-analysis/results"];

/// The checkout's commit, with `-dirty` if it has changes other than results; `unknown` outside a checkout.
pub fn commit() -> String {
    let git = |args: &[&str]| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new("git").args(args).current_dir(directory).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let status = ["status", "--porcelain", "--", ":(top)", RESULTS[0], RESULTS[1]];
    match git(&["rev-parse", "--short=12", "HEAD"]) {
        Some(commit) if git(&status).is_some_and(|changes| changes.is_empty()) => commit,
        Some(commit) => format!("{commit}-dirty"),
        None => "unknown".into(),
    }
}

/// Today's date in UTC, e.g. `2026-11-21`.
pub fn today() -> String {
    OffsetDateTime::now_utc().date().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_not_busy_and_stolen_time_apart() {
        assert_eq!(parse_stat("cpu  1 2 4 1000 1000 8 16 32 0 0\ncpu0 9 9"), (310_000, 320_000));
    }
}
