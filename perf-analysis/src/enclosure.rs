//! Limits and counts the CPU of the node: in a control group, in a Docker container, or, if no limit is
//! requested and no control group permitted, without limits.

use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
};

use nix::{
    sys::time::TimeValLike,
    time::{ClockId, clock_getcpuclockid},
    unistd::Pid,
};

use crate::{
    cgroup::{Group, Hierarchy, Usage, parse_cpu_stat, unique_name},
    error::{Context, Error, Result},
    machine,
    scenario::Scenario,
};

/// The means of limiting CPU on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limits {
    /// By control groups.
    Groups(Hierarchy),
    /// By `docker run --cpus`, in containers of this image.
    Docker(String),
    /// No limits.
    None,
}

impl Limits {
    /// The means that `scenario` needs and this machine offers; `docker` names an image, to use containers
    /// instead.
    ///
    /// # Errors
    /// [`Error::Limit`] if the scenario limits CPU but that is impossible; contains a remedy.
    pub fn find(scenario: &Scenario, docker: Option<&str>) -> Result<Self> {
        if let Some(image) = docker {
            docker_output(&["version", "--format", "{{.Server.Version}}"])?;
            return Ok(Self::Docker(image.into()));
        }
        let limited = scenario.sweep.iter().flat_map(|sweep| &sweep.cpus).any(|&cpus| cpus != 0.0);
        match Self::groups() {
            Err(error) if limited => Err(error),
            groups => Ok(groups.unwrap_or(Self::None)),
        }
    }

    /// Control groups, if they can be created here.
    ///
    /// # Errors
    /// [`Error::Limit`] if not.
    pub fn groups() -> Result<Self> {
        let hierarchy = Hierarchy::detect()?;
        Group::create(hierarchy.clone()).and_then(|group| group.limit(1.0))?;
        Ok(Self::Groups(hierarchy))
    }

    /// Gives this process precedence over others on the machine until the returned group is dropped: a group
    /// of the greatest weight, or at least a raised priority. Returns what was permitted, for the manifest.
    pub fn before_others(&self) -> (Option<Group>, &'static str) {
        if let Self::Groups(hierarchy) = self {
            let group = Group::create(hierarchy.clone());
            if let Ok(group) = group.and_then(|group| group.enter().map(|()| group)) {
                return (Some(group), "node and generator of greatest weight");
            }
        }
        (None, if machine::raise_priority() { "generator of raised priority" } else { "no raised priority" })
    }

    /// For the manifest.
    pub fn describe(&self) -> String {
        match self {
            Self::Groups(Hierarchy::V2(_)) => "cgroup v2 CPU quota, 100 ms periods".into(),
            Self::Groups(Hierarchy::V1 { .. }) => "cgroup v1 CPU quota, 100 ms periods".into(),
            Self::Docker(_) => "docker run --cpus, 100 ms periods".into(),
            Self::None => "none".into(),
        }
    }
}

/// The environment of one program, removed on drop.
#[derive(Debug)]
pub enum Enclosure {
    /// In a control group.
    Group(Group),
    /// In a container.
    Container {
        /// Its name.
        name: String,
        /// Of which image.
        image: String,
        /// Its limit, cores.
        cpus: f64,
    },
    /// No limits.
    Open,
}

