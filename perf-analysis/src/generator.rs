//! This process as the load generator of a main server: one thread on cores of its own, before other programs on the machine.

use tokio::{runtime::Runtime, task::LocalSet};

use crate::{
    cgroup::Group,
    enclosure::Limits,
    error::{Context, Error, Result},
    machine::{self, Machine, Split},
    provenance::Provenance,
};

/// See the [module](self). Its precedence ends on drop; its thread stays on its cores.
pub(crate) struct Generator {
    // Dropped in this order: the load ends before the precedence does.
    runtime: Runtime,
    _group: Option<Group>,
    /// How it was put before other programs.
    pub(crate) precedence: &'static str,
    /// As it was before the start: this process has fewer cores since.
    pub(crate) machine: Machine,
    /// The cores of the main server, and of this process.
    pub(crate) split: Split,
    /// How the main server is put before other programs.
    pub(crate) limits: Limits,
}

impl Generator {
    /// Leaves a core to the main server, where there are several, and takes the others.
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

    /// Does `work` on this thread.
    ///
    /// # Errors
    /// Those of `work`, and of [`until_interrupted`].
    pub(crate) fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        LocalSet::new().block_on(&self.runtime, until_interrupted(work))
    }

    /// Of a run that ends now.
    pub(crate) fn provenance(&self, remark: Option<String>) -> Provenance {
        Provenance::new(self.machine.clone(), Some(self.precedence.into()), remark)
    }
}

/// Does `work`, and drops it when the user interrupts the program.
///
/// # Errors
/// Those of `work`; [`Error::Incomplete`] when interrupted.
pub(crate) async fn until_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        result = work => result,
        _ = tokio::signal::ctrl_c() => Err(Error::Incomplete("interrupted".into())),
    }
}
