//! What operators watch, in the Prometheus text format (version 0.0.4).

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::control::Totals;

/// What happened since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Streams created.
    pub(crate) streams_created: AtomicU64,
    /// Watch grants handed out.
    pub(crate) watch_grants: AtomicU64,
    /// Heartbeats accepted.
    pub(crate) heartbeats: AtomicU64,
    /// Nodes refused.
    pub(crate) registrations_refused: AtomicU64,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The text of `GET /metrics`.
pub(crate) fn render(totals: &Totals, nodes_wanted: u32, counters: &Counters) -> String {
    let mut text = String::new();
    let streams = totals.streams;
    let states = [("created", streams.created), ("live", streams.live), ("interrupted", streams.interrupted)];
    header(&mut text, "undead_streams", "gauge", "Streams that are not over, by state.");
    for (state, number) in states {
        line(&mut text, &format!("undead_streams{{state=\"{state}\"}}"), number);
    }
    let gauges = [
        ("undead_viewers", "Viewers of all streams, as nodes report them.", streams.viewers),
        ("undead_nodes_live", "Nodes whose lease runs.", totals.nodes_live as u64),
        ("undead_nodes_wanted", "Nodes the present load wants; see GET /api/scaling.", nodes_wanted.into()),
        ("undead_event_listeners", "Open event streams.", totals.listeners as u64),
        (
            "undead_ready",
            "1 while the store takes writes and the other main servers can be heard.",
            u64::from(totals.ready),
        ),
    ];
    for (name, help, number) in gauges {
        header(&mut text, name, "gauge", help);
        line(&mut text, name, number);
    }
    header(
        &mut text,
        "undead_list_snapshots_total",
        "counter",
        "Copies of the list made for listeners and requests.",
    );
    line(&mut text, "undead_list_snapshots_total", totals.snapshots);
    let totals = [
        ("undead_streams_created_total", "Streams created.", &counters.streams_created),
        ("undead_watch_grants_total", "Watch grants handed out.", &counters.watch_grants),
        ("undead_heartbeats_total", "Heartbeats accepted.", &counters.heartbeats),
        ("undead_registrations_refused_total", "Nodes refused.", &counters.registrations_refused),
    ];
    for (name, help, counter) in totals {
        header(&mut text, name, "counter", help);
        line(&mut text, name, counter.load(Ordering::Relaxed));
    }
    text
}

fn header(text: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("a String takes everything");
}

fn line(text: &mut String, name: &str, number: u64) {
    writeln!(text, "{name} {number}").expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Counts;

    #[test]
    fn every_sample_follows_its_help_and_type() {
        let streams = Counts { created: 1, live: 2, interrupted: 3, viewers: 40 };
        let counters = Counters::default();
        count(&counters.heartbeats);
        let totals = Totals { streams, nodes_live: 5, listeners: 6, snapshots: 8, ready: true };
        let text = render(&totals, 7, &counters);
        for sample in [
            "undead_streams{state=\"live\"} 2",
            "undead_viewers 40",
            "undead_nodes_live 5",
            "undead_nodes_wanted 7",
            "undead_event_listeners 6",
            "undead_heartbeats_total 1",
            "undead_list_snapshots_total 8",
            "undead_ready 1",
        ] {
            assert!(text.lines().any(|line| line == sample), "{sample}");
        }
        let mut described = Vec::new();
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(kind) => described.push(kind.split(' ').next().unwrap()),
                None if line.starts_with('#') => {}
                None => assert!(described.contains(&line.split(['{', ' ']).next().unwrap()), "{line}"),
            }
        }
    }
}
