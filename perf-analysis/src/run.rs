//! A whole run: every trial of a scenario, one after the other, with the records checked at the end.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    completeness,
    enclosure::Limits,
    error::{Context, Error, Result},
    machine::{self, Machine, Split},
    progress::Progress,
    record::{Manifest, Results, Writer},
    scenario::{Cell, Scenario},
    servers::Programs,
    trial,
};

/// What trials are run with.
pub struct Lab {
    /// What to measure.
    pub scenario: Scenario,
    /// The programs under test.
    pub programs: Programs,
    /// The folder of recordings.
    pub fixtures: PathBuf,
    /// How CPU is limited.
    pub limits: Limits,
    /// Who gets which cores.
    pub split: Split,
}

impl Lab {
    /// Checks that everything `scenario` needs is there; `docker` names an image to run the node in.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub fn prepare(
        scenario: Scenario,
        programs: Programs,
        fixtures: PathBuf,
        docker: Option<&str>,
    ) -> Result<Self> {
        if !programs.undead.is_file() {
            let message = format!("{} is missing: run `make build` first", programs.undead.display());
            return Err(Error::Program { program: "undead".into(), message });
        }
        let limits = Limits::find(&scenario, docker)?;
        let most_cpus = scenario.trials().iter().map(|trial| trial.cell.cpus).fold(0.0, f64::max);
        let split = Split::new(scenario.pin, most_cpus)?;
        let sockets = |cell: Cell| u64::from(cell.streams) * u64::from(cell.viewers + cell.silent + 1);
        let most = scenario.trials().iter().map(|trial| sockets(trial.cell)).max();
        machine::allow_sockets(most.unwrap_or(0))?;
        Ok(Self { scenario, programs, fixtures, limits, split })
    }

    /// Runs everything into the new folder `out` and checks the records. `remark` goes into the manifest.
    ///
    /// # Errors
    /// The first thing that went wrong; what was recorded until then stays in `out`.
    pub fn run(&self, out: &Path, remark: Option<String>) -> Result<Results> {
        let mut manifest = self.manifest(remark)?;
        let (_group, precedence) = self.limits.before_others();
        manifest.limits = format!("{}, {precedence}", manifest.limits);
        let mut writer = Writer::create(out, &manifest)?;
        machine::pin(&self.split.generator)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(self.split.generator.len())
            .enable_all()
            .build()
            .context(|| "starting the generator's runtime".into())?;
        let trials = self.scenario.trials();
        let measuring: f64 = trials.iter().map(|trial| trial.measure_s).sum();
        let each_s = self.scenario.warm_up_s + measuring / trials.len().max(1) as f64;
        let mut progress = Progress::new(trials.len(), each_s);
        for trial in &trials {
            progress.begin(trial);
            runtime.block_on(async {
                tokio::select! {
                    result = trial::run(self, trial, &mut writer) => result,
                    _ = tokio::signal::ctrl_c() => Err(Error::Incomplete("interrupted".into())),
                }
            })?;
            progress.end();
        }
        progress.finish();
        drop(runtime);
        completeness::check(&Results::load(out)?)?;
        manifest.finished = true;
        writer.manifest(&manifest)?;
        Results::load(out)
    }

    fn manifest(&self, remark: Option<String>) -> Result<Manifest> {
        let version = Command::new(&self.programs.undead).arg("--version").output();
        let version = version.context(|| format!("running {}", self.programs.undead.display()))?;
        Ok(Manifest {
            commit: machine::commit(),
            undead_version: String::from_utf8_lossy(&version.stdout).trim().to_owned(),
            started_at_s: std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
            machine: Machine::this()?,
            limits: self.limits.describe(),
            remark,
            scenario: self.scenario.clone(),
            finished: false,
        })
    }
}
