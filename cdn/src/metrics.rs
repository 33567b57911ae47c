//! What the node counts, and its Prometheus text (exposition format 0.0.4).

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::connections::TransportName;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything counted since the node started.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) ingress_bytes: Counter,
    pub(crate) segments: Counter,
    pub(crate) segments_refused: Counter,
    pub(crate) egress_bytes: Counter,
    pub(crate) chunks_sent: Counter,
    pub(crate) skips: Counter,
    pub(crate) streams_ended: Counter,
    pub(crate) streams_dropped: Counter,
    pub(crate) relay_bytes_in: Counter,
    pub(crate) relay_chunks_in: Counter,
    pub(crate) relay_reconnects: Counter,
}

/// What is now, as opposed to what was counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) streams: u64,
    pub(crate) viewers: u64,
    pub(crate) lagging: u64,
    pub(crate) relays: u64,
    pub(crate) relayed_streams: u64,
    /// Connections of each transport.
    pub(crate) connections: Vec<(TransportName, u32)>,
    pub(crate) ring_bytes: u64,
    pub(crate) cpu_permille: u64,
    pub(crate) egress_bytes_per_s: u64,
    pub(crate) egress_limit_bytes_per_s: u64,
    pub(crate) registered: bool,
}

impl Metrics {
    pub(crate) fn render(&self, now: Gauges) -> String {
        let mut text = String::new();
        let counters = [
            ("undead_cdn_ingress_bytes_total", "Bytes of segments taken in.", &self.ingress_bytes),
            ("undead_cdn_segments_total", "Segments taken in.", &self.segments),
            ("undead_cdn_segments_refused_total", "Segments refused with an error.", &self.segments_refused),
            (
                "undead_cdn_egress_bytes_total",
                "Bytes of media handed to viewers' sockets.",
                &self.egress_bytes,
            ),
            ("undead_cdn_chunks_sent_total", "Chunks handed to viewers' sockets.", &self.chunks_sent),
            ("undead_cdn_skips_total", "Times a viewer missed chunks.", &self.skips),
            ("undead_cdn_streams_ended_total", "Streams carried here that ended.", &self.streams_ended),
            (
                "undead_cdn_streams_dropped_total",
                "Streams the node stopped carrying that are not over.",
                &self.streams_dropped,
            ),
            (
                "undead_cdn_relay_bytes_in_total",
                "Bytes of media pulled from other nodes.",
                &self.relay_bytes_in,
            ),
            ("undead_cdn_relay_chunks_in_total", "Chunks pulled from other nodes.", &self.relay_chunks_in),
            (
                "undead_cdn_relay_reconnects_total",
                "Times a stream's connection to another node broke and was made anew.",
                &self.relay_reconnects,
            ),
        ];
        for (name, help, counter) in counters {
            metric(&mut text, name, help, "counter", counter.get());
        }
        let gauges = [
            ("undead_cdn_streams", "Streams carried.", now.streams),
            ("undead_cdn_viewers", "Viewers.", now.viewers),
            (
                "undead_cdn_lagging",
                "Viewers and relays behind the live edge because their connections are full.",
                now.lagging,
            ),
            ("undead_cdn_relays", "Other nodes that pull a stream from this one.", now.relays),
            ("undead_cdn_relayed_streams", "Streams that come from another node.", now.relayed_streams),
        ];
        let resources = [
            ("undead_cdn_ring_bytes", "Bytes held in the rings.", now.ring_bytes),
            (
                "undead_cdn_cpu_permille",
                "Share of the processors in use, per mille of those the process may use.",
                now.cpu_permille,
            ),
            (
                "undead_cdn_egress_bytes_per_second",
                "Bytes of media sent in the last second.",
                now.egress_bytes_per_s,
            ),
            (
                "undead_cdn_egress_limit_bytes_per_second",
                "What the node can send, as configured or learned; 0 while unknown.",
                now.egress_limit_bytes_per_s,
            ),
            ("undead_cdn_registered", "Whether a main server knows this node.", now.registered.into()),
        ];
        let mut gauge = |name: &str, help: &str, value| metric(&mut text, name, help, "gauge", value);
        gauges.into_iter().for_each(|(name, help, value)| gauge(name, help, value));
        let connections = now.connections.iter().map(|(_, count)| u64::from(*count)).sum();
        gauge("undead_cdn_sockets", "Connections, over all transports.", connections);
        for (TransportName { label, title }, count) in now.connections {
            let name = format!("undead_cdn_{label}_connections");
            gauge(&name, &format!("{title} connections."), count.into());
        }
        resources.into_iter().for_each(|(name, help, value)| gauge(name, help, value));
        text
    }
}

fn metric(text: &mut String, name: &str, help: &str, kind: &str, value: u64) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_help_type_and_value() {
        let metrics = Metrics::default();
        metrics.segments.add(3);
        let name = TransportName { label: "pigeon", title: "Carrier pigeon" };
        let connections = vec![(name, 2), (TransportName { label: "other", title: "Other" }, 1)];
        let text = metrics.render(Gauges { viewers: 7, connections, ..Gauges::default() });
        assert!(text.contains("# TYPE undead_cdn_segments_total counter\nundead_cdn_segments_total 3\n"));
        assert!(text.contains("# TYPE undead_cdn_viewers gauge\nundead_cdn_viewers 7\n"));
        assert!(text.contains("# HELP undead_cdn_pigeon_connections Carrier pigeon connections.\n"));
        assert!(
            text.contains("\nundead_cdn_sockets 3\n") && text.contains("\nundead_cdn_pigeon_connections 2\n")
        );
        assert_eq!(text.lines().count() % 3, 0);
    }
}
