//! This process as the load generator of a main server: one thread on its own cores, with precedence over
//! other programs on the machine.

use tokio::{runtime::Runtime, task::LocalSet};

use crate::{
    cgroup::Group,
    enclosure::Limits,
    error::{Context, Error, Result},
    machine::{self, Machine, Split},
    provenance::Provenance,
};

/// The generator. Its precedence ends on drop; its thread stays on its cores.
pub(crate) struct Generator {
    // Dropped in this order: the load ends before the precedence does.
    runtime: Runtime,
    _group: Option<Group>,
    /// How it got precedence over other programs.
    pub(crate) precedence: &'static str,
    /// The machine before the start; since then this process has fewer cores.
    pub(crate) machine: Machine,
    /// The cores of the main server, and of this process.
    pub(crate) split: Split,
    /// How the main server gets precedence over other programs.
    pub(crate) limits: Limits,
}

impl Generator {
    /// Reserves a core for the main server, if there are several, and uses the others.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn start() -> Result<Self> {
        let machine = Machine::this()?;
        let split = Split::new(true, 1.0)?;
        let limits = Limits::groups().unwrap_or(Limits::None);
        let (group, precedence) = limits.before_others();
        machine::pin(&split.generator)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context(|| "starting the generator's runtime".into())?;
        Ok(Self { runtime, _group: group, precedence, machine, split, limits })
    }

    /// Runs `work` on this thread.
    ///
    /// # Errors
    /// Those of `work`, and of [`until_interrupted`].
    pub(crate) fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        LocalSet::new().block_on(&self.runtime, until_interrupted(work))
    }

    /// The provenance of a run that ends now.
    pub(crate) fn provenance(&self, remark: Option<String>) -> Provenance {
        Provenance::new(self.machine.clone(), Some(self.precedence.into()), remark)
    }
}

/// Runs `work`, and drops it when the user interrupts the program.
///
/// # Errors
/// Those of `work`; [`Error::Incomplete`] when interrupted.
pub(crate) async fn until_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        result = work => result,
        _ = tokio::signal::ctrl_c() => Err(Error::Incomplete("interrupted".into())),
    }
}
