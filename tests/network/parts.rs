//! Parts of a system that share no loopback: each in a network namespace of its own, joined by a bridge as containers are.

use std::{
    net::Ipv4Addr,
    path::PathBuf,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::namespace::{DEADLINE, Process, run};

/// The bridge of the test's own network, at 10.77.0.1.
pub(crate) struct Bridge {
    parts: u8,
}

impl Bridge {
    pub(crate) fn new() -> Self {
        run("ip link add bridge type bridge");
        run("ip addr add 10.77.0.1/24 dev bridge");
        run("ip link set bridge up");
        Self { parts: 0 }
    }

    /// Another part: a network of its own that reaches the others over the bridge.
    pub(crate) fn part(&mut self) -> Part {
        self.parts += 1;
        let number = self.parts;
        let holder = Command::new("unshare").args(["--net", "sleep", "600"]).spawn().unwrap();
        let part = Part { address: Ipv4Addr::new(10, 77, 0, 10 + number), holder: Process(holder) };
        let own = network("self");
        eventually("network of its own", || (network(&part.pid()) != own).then_some(()));
        run(&format!("ip link add part{number} type veth peer name eth0 netns {}", part.pid()));
        run(&format!("ip link set part{number} master bridge up"));
        part.run(&format!("ip addr add {}/24 dev eth0", part.address));
        part.run("ip link set eth0 up");
        part.run("ip link set lo up");
        part
    }
}

/// See [`Bridge::part`].
pub(crate) struct Part {
    /// Its address on the bridge.
    pub(crate) address: Ipv4Addr,
    holder: Process,
}

impl Part {
    /// A command in this network.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &self.pid(), program]);
        command
    }

    fn run(&self, command: &str) {
        run(&format!("nsenter --net --target {} {command}", self.pid()));
    }

    fn pid(&self) -> String {
        self.holder.0.id().to_string()
    }
}

fn network(pid: &str) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

/// Waits until `condition` gives something.
pub(crate) fn eventually<T>(what: &str, condition: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} in time");
        sleep(Duration::from_millis(20));
    }
}
