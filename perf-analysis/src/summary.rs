//! Summarises records: the figures of each point of the matrix, over all rounds and per round.
//!
//! Only the measured window counts. Percentiles are over all segments of all rounds, and every figure keeps
//! its value in each round, to show its spread.

use std::collections::BTreeMap;

use crate::{
    histogram::Histogram,
    percentiles::Percentiles,
    record::{Results, Sample, SegmentRecord, TrialName, TrialRecord},
    scenario::{Cell, Target},
};

/// From this share of its cores on, the generator may be what limits a figure.
const FULL_GENERATOR: f64 = 0.85;
/// From this lateness on (99th percentile, ms), the generator was kept from running on time.
const LATE_GENERATOR_MS: f64 = 50.0;

/// One point of the matrix, run against one program.
#[derive(Clone, Debug)]
pub struct Point {
    /// Limit, streams, viewers.
    pub cell: Cell,
    /// The program.
    pub target: Target,
    /// Over all rounds.
    pub all: Figures,
    /// Round by round.
    pub rounds: Vec<Figures>,
}

/// The figures of some trials of one point. `None` if nothing was forwarded or delivered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Segments that completed a chunk.
    pub segments: u64,
    /// Chunks due to viewers.
    pub due: u64,
    /// Share of them that the node reported as skipped.
    pub skipped: f64,
    /// Share of them that did not arrive in time.
    pub lost: f64,
    /// Mean over segments of bytes / forward time, kB/s.
    pub speed_mean: Option<f64>,
    /// Slowest segment, kB/s.
    pub speed_least: Option<f64>,
    /// Forward time in the node until the last connection took the segment to write, ms.
    pub forward: Option<Percentiles>,
    /// From sending until the last viewer has it, ms.
    pub delivery: Option<Percentiles>,
    /// From sending until a viewer has it, ms, over all deliveries.
    pub arrivals: Option<Percentiles>,
    /// How late the generator sent, ms, because of itself or other programs.
    pub late: Option<Percentiles>,
    /// CPU seconds of the node per 1e9 bytes delivered.
    pub cpu_s_per_gb: Option<f64>,
    /// Gigabits delivered per second of CPU time.
    pub gbit_per_core: Option<f64>,
    /// Cores the node used.
    pub cores_used: f64,
    /// Share of quota periods in which the node used up its quota.
    pub throttled: f64,
    /// Resident memory per joined viewer before the first segment, KiB.
    pub rss_idle_kib: f64,
    /// Most resident memory while streaming per viewer, with the window of recent media, KiB.
    pub rss_streaming_kib: f64,
    /// Most resident memory while streaming, viewers and all, KiB.
    pub rss_most_kib: f64,
    /// Share of its cores the generator used.
    pub generator: f64,
    /// Cores used by programs other than node and generator, or taken by the hypervisor.
    pub others: f64,
}

/// The records of one trial.
struct Trial<'a> {
    record: &'a TrialRecord,
    segments: Vec<&'a SegmentRecord>,
    samples: Vec<&'a Sample>,
}

/// Every point of `results`, in order of the first run; failed trials are left out.
pub fn summarise(results: &Results) -> Vec<Point> {
    let mut trials: BTreeMap<&TrialName, Trial> = BTreeMap::new();
    for line in results.trials.iter().filter(|line| line.record.failure.is_none()) {
        let trial = Trial { record: &line.record, segments: Vec::new(), samples: Vec::new() };
        trials.insert(&line.trial, trial);
    }
    for line in &results.segments {
        if let Some(trial) = trials.get_mut(&line.trial) {
            trial.segments.push(&line.record);
        }
    }
    for line in &results.samples {
        if let Some(trial) = trials.get_mut(&line.trial) {
            trial.samples.push(&line.record);
        }
    }
    let mut points: Vec<(String, Target, Vec<&Trial>)> = Vec::new();
    for name in results.trials.iter().map(|line| &line.trial) {
        let Some(trial) = trials.get(name) else { continue };
        match points.iter_mut().find(|(cell, target, _)| (cell, *target) == (&name.cell, name.target)) {
            Some((_, _, rounds)) => rounds.push(trial),
            None => points.push((name.cell.clone(), name.target, vec![trial])),
        }
    }
    let point = |(_, target, trials): (String, Target, Vec<&Trial>)| Point {
        cell: trials[0].record.point,
        target,
        all: Figures::of(&trials),
        rounds: trials.iter().map(|&trial| Figures::of(&[trial])).collect(),
    };
    points.into_iter().map(point).collect()
}

