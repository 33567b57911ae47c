//! Checks that a run's records are complete: figures from incomplete ones would be wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    error::{Error, Result},
    record::{Line, Results, Sample, SegmentRecord, TrialName, TrialRecord},
};

/// Least share of the planned samples of a trial; on a fully loaded machine some are late.
const LEAST_SAMPLES: f64 = 0.8;

/// Checks every trial of the manifest's scenario.
///
/// # Errors
/// [`Error::Incomplete`] naming the trial and what is missing.
pub fn check(results: &Results) -> Result<()> {
    let by_trial = group(&results.segments);
    let samples = group(&results.samples);
    let trials: BTreeMap<&TrialName, &TrialRecord> =
        results.trials.iter().map(|line| (&line.trial, &line.record)).collect();
    for trial in results.manifest.scenario.trials() {
        let name = TrialName::from(&trial);
        let lacks = |what: String| {
            Error::Incomplete(format!("{} {:?} round {}: {what}", name.cell, name.target, name.round))
        };
        let record = trials.get(&name).ok_or_else(|| lacks("it was not run".into()))?;
        check_trial(record).map_err(lacks)?;
        let segments = by_trial.get(&name).map(Vec::as_slice).unwrap_or_default();
        check_segments(record, segments, results.manifest.scenario.forward_log).map_err(lacks)?;
        let samples = samples.get(&name).map(Vec::as_slice).unwrap_or_default();
        check_samples(record, samples, results.manifest.scenario.sample_ms).map_err(lacks)?;
    }
    Ok(())
}

fn group<T>(lines: &[Line<T>]) -> BTreeMap<TrialName, Vec<&T>> {
    let mut groups: BTreeMap<TrialName, Vec<&T>> = BTreeMap::new();
    for line in lines {
        groups.entry(line.trial.clone()).or_default().push(&line.record);
    }
    groups
}

fn check_trial(record: &TrialRecord) -> Result<(), String> {
    if let Some(failure) = &record.failure {
        return Err(format!("it failed: {failure}"));
    }
    let wanted = u64::from(record.point.streams) * u64::from(record.point.viewers);
    if record.joined != wanted {
        return Err(format!("{} of {wanted} viewers joined", record.joined));
    }
    let silent = u64::from(record.point.streams) * u64::from(record.point.silent);
    if record.silent.len() as u64 != silent {
        return Err(format!("{} of {silent} silent viewers reported", record.silent.len()));
    }
    check_delivery(record)?;
    let totals = record.totals;
    if totals.corrupt + totals.repeated + totals.unexpected > 0 {
        return Err(format!(
            "viewers received {} corrupt, {} repeated and {} unexpected chunks (if they all differ: the binary under \
             test and this program have to be built from the same sources)",
            totals.corrupt, totals.repeated, totals.unexpected
        ));
    }
    Ok(())
}

/// Checks that the viewers of a trial received something. A trial that delivered nothing describes an idle
/// node.
///
/// # Errors
/// What was not sent, or not received.
pub fn check_delivery(record: &TrialRecord) -> Result<(), String> {
    let viewers = u64::from(record.point.streams) * u64::from(record.point.viewers);
    if record.segments == 0 {
        return Err(format!("the broadcasters of {} streams sent 0 segments", record.point.streams));
    }
    if viewers > 0 && record.totals.delivered == 0 {
        return Err(format!("0 chunks of {} segments reached {viewers} viewers", record.segments));
    }
    Ok(())
}

fn check_segments(
    record: &TrialRecord,
    segments: &[&SegmentRecord],
    forward_logged: bool,
) -> Result<(), String> {
    if segments.len() as u64 != record.segments {
        return Err(format!("{} of {} segments are recorded", segments.len(), record.segments));
    }
    let mut streams: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for segment in segments {
        streams.entry(&segment.stream).or_default().insert(segment.seq);
        let due = u64::from(segment.chunks) * u64::from(segment.viewers);
        let name = format!("stream {} segment {}", segment.stream, segment.seq);
        if segment.delivered + segment.skipped + segment.lost != due {
            return Err(format!("{name} does not account for all of its {due} chunks"));
        }
        // A segment that never reached the node, or was in transit at the end, has no forward time.
        if forward_logged && segment.forward_us.is_none() && due > 0 && segment.lost == 0 {
            return Err(format!("{name} has no forward time from the node"));
        }
    }
    if streams.len() != record.point.streams as usize {
        return Err(format!("{} of {} streams are recorded", streams.len(), record.point.streams));
    }
    for (stream, numbers) in streams {
        if numbers.iter().copied().ne(0..numbers.len() as u64) {
            return Err(format!("stream {stream} has gaps in its segments"));
        }
    }
    Ok(())
}

