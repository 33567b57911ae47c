//! What operators watch, in the Prometheus text format (version 0.0.4). Features add their metrics.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet, prometheus_text},
    metrics::MetricType,
    registry::Registry,
};

pub(crate) use prometheus_client::metrics::counter::Counter;

/// See the [module](self). Names are those in the text, but counters' without the `_total` that they end in there; helps have no
/// full stop.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Registry>);

impl Metrics {
    /// Adds a counter, which starts at zero.
    pub(crate) fn counter(&self, name: &str, help: &str) -> Counter {
        let counter = Counter::default();
        self.registry().register(name, help, counter.clone());
        counter
    }

    /// Adds a count that is kept elsewhere: `read` gives it.
    pub(crate) fn read_counter(
        &self,
        name: &str,
        help: &str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        self.registry().register(name, help, Reading { metric_type: MetricType::Counter, read });
    }

    /// Adds a value that `read` gives.
    pub(crate) fn gauge(&self, name: &str, help: &str, read: impl Fn() -> u64 + Send + Sync + 'static) {
        self.registry().register(name, help, Reading { metric_type: MetricType::Gauge, read });
    }

    /// Adds several metrics that are read at once.
    pub(crate) fn collect(&self, collector: impl Collector) {
        self.registry().register_collector(Box::new(collector));
    }

    /// The text of `GET /metrics`.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry()).expect("a String takes everything");
        text
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A metric that is read when it is asked for.
struct Reading<F> {
    metric_type: MetricType,
    read: F,
}

impl<F> fmt::Debug for Reading<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reading")
    }
}

impl<F: Fn() -> u64> EncodeMetric for Reading<F> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        match self.metric_type {
            MetricType::Counter => encoder.encode_counter::<NoLabelSet, _, u64>(&(self.read)(), None),
            _ => encoder.encode_gauge(&(self.read)()),
        }
    }

    fn metric_type(&self) -> MetricType {
        self.metric_type
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_follows_its_help_and_type() {
        let metrics = Metrics::default();
        metrics.counter("undead_heartbeats", "Heartbeats accepted").inc();
        metrics.read_counter("undead_list_snapshots", "Copies of the list", || 8);
        metrics.gauge("undead_ready", "1 while this server is ready", || 1);
        let expected = "# HELP undead_heartbeats_total Heartbeats accepted.\n# TYPE undead_heartbeats_total counter\n\
            undead_heartbeats_total 1\n\
            # HELP undead_list_snapshots_total Copies of the list.\n# TYPE undead_list_snapshots_total counter\n\
            undead_list_snapshots_total 8\n\
            # HELP undead_ready 1 while this server is ready.\n# TYPE undead_ready gauge\nundead_ready 1\n";
        assert!(metrics.render().starts_with(expected), "{}", metrics.render());
    }
}
