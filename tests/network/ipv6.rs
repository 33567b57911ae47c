//! A server that listens on an IPv6 address has its nodes, whatever the system's default for `[::]` is.

use std::{fs, path::Path, process::Command};

use crate::{
    namespace::{Process, is_inside},
    server::{UNDEAD, client, start, until_nodes, until_ready},
};

/// `undead up` with its data in `folder`.
fn up(folder: &Path, flags: &[&str]) -> Process {
    let mut command = Command::new(UNDEAD);
    command.arg("up").args(flags).arg("--data-dir").arg(folder.join("data"));
    start(command, &folder.join("log"))
}

fn secret(folder: &Path) -> String {
    fs::read_to_string(folder.join("data/cluster-secret")).unwrap().trim().to_owned()
}

#[tokio::test]
async fn unspecified_address_serves_both_families_and_its_own_nodes_where_it_is_for_ipv6_alone_as_root() {
    const NAME: &str =
        "ipv6::unspecified_address_serves_both_families_and_its_own_nodes_where_it_is_for_ipv6_alone_as_root";
    if !is_inside(NAME) {
        return;
    }
    fs::write("/proc/sys/net/ipv6/bindv6only", "1").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let _up = up(folder.path(), &["--listen", "[::]:5000"]);
    let secret = secret(folder.path());
    for url in ["http://[::1]:5000", "http://127.0.0.1:5000"] {
        until_nodes(&client(), url, &secret, 2).await;
        until_ready(&client(), &format!("{url}/cdn/a")).await;
    }
    let health = Command::new(UNDEAD).args(["healthcheck", "--listen", "[::]:5000"]).status().unwrap();
    assert!(health.success());
}

#[tokio::test]
async fn nodes_are_spawned_on_an_ipv6_address_and_reached_by_one_as_root() {
    if !is_inside("ipv6::nodes_are_spawned_on_an_ipv6_address_and_reached_by_one_as_root") {
        return;
    }
    for listen in ["[::1]:5000", "[::]:5010"] {
        let folder = tempfile::tempdir().unwrap();
        let flags =
            ["--listen", listen, "--spawn-nodes", "1", "--spawn-ports", "5100", "--spawn-host", "::1"];
        let _up = up(folder.path(), &flags);
        let url = listen.replace("[::]", "[::1]");
        let nodes = until_nodes(&client(), &format!("http://{url}"), &secret(folder.path()), 1).await;
        assert_eq!(nodes[0].public_url, "http://[::1]:5100");
        until_ready(&client(), &nodes[0].public_url).await;
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(log.matches("starting node").count(), 1, "{log}");
    }
}

#[test]
fn address_that_no_url_can_carry_is_refused_at_the_start() {
    for flags in [
        &["--spawn-nodes", "1", "--spawn-host", "fe80::1"][..],
        &["--spawn-nodes", "1", "--spawn-host", "::"],
        &["--listen", "[fe80::1%1]:5000"],
    ] {
        let output = Command::new(UNDEAD).arg("up").args(flags).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {said}");
        assert!(said.contains("link-local") || said.contains("unspecified"), "{said}");
    }
}