impl Enclosure {
    /// An enclosure with a name of its own. A container is limited to `cpus` from its start; a group once
    /// [`Self::limit`] is called.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn new(limits: &Limits, cpus: f64) -> Result<Self> {
        Ok(match limits {
            Limits::Groups(hierarchy) => Self::Group(Group::create(hierarchy.clone())?),
            Limits::Docker(image) => Self::Container { name: unique_name(), image: image.clone(), cpus },
            Limits::None => Self::Open,
        })
    }

    /// A command that runs `program` with `environment` inside. In a container it is the image's own program, so
    /// only the arguments the caller adds matter.
    pub fn command(&self, program: &Path, environment: &[(&str, &str)]) -> Command {
        let mut command = match self {
            Self::Group(group) => group.command(program),
            Self::Container { name, image, cpus } => {
                let mut command = Command::new("docker");
                command.args(["run", "--rm", "--network", "host", "--name", name]);
                if *cpus != 0.0 {
                    command.arg(format!("--cpus={cpus}"));
                }
                // Values stay out of the process list, because docker reads them from its own environment.
                command.args(environment.iter().flat_map(|(key, _)| ["--env", key]));
                command.arg(image);
                command
            }
            Self::Open => Command::new(program),
        };
        command.envs(environment.iter().copied());
        command
    }

    /// Limits it to `cpus` cores from now on; 0 lifts the limit.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn limit(&self, cpus: f64) -> Result<()> {
        match self {
            Self::Group(group) => group.limit(cpus),
            Self::Container { .. } | Self::Open => Ok(()),
        }
    }

    /// The process id of the program inside; `id` is the process that was started.
    ///
    /// # Errors
    /// [`Error::Limit`] if docker does not tell.
    pub fn inner_id(&self, id: u32) -> Result<u32> {
        let Self::Container { name, .. } = self else { return Ok(id) };
        let inner = docker_output(&["inspect", "--format", "{{.State.Pid}}", name])?;
        inner
            .trim()
            .parse()
            .map_err(|_| Error::Limit(format!("docker inspect answered {inner:?} as process id")))
    }

    /// What the programs `ids` (inner ones, all that run here) have used so far.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn usage(&self, ids: &[u32]) -> Result<Usage> {
        let usage = match (self, ids) {
            (Self::Group(group), _) => group.usage()?,
            (Self::Container { .. }, [id, ..]) => container_usage(*id)?,
            _ => Usage::default(),
        };
        if usage.cpu_us.is_some() {
            return Ok(usage);
        }
        let cpu_us = ids.iter().map(|&id| process_cpu_us(id)).sum::<Result<u64>>()?;
        Ok(Usage { cpu_us: Some(cpu_us), ..usage })
    }
}

impl Drop for Enclosure {
    fn drop(&mut self) {
        if let Self::Container { name, .. } = self {
            // It has already ended if the program ended by itself.
            let _ = docker_output(&["kill", name]);
        }
    }
}

fn docker_output(args: &[&str]) -> Result<String> {
    let output = Command::new("docker").args(args).stdin(Stdio::null()).output();
    let output = output.map_err(|error| Error::Limit(format!("docker cannot be run: {error}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Limit(format!("docker {}: {words}", args.join(" "))))
    }
}

/// The `cpu.stat` of the group that the process `id` is in.
fn container_usage(id: u32) -> Result<Usage> {
    let path = format!("/proc/{id}/cgroup");
    let groups = fs::read_to_string(&path).context(|| format!("reading {path}"))?;
    let (root, wanted) = match Hierarchy::detect()? {
        Hierarchy::V2(root) => (root, ""),
        Hierarchy::V1 { cpu, .. } => (cpu, "cpu"),
    };
    let group = groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let controllers = fields.next()?;
        controllers.split(',').any(|controller| controller == wanted).then(|| fields.next())?
    });
    let path = root.join(group.unwrap_or_default().trim_start_matches('/')).join("cpu.stat");
    let stat = fs::read_to_string(&path).context(|| format!("reading {}", path.display()))?;
    Ok(parse_cpu_stat(&stat))
}

/// Processor time of a process, including that of threads that ended. Its clock is exact; its `stat` counts in steps of 10 ms, which is too
/// coarse for a server that is nearly idle.
pub(crate) fn process_cpu_us(id: u32) -> Result<u64> {
    let process = i32::try_from(id).map_err(|_| Error::Limit(format!("{id} is not a process id")))?;
    let used = clock_getcpuclockid(Pid::from_raw(process)).and_then(ClockId::now);
    let used = used.map_err(io::Error::from).context(|| format!("reading the clock of process {id}"))?;
    Ok(u64::try_from(used.num_microseconds()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_limited_and_its_secrets_stay_out_of_the_arguments() {
        let limits = Limits::Docker("undead".into());
        let enclosure = Enclosure::new(&limits, 0.25).unwrap();
        let command = enclosure.command(Path::new("ignored"), &[("UNDEAD_CLUSTER_SECRET", "hush")]);
        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
        assert!(args.contains(&"--cpus=0.25".into()), "{args:?}");
        assert!(args.iter().all(|arg| !arg.contains("hush")), "{args:?}");
        std::mem::forget(enclosure);
    }

    #[test]
    fn cpu_time_of_threads_that_ended_counts() {
        let before = process_cpu_us(std::process::id()).unwrap();
        let spinning = std::thread::spawn(|| {
            let used = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            while used().tv_nsec < 50_000_000 {}
        });
        spinning.join().unwrap();
        assert!(process_cpu_us(std::process::id()).unwrap() - before >= 40_000);
    }
}
