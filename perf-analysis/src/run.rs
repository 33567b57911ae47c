//! A whole run: every trial of a scenario, one after the other; the records are checked at the end.

use std::{path::Path, process::Command};

use crate::{
    completeness,
    error::{Context, Result},
    generator::until_interrupted,
    lab::Lab,
    machine::{self, Machine},
    progress::Progress,
    record::{Manifest, Results, Writer},
    trial,
};

impl Lab {
    /// Runs everything, with records in the new folder `out`, and checks the records. `remark` goes into the
    /// manifest.
    ///
    /// # Errors
    /// The first failure; earlier records stay in `out`.
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
            runtime.block_on(until_interrupted(trial::run(self, trial, &mut writer)))?;
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
