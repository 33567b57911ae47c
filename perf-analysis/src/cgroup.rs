//! Limits CPU by control group, version 2 or 1: the kernel's own quota, with 100 ms periods, as containers
//! use it.
//!
//! A program is started inside its group by a shell that enters it first, so that none of its threads ever
//! runs outside.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crate::error::{Context, Error, Result};

/// Length of a quota period.
pub const PERIOD: Duration = Duration::from_millis(100);

/// The control groups of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hierarchy {
    /// The unified hierarchy with the cpu controller, mounted here.
    V2(PathBuf),
    /// The separate hierarchy of the cpu controller, and that of the cpuacct controller if mounted.
    V1 {
        /// The cpu controller.
        cpu: PathBuf,
        /// The cpuacct controller.
        cpuacct: Option<PathBuf>,
    },
}

impl Hierarchy {
    /// Detects the hierarchy.
    ///
    /// # Errors
    /// [`Error::Limit`] if no cpu controller is mounted.
    pub fn detect() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/mounts").context(|| "reading /proc/mounts".into())?;
        Self::among(&mounts, |root| {
            let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
            controllers.split_whitespace().any(|controller| controller == "cpu")
        })
        .ok_or_else(|| {
            Error::Limit(
                "no control group with the cpu controller is mounted. As root, mount one \
                 (mkdir -p /sys/fs/cgroup/cpu && mount -t cgroup -o cpu none /sys/fs/cgroup/cpu), \
                 or run the node in a container with --docker"
                    .into(),
            )
        })
    }

    /// The hierarchy among `mounts` (format of /proc/mounts); `offers_cpu` asks a version 2 root.
    fn among(mounts: &str, offers_cpu: impl Fn(&Path) -> bool) -> Option<Self> {
        let (mut cpu, mut cpuacct) = (None, None);
        for mount in mounts.lines() {
            let mut fields = mount.split(' ').skip(1);
            let (Some(root), Some(kind), Some(options)) = (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let root = PathBuf::from(root);
            let has = |controller| options.split(',').any(|option| option == controller);
            match kind {
                "cgroup2" if offers_cpu(&root) => return Some(Self::V2(root)),
                "cgroup" => {
                    if has("cpuacct") {
                        cpuacct = Some(root.clone());
                    }
                    if has("cpu") {
                        cpu = Some(root);
                    }
                }
                _ => {}
            }
        }
        Some(Self::V1 { cpu: cpu?, cpuacct })
    }
}

/// A control group of this program; removed on drop, once its processes have ended.
#[derive(Debug)]
pub struct Group {
    hierarchy: Hierarchy,
    name: String,
}

/// Cumulative use of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time, microseconds; `None` where the kernel keeps no account (version 1 without cpuacct).
    pub cpu_us: Option<u64>,
    /// Periods in which it ran.
    pub periods: u64,
    /// Periods in which it used up its quota.
    pub throttled_periods: u64,
    /// Time it had to wait for the next period, microseconds.
    pub throttled_us: u64,
}

impl Group {
    /// Creates a group with a name of its own, without a limit yet. It gets the greatest weight, so that other
    /// programs on the machine disturb it as little as possible.
    ///
    /// # Errors
    /// [`Error::Limit`] if that is not permitted.
    pub fn create(hierarchy: Hierarchy) -> Result<Self> {
        let group = Self { hierarchy, name: unique_name() };
        if let Hierarchy::V2(root) = &group.hierarchy {
            permitted(fs::write(root.join("cgroup.subtree_control"), "+cpu"), root)?;
        }
        for directory in group.directories() {
            permitted(fs::create_dir_all(&directory), &directory)?;
        }
        let (file, greatest) = match group.hierarchy {
            Hierarchy::V2(_) => ("cpu.weight", "10000"),
            Hierarchy::V1 { .. } => ("cpu.shares", "262144"),
        };
        let path = group.cpu_directory().join(file);
        permitted(fs::write(&path, greatest), &path)?;
        Ok(group)
    }

    /// Moves this process with all of its threads and future children into the group.
    ///
    /// # Errors
    /// [`Error::Limit`] if that is not permitted.
    pub fn enter(&self) -> Result<()> {
        self.directories().try_for_each(|directory| move_us(&directory))
    }

    /// Limits it to `cpus` cores; 0 lifts the limit.
    ///
    /// # Errors
    /// [`Error::Limit`] if that is not permitted.
    pub fn limit(&self, cpus: f64) -> Result<()> {
        let period = PERIOD.as_micros();
        let quota = (cpus * period as f64).round() as i64;
        let write = |file: &str, value: String| {
            let path = self.cpu_directory().join(file);
            permitted(fs::write(&path, value), &path)
        };
        match (&self.hierarchy, cpus == 0.0) {
            (Hierarchy::V2(_), true) => write("cpu.max", "max".into()),
            (Hierarchy::V2(_), false) => write("cpu.max", format!("{quota} {period}")),
            (Hierarchy::V1 { .. }, true) => write("cpu.cfs_quota_us", "-1".into()),
            (Hierarchy::V1 { .. }, false) => {
                write("cpu.cfs_period_us", period.to_string())?;
                write("cpu.cfs_quota_us", quota.to_string())
            }
        }
    }

