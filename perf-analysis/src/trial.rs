//! One trial: start the programs, connect all clients, limit the node, stream, and account for every segment.
//!
//! The limit is set when all have joined, because the matrix is about forwarding, not joining.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    audience::Audience,
    bookkeeper::Bookkeeper,
    broadcaster::Airtime,
    completeness::check_delivery,
    error::{Error, Result},
    forward_log::ForwardLog,
    histogram::Histogram,
    lab::Lab,
    record::{NodeCounters, TrialName, TrialRecord, Writer},
    recording::Recording,
    scenario::Trial,
    script::Script,
    servers::{Servers, Setting},
    totals::Totals,
};

/// From the last join to the first segment.
const LEAD_IN: Duration = Duration::from_millis(100);
/// Time from the first broken connection until a dying program has ended.
const LAST_BREATH: Duration = Duration::from_millis(300);

/// Runs `trial` and writes its records.
///
/// # Errors
/// The first failure; earlier records are written.
pub async fn run(lab: &Lab, trial: &Trial, writer: &mut Writer) -> Result<()> {
    let name = TrialName::from(trial);
    let mut record = TrialRecord {
        point: trial.cell,
        window_s: trial.measure_s,
        segments: 0,
        joined: 0,
        rss_empty_bytes: 0,
        rss_joined_bytes: 0,
        totals: Totals::default(),
        arrivals: Histogram::default(),
        nodes: Vec::new(),
        silent: Vec::new(),
        generator_cores: lab.split.generator.len() as u32,
        failure: None,
    };
    let result = measure(lab, trial, writer, &name, &mut record).await;
    record.failure = result.as_ref().err().map(ToString::to_string);
    writer.trial(&name, record)?;
    result
}

async fn measure(
    lab: &Lab,
    trial: &Trial,
    writer: &mut Writer,
    name: &TrialName,
    record: &mut TrialRecord,
) -> Result<()> {
    let mut recording = Recording::load(&lab.fixtures.join(&lab.scenario.recording))?;
    if let Some(synthetic) = trial.cell.synthetic {
        recording = recording.resized(synthetic)?;
    }
    let script = Arc::new(Script::new(recording, trial.target)?);
    let Lab { programs, limits, split, scenario, .. } = lab;
    let setting = Setting { trial, programs, limits, split, forward_log: scenario.forward_log };
    let mut servers = Servers::start(&setting, writer)?;
    let forward_log = match scenario.forward_log {
        true => Some(ForwardLog::open(servers.node_log())?),
        false => None,
    };
    let mut audience = Audience::gather(&mut servers, trial, &script, lab, record).await?;
    servers.limit(trial.cell.cpus)?;
    let before = servers.counters().await?;

    let start = Instant::now() + LEAD_IN;
    let epoch = start + Duration::from_secs_f64(lab.scenario.warm_up_s);
    let end = epoch + Duration::from_secs_f64(trial.measure_s);
    audience.ledgers().iter().for_each(|ledger| ledger.measure_from(epoch));
    audience.begin(Airtime { start, end });
    let mut books = Bookkeeper::new(name, writer, forward_log, epoch, audience.ledgers().to_vec());
    let every = Duration::from_millis(lab.scenario.sample_ms);
    let patience = Duration::from_secs_f64(lab.scenario.drain_s);
    let streamed = async {
        books.watch_window(&mut servers, &mut audience, end, every).await?;
        books.drain(&mut audience, patience).await
    };
    if let Err(error) = streamed.await {
        books.keep_what_there_is()?;
        // A dead program explains a broken connection better than the connection does, so it is checked for.
        tokio::time::sleep(LAST_BREATH).await;
        servers.check()?;
        return Err(error);
    }
    record.segments = books.finish()?;
    record.totals = books.totals();
    for ledger in audience.ledgers() {
        record.arrivals.merge(&ledger.arrivals());
    }
    let counters = servers.counters().await?;
    let known = |now: NodeCounters| {
        let before = before.iter().find(|before| before.hostname == now.hostname);
        now.since(before)
    };
    record.nodes = counters.into_iter().map(known).collect();
    record.silent = audience.ask_silent().await?;
    check_delivery(record).map_err(Error::Incomplete)
}
