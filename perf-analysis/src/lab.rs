//! The environment of trials: the scenario, the programs under test, and the CPU limits.

use std::path::PathBuf;

use crate::{
    enclosure::Limits,
    error::{Error, Result},
    machine::{self, Split},
    scenario::{Cell, Scenario},
    servers::Programs,
};

/// The environment of trials.
pub struct Lab {
    /// What to measure.
    pub scenario: Scenario,
    /// The programs under test.
    pub programs: Programs,
    /// The folder of recordings.
    pub fixtures: PathBuf,
    /// How CPU is limited.
    pub limits: Limits,
    /// The cores of each program.
    pub split: Split,
}

impl Lab {
    /// Checks that everything `scenario` needs is available; `docker` names an image to run the node in.
    ///
    /// # Errors
    /// What is missing, and a remedy.
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
}
