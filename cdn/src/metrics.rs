//! What the node counts, and the text of `GET /metrics` (Prometheus exposition format 0.0.4).

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, prometheus_text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
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

/// A number that is set.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
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
    pub(crate) library_answers: Counter,
    pub(crate) library_bytes: Counter,
    pub(crate) library_memory_hits: Counter,
    pub(crate) library_file_hits: Counter,
    pub(crate) library_disk_hits: Counter,
    pub(crate) library_fetches: Counter,
    pub(crate) library_fetches_failed: Counter,
    pub(crate) recording_bytes: Counter,
    pub(crate) recording_fragments: Counter,
    pub(crate) recording_failures: Counter,
    pub(crate) recording_lags: Counter,
    pub(crate) recording_late_writes: Counter,
    pub(crate) recording_groups_lost: Counter,
    /// Recordings of this node that are not complete.
    pub(crate) recordings: Gauge,
    /// Bytes of recordings on its disk.
    pub(crate) spool_bytes: Gauge,
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
    /// Of the library's blobs in memory.
    pub(crate) library_cache_bytes: u64,
    pub(crate) recordings: u64,
    pub(crate) spool_bytes: u64,
    pub(crate) cpu_permille: u64,
    pub(crate) egress_bytes_per_s: u64,
    pub(crate) egress_limit_bytes_per_s: u64,
    pub(crate) registered: bool,
}

impl Metrics {
    /// The text of `GET /metrics`.
    pub(crate) fn render(self: &Arc<Self>, now: Gauges) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Scrape { metrics: self.clone(), now }));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).expect("a String takes everything");
        text
    }

    /// Names without the `_total` that every counter ends in.
    fn counters(&self) -> [(&'static str, &'static str, &Counter); 24] {
        [
            ("undead_cdn_ingress_bytes", "Bytes of segments accepted.", &self.ingress_bytes),
            ("undead_cdn_segments", "Segments taken in.", &self.segments),
            ("undead_cdn_segments_refused", "Segments refused with an error.", &self.segments_refused),
            (
                "undead_cdn_egress_bytes",
                "Bytes of media handed to sockets of viewers and of clients of the library.",
                &self.egress_bytes,
            ),
            ("undead_cdn_chunks_sent", "Chunks handed to viewers' sockets.", &self.chunks_sent),
            ("undead_cdn_skips", "Times a viewer missed chunks.", &self.skips),
            ("undead_cdn_streams_ended", "Streams carried here that ended.", &self.streams_ended),
            (
                "undead_cdn_streams_dropped",
                "Streams the node stopped carrying that are not over.",
                &self.streams_dropped,
            ),
            ("undead_cdn_relay_bytes_in", "Bytes of media pulled from other nodes.", &self.relay_bytes_in),
            ("undead_cdn_relay_chunks_in", "Chunks pulled from other nodes.", &self.relay_chunks_in),
            (
                "undead_cdn_relay_reconnects",
                "Times a stream's connection to another node broke and was made anew.",
                &self.relay_reconnects,
            ),
            ("undead_cdn_library_answers", "Answers with media of the library.", &self.library_answers),
            (
                "undead_cdn_library_bytes",
                "Bytes of media of the library handed to clients' sockets; egress_bytes has them too.",
                &self.library_bytes,
            ),
            ("undead_cdn_library_memory_hits", "Blobs that were found in memory.", &self.library_memory_hits),
            (
                "undead_cdn_library_file_hits",
                "Blobs sent from files of the object folder that were verified before.",
                &self.library_file_hits,
            ),
            (
                "undead_cdn_library_disk_hits",
                "Blobs that were found on the node's disk.",
                &self.library_disk_hits,
            ),
            (
                "undead_cdn_library_fetches",
                "Blobs that were read from the object store.",
                &self.library_fetches,
            ),
            (
                "undead_cdn_library_fetches_failed",
                "Reads of blobs that failed.",
                &self.library_fetches_failed,
            ),
            ("undead_cdn_recording_bytes", "Bytes of media written to the spool.", &self.recording_bytes),
            (
                "undead_cdn_recording_fragments",
                "Fragments of recordings handed in.",
                &self.recording_fragments,
            ),
            (
                "undead_cdn_recording_failures",
                "Fragments and reports that the object store or the main server did not take; they are tried again.",
                &self.recording_failures,
            ),
            (
                "undead_cdn_recording_lags",
                "Times a recording was so late that groups had left the window.",
                &self.recording_lags,
            ),
            (
                "undead_cdn_recording_late_writes",
                "Times the disk was so slow that segments were acknowledged before they were written.",
                &self.recording_late_writes,
            ),
            (
                "undead_cdn_recording_groups_lost",
                "Groups of recordings that were incomplete, did not fit the spool, or could not be written.",
                &self.recording_groups_lost,
            ),
        ]
    }
}

impl Gauges {
    fn gauges(&self) -> [(&'static str, &'static str, u64); 14] {
        let sockets = self.connections.iter().map(|(_, count)| u64::from(*count)).sum();
        [
            ("undead_cdn_streams", "Streams carried.", self.streams),
            ("undead_cdn_viewers", "Viewers.", self.viewers),
            (
                "undead_cdn_lagging",
                "Viewers and relays behind the live edge because their connections are full.",
                self.lagging,
            ),
            ("undead_cdn_relays", "Other nodes that pull a stream from this one.", self.relays),
            ("undead_cdn_relayed_streams", "Streams that come from another node.", self.relayed_streams),
            ("undead_cdn_sockets", "Connections, over all transports.", sockets),
            ("undead_cdn_ring_bytes", "Bytes held in the rings.", self.ring_bytes),
            ("undead_cdn_recordings", "Streams that are recorded here.", self.recordings),
            ("undead_cdn_spool_bytes", "Bytes of recordings on the disk.", self.spool_bytes),
            (
                "undead_cdn_library_cache_bytes",
                "Bytes of the library's blobs in memory.",
                self.library_cache_bytes,
            ),
            (
                "undead_cdn_cpu_permille",
                "Share of the processors in use, per mille of those the process may use.",
                self.cpu_permille,
            ),
            (
                "undead_cdn_egress_bytes_per_second",
                "Bytes of media sent in the last second.",
                self.egress_bytes_per_s,
            ),
            (
                "undead_cdn_egress_limit_bytes_per_second",
                "What the node can send, as configured or learned; 0 while unknown.",
                self.egress_limit_bytes_per_s,
            ),
            ("undead_cdn_registered", "Whether a main server knows this node.", self.registered.into()),
        ]
    }
}

/// One reading of everything. Counters stay plain atomics, which the hot path adds to, and are read here.
#[derive(Debug)]
struct Scrape {
    metrics: Arc<Metrics>,
    now: Gauges,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, counter) in self.metrics.counters() {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(counter.get()).encode(metric)?;
        }
        let mut gauge = |name: &str, help: &str, value: u64| {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)
        };
        for (name, help, value) in self.now.gauges() {
            gauge(name, help, value)?;
        }
        for (TransportName { label, title }, count) in &self.now.connections {
            let (name, help) = (format!("undead_cdn_{label}_connections"), format!("{title} connections."));
            gauge(&name, &help, u64::from(*count))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_help_type_and_value() {
        let metrics = Arc::new(Metrics::default());
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