impl Figures {
    /// Whether the generator lacked CPU, so that these figures may describe the generator.
    pub fn is_hampered(&self) -> bool {
        self.generator > FULL_GENERATOR || self.late.is_some_and(|late| late.p99 > LATE_GENERATOR_MS)
    }

    fn of(trials: &[&Trial]) -> Self {
        let mut figures = Self::default();
        figures.count_segments(trials);
        figures.count_resources(trials);
        let mut arrivals = Histogram::default();
        trials.iter().for_each(|trial| arrivals.merge(&trial.record.arrivals));
        figures.arrivals = arrivals.percentiles();
        figures
    }

    fn count_segments(&mut self, trials: &[&Trial]) {
        let in_window = |segment: &&&SegmentRecord| segment.t_us >= 0 && segment.chunks > 0;
        let segments: Vec<&SegmentRecord> =
            trials.iter().flat_map(|trial| trial.segments.iter().filter(in_window).copied()).collect();
        let sum = |part: fn(&SegmentRecord) -> u64| segments.iter().map(|segment| part(segment)).sum::<u64>();
        self.segments = segments.len() as u64;
        self.due = sum(|segment| u64::from(segment.chunks) * u64::from(segment.viewers));
        self.skipped = share(sum(|segment| segment.skipped), self.due);
        self.lost = share(sum(|segment| segment.lost), self.due);
        // A forward time under a microsecond is logged as 0.
        let speed = |segment: &&SegmentRecord| {
            segment.handed_us().map(|us| segment.bytes as f64 * 1000.0 / us.max(1) as f64)
        };
        let speeds: Vec<f64> = segments.iter().filter_map(speed).collect();
        self.speed_mean = (!speeds.is_empty()).then(|| speeds.iter().sum::<f64>() / speeds.len() as f64);
        self.speed_least = speeds.iter().copied().reduce(f64::min);
        let times = |time: fn(&SegmentRecord) -> Option<u64>| {
            Percentiles::of(
                segments.iter().filter_map(|segment| time(segment)).map(|us| us as f64 / 1000.0).collect(),
            )
        };
        self.forward = times(SegmentRecord::handed_us);
        self.late = times(|segment| Some(segment.late_us));
        self.delivery = times(|segment| segment.delivery_us);
    }

    fn count_resources(&mut self, trials: &[&Trial]) {
        let mut used = Used::default();
        for trial in trials {
            let (Some(first), Some(last)) = (trial.samples.first(), trial.samples.last()) else { continue };
            let cores = f64::from(trial.record.generator_cores);
            used.window_us += (last.t_us - first.t_us) as f64;
            used.generator_window_us += (last.t_us - first.t_us) as f64 * cores;
            used.cpu_us += (last.cpu_us - first.cpu_us) as f64;
            used.generator_us += (last.generator_cpu_us - first.generator_cpu_us) as f64;
            let whole = |sample: &Sample| sample.machine_busy_us + sample.machine_stolen_us;
            used.whole_us += (whole(last) - whole(first)) as f64;
            used.delivered_bytes += (last.delivered_bytes - first.delivered_bytes) as f64;
            used.periods += last.periods - first.periods;
            used.throttled_periods += last.throttled_periods - first.throttled_periods;
        }
        if used.delivered_bytes > 0.0 && used.cpu_us > 0.0 {
            self.cpu_s_per_gb = Some(used.cpu_us * 1000.0 / used.delivered_bytes);
            self.gbit_per_core = Some(used.delivered_bytes * 8.0 / used.cpu_us / 1000.0);
        }
        self.cores_used = used.cpu_us / used.window_us.max(1.0);
        self.generator = used.generator_us / used.generator_window_us.max(1.0);
        let others = used.whole_us - used.cpu_us - used.generator_us;
        self.others = others.max(0.0) / used.window_us.max(1.0);
        self.throttled = share(used.throttled_periods, used.periods);
        let per_viewer = |bytes: fn(&Trial) -> u64| {
            let grown = |trial: &&Trial| {
                bytes(trial).saturating_sub(trial.record.rss_empty_bytes) as f64
                    / trial.record.joined.max(1) as f64
            };
            trials.iter().map(grown).sum::<f64>() / trials.len() as f64 / 1024.0
        };
        self.rss_idle_kib = per_viewer(|trial| trial.record.rss_joined_bytes);
        let most = |trial: &Trial| trial.samples.iter().map(|sample| sample.rss_bytes).max().unwrap_or(0);
        self.rss_streaming_kib = per_viewer(most);
        self.rss_most_kib = trials.iter().map(|trial| most(trial)).max().unwrap_or(0) as f64 / 1024.0;
    }
}

