//! A network of a test's own: the test runs itself once more in a network namespace, where every port and setting is its own.

use std::{
    env,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Longest that anything here may take; what is awaited is always a condition.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Set where the test runs in its own network.
const INSIDE: &str = "UNDEAD_TEST_NETWORK";

/// Whether the test called `name` runs in its own network. If not, this has run it there: it has passed, or cannot be run
/// here and says so.
pub(crate) fn is_inside(name: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        run("ip link set lo up");
        return true;
    }
    let is_allowed = Command::new("unshare").args(["--net", "true"]).stderr(Stdio::null()).status();
    if !is_allowed.is_ok_and(|status| status.success()) {
        println!("skipped: network namespaces need root");
        return false;
    }
    let mut test = Command::new("unshare");
    test.arg("--net").arg(env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    assert!(test.env(INSIDE, "1").status().unwrap().success(), "{name} fails in its own network");
    false
}

/// Runs a command, words between spaces.
pub(crate) fn run(command: &str) {
    let mut words = command.split(' ');
    let status = Command::new(words.next().unwrap()).args(words).status().unwrap();
    assert!(status.success(), "{command}");
}

/// A process that is killed when this is dropped.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
