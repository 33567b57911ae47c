//! The worker processes of a run, killed on drop.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Crash, setup::Setup};
use crate::{
    enclosure::process_cpu_us,
    error::{Context, Error, Result},
};

/// The workers of one run.
pub(super) struct Crew<'a> {
    setup: &'a Setup<'a>,
    url: String,
    secret: &'static str,
    workers: Vec<Worker>,
    /// Number of workers started.
    started: u32,
    /// Processor time of those that crashed.
    crashed_cpu_us: u64,
}

/// A worker; killed on drop.
struct Worker {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail only if it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'a> Crew<'a> {
    /// Starts `count` workers for the main server at `url`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn start(setup: &'a Setup<'a>, url: &str, secret: &'static str, count: u32) -> Result<Self> {
        let mut crew =
            Self { setup, url: url.into(), secret, workers: Vec::new(), started: 0, crashed_cpu_us: 0 };
        for _ in 0..count {
            let worker = crew.start_one()?;
            crew.workers.push(worker);
        }
        Ok(crew)
    }

    fn start_one(&mut self) -> Result<Worker> {
        self.started += 1;
        let name = format!("worker-{}", self.started);
        let log = self.setup.logs.join(format!("{name}.log"));
        let file = File::create(&log).context(|| format!("making {}", log.display()))?;
        let mut command = Command::new(self.setup.undead);
        command.args(["worker", "--concurrency", "1", "--name", &name, "--main-server", &self.url]);
        command.arg("--exit-with-stdin");
        command.env("UNDEAD_CLUSTER_SECRET", self.secret).env("UNDEAD_LOG", "warn");
        command.env("UNDEAD_SCRATCH_DIR", self.setup.data().join("scratch"));
        // The pipe closes when this program ends, and then the worker ends too.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(file);
        let child = command.spawn().context(|| format!("starting {name}"))?;
        Ok(Worker { name, child, log })
    }

    /// Number of workers.
    pub(super) fn count(&self) -> usize {
        self.workers.len()
    }

    /// Kills one worker (`SIGKILL`), one of the `busy` ones if there are any, chosen by `number`, and starts
    /// another in its place.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn crash(&mut self, busy: &[String], number: usize) -> Result<Crash> {
        let replacement = self.start_one()?;
        let is_busy = |worker: &Worker| busy.contains(&worker.name);
        let mut eligible: Vec<usize> =
            (0..self.workers.len()).filter(|&place| is_busy(&self.workers[place])).collect();
        if eligible.is_empty() {
            eligible = (0..self.workers.len()).collect();
        }
        let number = eligible[number % eligible.len()];
        let mut crashed = std::mem::replace(&mut self.workers[number], replacement);
        let cpu_us = process_cpu_us(crashed.child.id())?;
        crashed.child.kill().context(|| format!("killing {}", crashed.name))?;
        let at_ms = now_ms();
        self.crashed_cpu_us += cpu_us;
        let replacement = self.workers[number].name.clone();
        Ok(Crash { at_ms, worker: crashed.name.clone(), replacement })
    }

    /// Processor time of all workers, including crashed ones.
    ///
    /// # Errors
    /// [`Error::Io`] if one has ended.
    pub(super) fn cpu_us(&self) -> Result<u64> {
        let living: u64 =
            self.workers.iter().map(|worker| process_cpu_us(worker.child.id())).sum::<Result<_>>()?;
        Ok(living + self.crashed_cpu_us)
    }

    /// Checks that all still run.
    ///
    /// # Errors
    /// [`Error::Program`].
    pub(super) fn check(&mut self) -> Result<()> {
        for worker in &mut self.workers {
            if let Some(status) = worker.child.try_wait().context(|| format!("watching {}", worker.name))? {
                let message = format!("ended by itself ({status}); see {}", worker.log.display());
                return Err(Error::Program { program: worker.name.clone(), message });
            }
        }
        Ok(())
    }
}

/// Unix epoch, as in times of main servers.
fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64)
}
