//! How much processor time the process used, and how many processors it may use.
//!
//! Time comes from the process's clock, all threads together. The processors are those of the affinity mask, or the quota of the control
//! group the process runs in (version 2 `cpu.max`, version 1 `cpu.cfs_quota_us`), whichever is less. If the system does not say, one
//! processor is assumed.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Where control groups are mounted.
const CGROUPS: &str = "/sys/fs/cgroup";

pub(super) struct Processors {
    count: f64,
}

impl Processors {
    pub(super) fn detect() -> Self {
        let allowed = thread::available_parallelism().map_or(1.0, |count| count.get() as f64);
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let quota = quota(&groups, &|path: &Path| fs::read_to_string(path).ok());
        Self { count: quota.map_or(allowed, |quota| quota.min(allowed)).max(0.01) }
    }

    /// How many the process may use; a part of one counts as such.
    pub(super) fn count(&self) -> f64 {
        self.count
    }

    /// Time used since the process started.
    pub(super) fn used(&self) -> Duration {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ProcessCPUTime);
        let seconds = Duration::from_secs(u64::try_from(tv_sec).unwrap_or_default());
        seconds + Duration::from_nanos(u64::try_from(tv_nsec).unwrap_or_default())
    }
}

/// The smallest quota among the groups of the process and those above them.
fn quota(groups: &str, read: &dyn Fn(&Path) -> Option<String>) -> Option<f64> {
    let quotas = groups.lines().filter_map(|group| {
        let mut fields = group.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let root = match controllers {
            "" => PathBuf::from(CGROUPS),
            _ if controllers.split(',').any(|controller| controller == "cpu") => {
                Path::new(CGROUPS).join(controllers)
            }
            _ => return None,
        };
        let own = root.join(path.trim_start_matches('/'));
        own.ancestors()
            .take_while(|group| group.starts_with(&root))
            .filter_map(|at| group_quota(at, read))
            .reduce(f64::min)
    });
    quotas.reduce(f64::min)
}

fn group_quota(group: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Option<f64> {
    let number = |name: &str| read(&group.join(name))?.trim().parse::<f64>().ok();
    let (quota, period) = match read(&group.join("cpu.max")) {
        Some(max) => {
            let (quota, period) = max.trim().split_once(' ')?;
            (quota.parse().ok()?, period.parse().ok()?)
        }
        None => (number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?),
    };
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_threads_that_ended_is_used_time() {
        let processors = Processors::detect();
        let before = processors.used();
        let spinning = thread::spawn(|| while clock_gettime(ClockId::ThreadCPUTime).tv_nsec < 20_000_000 {});
        spinning.join().unwrap();
        assert!(processors.used() - before >= Duration::from_millis(20));
    }

    #[test]
    fn smallest_quota_on_the_way_up_counts() {
        let read = |path: &Path| match path.to_str()? {
            "/sys/fs/cgroup/a/b/cpu.max" => Some("50000 100000\n".to_owned()),
            "/sys/fs/cgroup/a/cpu.max" => Some("25000 100000\n".to_owned()),
            "/sys/fs/cgroup/cpu.max" => Some("max 100000\n".to_owned()),
            _ => None,
        };
        assert_eq!(quota("0::/a/b\n", &read), Some(0.25));
        assert_eq!(quota("0::/\n", &read), None);
    }

    #[test]
    fn quota_of_the_first_version_counts_too() {
        let read = |path: &Path| match path.to_str()? {
            "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us" => Some("-1\n".to_owned()),
            "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us" => Some("150000\n".to_owned()),
            path if path.ends_with("cpu.cfs_period_us") => Some("100000\n".to_owned()),
            _ => None,
        };
        assert_eq!(quota("3:cpu,cpuacct:/x\n2:memory:/y\n", &read), Some(1.5));
    }
}