/// Sums over the windows of some trials.
#[derive(Default)]
struct Used {
    window_us: f64,
    generator_window_us: f64,
    cpu_us: f64,
    generator_us: f64,
    whole_us: f64,
    delivered_bytes: f64,
    periods: u64,
    throttled_periods: u64,
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A figure by name: how to read it from [`Figures`], and how to write it.
#[derive(Clone, Copy)]
pub struct Metric {
    /// What it is, with its unit.
    pub label: &'static str,
    /// Its value.
    pub value: fn(&Figures) -> Option<f64>,
}

/// The metrics for comparing two runs; less is better, except for speeds.
pub const COMPARED: [Metric; 8] = [
    Metric { label: "average speed, kB/s", value: |figures| figures.speed_mean },
    Metric { label: "slowest speed, kB/s", value: |figures| figures.speed_least },
    Metric { label: "forward p50, ms", value: |figures| figures.forward.map(|times| times.p50) },
    Metric { label: "forward p99, ms", value: |figures| figures.forward.map(|times| times.p99) },
    Metric { label: "forward max, ms", value: |figures| figures.forward.map(|times| times.max) },
    Metric { label: "delivery p99, ms", value: |figures| figures.delivery.map(|times| times.p99) },
    Metric { label: "CPU, s/GB", value: |figures| figures.cpu_s_per_gb },
    Metric { label: "RSS, KiB/viewer", value: |figures| Some(figures.rss_streaming_kib) },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn trial_record() -> TrialRecord {
        TrialRecord {
            point: Cell { cpus: 0.5, streams: 1, viewers: 2, ..Cell::default() },
            window_s: 1.0,
            segments: 1,
            joined: 2,
            rss_empty_bytes: 1024,
            rss_joined_bytes: 1024 * 5,
            totals: crate::totals::Totals::default(),
            arrivals: Histogram::default(),
            nodes: Vec::new(),
            silent: Vec::new(),
            generator_cores: 2,
            failure: None,
        }
    }

    fn sample(t_us: i64, cpu_us: u64, delivered_bytes: u64) -> Sample {
        Sample {
            t_us,
            cpu_us,
            periods: t_us as u64 / 100_000,
            throttled_periods: t_us as u64 / 200_000,
            throttled_us: 0,
            rss_bytes: 1024 * 9,
            sockets: 3,
            generator_cpu_us: cpu_us,
            machine_busy_us: cpu_us * 2 + t_us as u64 / 4,
            machine_stolen_us: t_us as u64 / 4,
            delivered_bytes,
        }
    }

    #[test]
    fn resources_are_differences_over_the_window() {
        let record = trial_record();
        let (first, last) = (sample(0, 1_000, 0), sample(1_000_000, 501_000, 250_000_000));
        let trial = Trial { record: &record, segments: vec![], samples: vec![&first, &last] };
        let figures = Figures::of(&[&trial]);
        assert_eq!(figures.cpu_s_per_gb, Some(2.0));
        assert_eq!(figures.gbit_per_core, Some(4.0));
        assert_eq!((figures.cores_used, figures.generator, figures.throttled), (0.5, 0.25, 0.5));
        assert_eq!(figures.others, 0.5);
        assert_eq!((figures.rss_idle_kib, figures.rss_streaming_kib), (2.0, 4.0));
    }

    #[test]
    fn speeds_are_bytes_over_forward_time_and_warm_up_does_not_count() {
        let segment = |t_us, bytes, forward_us| SegmentRecord {
            stream: "s".into(),
            take: 0,
            seq: 0,
            t_us,
            bytes,
            chunks: 1,
            viewers: 2,
            forward_us: Some(1),
            taken_us: Some(forward_us),
            delivery_us: Some(forward_us * 2),
            ack_us: None,
            late_us: 0,
            delivered: 1,
            skipped: 0,
            lost: 1,
        };
        let segments = [segment(-1, 1, 1_000_000), segment(0, 10_000, 1_000), segment(5, 10_000, 2_000)];
        let record = trial_record();
        let trial = Trial { record: &record, segments: segments.iter().collect(), samples: vec![] };
        let figures = Figures::of(&[&trial]);
        assert_eq!((figures.speed_mean, figures.speed_least), (Some(7_500.0), Some(5_000.0)));
        assert_eq!(figures.forward, Some(Percentiles { p50: 1.0, p99: 2.0, max: 2.0 }));
        assert_eq!((figures.segments, figures.lost), (2, 0.5));
    }
}
