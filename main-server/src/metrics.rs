//! What operators watch, in the Prometheus text format (version 0.0.4).

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, prometheus_text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::streams::catalogue::Counts;

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

/// Totals at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Of the catalogue.
    pub(crate) streams: Counts,
    /// Nodes whose lease runs.
    pub(crate) nodes_live: usize,
    /// Open event streams.
    pub(crate) listeners: usize,
    /// Snapshots of the list that were built since the start.
    pub(crate) snapshots: u64,
    /// Whether this server is ready for requests.
    pub(crate) ready: bool,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The text of `GET /metrics`.
pub(crate) fn render(totals: &Totals, nodes_wanted: u32, counters: &Counters) -> String {
    let streams = totals.streams;
    let scrape = Scrape {
        states: [("created", streams.created), ("live", streams.live), ("interrupted", streams.interrupted)],
        gauges: [
            ("undead_viewers", "Viewers of all streams, as nodes report them.", streams.viewers),
            ("undead_nodes_live", "Nodes whose lease runs.", totals.nodes_live as u64),
            (
                "undead_nodes_wanted",
                "Nodes the present load wants; see GET /api/scaling.",
                nodes_wanted.into(),
            ),
            ("undead_event_listeners", "Open event streams.", totals.listeners as u64),
            (
                "undead_ready",
                "1 while the store takes writes and the other main servers can be heard.",
                totals.ready.into(),
            ),
        ],
        counters: [
            (
                "undead_list_snapshots",
                "Copies of the list made for listeners and requests.",
                totals.snapshots,
            ),
            ("undead_streams_created", "Streams created.", read(&counters.streams_created)),
            ("undead_watch_grants", "Watch grants handed out.", read(&counters.watch_grants)),
            ("undead_heartbeats", "Heartbeats accepted.", read(&counters.heartbeats)),
            ("undead_registrations_refused", "Nodes refused.", read(&counters.registrations_refused)),
        ],
    };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(scrape));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).expect("a String takes everything");
    text
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// A metric's name, its help and its value.
type Sample = (&'static str, &'static str, u64);

/// One reading of everything.
#[derive(Debug)]
struct Scrape {
    /// Streams by state.
    states: [(&'static str, u64); 3],
    gauges: [Sample; 5],
    /// Names without the `_total` that every counter ends in.
    counters: [Sample; 5],
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Streams that are not over, by state.";
        let mut streams = encoder.encode_descriptor("undead_streams", help, None, MetricType::Gauge)?;
        for (state, number) in self.states {
            streams.encode_family(&[("state", state)])?.encode_gauge(&number)?;
        }
        for (name, help, number) in self.gauges {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(number).encode(metric)?;
        }
        for (name, help, number) in self.counters {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(number).encode(metric)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