fn check_samples(record: &TrialRecord, samples: &[&Sample], every_ms: u64) -> Result<(), String> {
    let planned = record.window_s * 1000.0 / every_ms as f64;
    if samples.len() < 2 || (samples.len() as f64) < planned * LEAST_SAMPLES {
        return Err(format!("{} of {planned:.0} samples were taken", samples.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{histogram::Histogram, scenario::Cell, totals::Totals};

    fn record() -> TrialRecord {
        TrialRecord {
            point: Cell { cpus: 1.0, streams: 1, viewers: 2, ..Cell::default() },
            window_s: 1.0,
            segments: 2,
            joined: 2,
            rss_empty_bytes: 0,
            rss_joined_bytes: 0,
            totals: Totals { delivered: 4, delivered_bytes: 40, ..Totals::default() },
            arrivals: Histogram::default(),
            nodes: Vec::new(),
            silent: Vec::new(),
            generator_cores: 1,
            failure: None,
        }
    }

    fn segment(seq: u64) -> SegmentRecord {
        SegmentRecord {
            stream: "s".into(),
            take: 0,
            seq,
            t_us: 0,
            bytes: 10,
            chunks: 1,
            viewers: 2,
            forward_us: Some(5),
            taken_us: None,
            delivery_us: Some(9),
            ack_us: Some(3),
            late_us: 0,
            delivered: 2,
            skipped: 0,
            lost: 0,
        }
    }

    #[test]
    fn whole_records_pass() {
        check_trial(&record()).unwrap();
        check_segments(&record(), &[&segment(0), &segment(1)], true).unwrap();
    }

    #[test]
    fn a_missing_segment_line_fails() {
        check_segments(&record(), &[&segment(0)], true).unwrap_err();
        check_segments(&record(), &[&segment(0), &segment(2)], true).unwrap_err();
    }

    #[test]
    fn a_chunk_nobody_accounts_for_fails() {
        let short = SegmentRecord { delivered: 1, ..segment(1) };
        check_segments(&record(), &[&segment(0), &short], true).unwrap_err();
    }

    #[test]
    fn a_missing_forward_time_fails_unless_the_segment_was_lost() {
        let silent = SegmentRecord { forward_us: None, ..segment(1) };
        check_segments(&record(), &[&segment(0), &silent], true).unwrap_err();
        check_segments(&record(), &[&segment(0), &silent], false).unwrap();
        let lost = SegmentRecord { delivered: 0, lost: 2, ..silent };
        check_segments(&record(), &[&segment(0), &lost], true).unwrap();
    }

    #[test]
    fn viewers_that_saw_wrong_bytes_fail() {
        let totals = Totals { corrupt: 1, ..record().totals };
        check_trial(&TrialRecord { totals, ..record() }).unwrap_err();
    }

    #[test]
    fn a_trial_that_delivered_nothing_fails() {
        let silent = TrialRecord { totals: Totals::default(), ..record() };
        assert_eq!(check_trial(&silent).unwrap_err(), "0 chunks of 2 segments reached 2 viewers");
        let unsent = TrialRecord { segments: 0, ..record() };
        assert_eq!(check_trial(&unsent).unwrap_err(), "the broadcasters of 1 streams sent 0 segments");
        let unwatched = Cell { viewers: 0, ..record().point };
        check_delivery(&TrialRecord { point: unwatched, ..silent }).unwrap();
    }

    #[test]
    fn too_few_samples_fail() {
        check_samples(&record(), &[], 250).unwrap_err();
    }
}