    /// A command that runs `program` inside the group.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        let files: Vec<String> = self
            .directories()
            .map(|directory| format!("echo $$ > '{}/cgroup.procs' && ", directory.display()))
            .collect();
        command.arg("-c").arg(format!("{}exec \"$0\" \"$@\"", files.concat())).arg(program);
        command
    }

    /// What it has used so far.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn usage(&self) -> Result<Usage> {
        let path = self.cpu_directory().join("cpu.stat");
        let stat = fs::read_to_string(&path).context(|| format!("reading {}", path.display()))?;
        let mut usage = parse_cpu_stat(&stat);
        if let Hierarchy::V1 { cpuacct: Some(root), .. } = &self.hierarchy {
            let path = root.join(&self.name).join("cpuacct.usage");
            let ns = fs::read_to_string(&path).context(|| format!("reading {}", path.display()))?;
            usage.cpu_us = ns.trim().parse::<u64>().ok().map(|ns| ns / 1000);
        }
        Ok(usage)
    }

    fn cpu_directory(&self) -> PathBuf {
        match &self.hierarchy {
            Hierarchy::V2(root) | Hierarchy::V1 { cpu: root, .. } => root.join(&self.name),
        }
    }

    fn directories(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let account = match &self.hierarchy {
            Hierarchy::V1 { cpu, cpuacct: Some(root) } if root != cpu => Some(root.join(&self.name)),
            _ => None,
        };
        [self.cpu_directory()].into_iter().chain(account)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for directory in self.directories() {
            // This process is in the group only if it entered it; it moves to the parent group.
            let held = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            if held.lines().any(|id| id == std::process::id().to_string()) {
                let _ = directory.parent().map(move_us);
            }
            // A group with a remaining process stays, which is harmless.
            let _ = fs::remove_dir(directory);
        }
    }
}

/// A name for a control group or a container that nothing else on this machine has. Two trials of one process
/// must not share a group: one would count and limit the other's programs, and remove the group under them.
pub fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("undead-perf-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn move_us(directory: &Path) -> Result<()> {
    let path = directory.join("cgroup.procs");
    permitted(fs::write(&path, std::process::id().to_string()), &path)
}

/// Reads `cpu.stat` of either version.
pub fn parse_cpu_stat(stat: &str) -> Usage {
    let mut usage = Usage::default();
    for (key, value) in stat.lines().filter_map(|line| line.split_once(' ')) {
        let value = value.trim().parse().unwrap_or(0);
        match key {
            "usage_usec" => usage.cpu_us = Some(value),
            "nr_periods" => usage.periods = value,
            "nr_throttled" => usage.throttled_periods = value,
            "throttled_usec" => usage.throttled_us = value,
            "throttled_time" => usage.throttled_us = value / 1000,
            _ => {}
        }
    }
    usage
}

fn permitted<T>(result: std::io::Result<T>, path: &Path) -> Result<T> {
    result.map_err(|error| {
        Error::Limit(format!(
            "{}: {error}. Run as root, or run the node in a container with --docker",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_groups_of_one_process_are_apart_where_groups_are_permitted() {
        let Ok(hierarchy) = Hierarchy::detect() else { return };
        let Ok(first) = Group::create(hierarchy.clone()) else { return };
        let second = Group::create(hierarchy).unwrap();
        drop(first);
        let inside = second.command(Path::new("/bin/true")).status().unwrap();
        assert!(inside.success(), "the second group went with the first");
    }

    #[test]
    fn cpu_stat_of_both_versions_is_read() {
        let v1 = parse_cpu_stat("nr_periods 10\nnr_throttled 3\nthrottled_time 2500000\n");
        assert_eq!(v1, Usage { cpu_us: None, periods: 10, throttled_periods: 3, throttled_us: 2500 });
        let v2 = parse_cpu_stat("usage_usec 70\nnr_periods 10\nnr_throttled 3\nthrottled_usec 2500\n");
        assert_eq!(v2, Usage { cpu_us: Some(70), ..v1 });
    }

    #[test]
    fn version_2_is_preferred_where_it_has_the_cpu_controller() {
        let mounts =
            "cgroup /g/cpu cgroup rw,cpu 0 0\ncgroup /g/acct cgroup rw,cpuacct 0 0\nc2 /g/u cgroup2 rw 0 0";
        assert_eq!(Hierarchy::among(mounts, |_| true), Some(Hierarchy::V2("/g/u".into())));
        let v1 = Hierarchy::V1 { cpu: "/g/cpu".into(), cpuacct: Some("/g/acct".into()) };
        assert_eq!(Hierarchy::among(mounts, |_| false), Some(v1));
        assert_eq!(Hierarchy::among("tmpfs / tmpfs rw 0 0", |_| true), None);
    }
}
