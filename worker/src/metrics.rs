//! The counters of a worker, and the text of `GET /metrics` (Prometheus exposition format 0.0.4).

use prometheus_client::{
    encoding::prometheus_text,
    metrics::{counter::Counter, gauge::ConstGauge},
    registry::Registry,
};

/// Everything counted since the worker started.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) done: Counter,
    pub(crate) failed: Counter,
    pub(crate) handed_back: Counter,
    pub(crate) lost: Counter,
    pub(crate) panics: Counter,
    pub(crate) busy_ms: Counter,
    pub(crate) blob_bytes_read: Counter,
    pub(crate) blob_bytes_written: Counter,
    pub(crate) calls_failed: Counter,
}

impl Metrics {
    /// The text of `GET /metrics`, with the number of tasks that run.
    pub(crate) fn render(&self, running: usize, concurrency: u16) -> String {
        let mut registry = Registry::default();
        let running = i64::try_from(running).unwrap_or(i64::MAX);
        registry.register("undead_worker_tasks", "Tasks that run.", ConstGauge::new(running));
        let concurrency = ConstGauge::new(i64::from(concurrency));
        registry.register("undead_worker_concurrency", "Most tasks at once.", concurrency);
        for (name, help, counter) in self.counters() {
            registry.register(name, help, counter.clone());
        }
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).expect("a String takes everything");
        text
    }

    /// Names without the `_total` that every counter ends in.
    fn counters(&self) -> [(&'static str, &'static str, &Counter); 9] {
        [
            ("undead_worker_tasks_done", "Tasks done and reported.", &self.done),
            ("undead_worker_tasks_failed", "Attempts that failed.", &self.failed),
            ("undead_worker_tasks_handed_back", "Tasks handed back unfinished.", &self.handed_back),
            ("undead_worker_tasks_lost", "Tasks lost to another worker or cancelled.", &self.lost),
            ("undead_worker_panics", "Attempts that failed by a panic.", &self.panics),
            ("undead_worker_busy_ms", "Milliseconds that tasks ran, added up.", &self.busy_ms),
            ("undead_worker_blob_bytes_read", "Bytes of blobs read.", &self.blob_bytes_read),
            ("undead_worker_blob_bytes_written", "Bytes of blobs written.", &self.blob_bytes_written),
            ("undead_worker_calls_failed", "Calls to main servers that failed.", &self.calls_failed),
        ]
    }
}
