//! Writes the records of a trial to disk.
//!
//! Every segment is written once it is settled and the node has logged its times. Segments still open at the
//! end of the trial are written as they are.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    audience::Audience,
    error::Result,
    forward_log::ForwardLog,
    ledger::Ledger,
    machine,
    record::{Sample, SegmentRecord, TrialName, Writer},
    servers::Servers,
    totals::Totals,
};

/// How often settled segments are written.
const BOOKKEEPING: Duration = Duration::from_millis(100);
/// How long a segment may stay open before its missing chunks count as lost; longer than a node's window.
const LOSS_TIMEOUT: Duration = Duration::from_secs(60);

/// Writes records of events.
pub struct Bookkeeper<'a> {
    name: &'a TrialName,
    writer: &'a mut Writer,
    /// None if the node does not log forward times.
    forward_log: Option<ForwardLog>,
    epoch: Instant,
    ledgers: Vec<Arc<Ledger>>,
    /// Closed segments whose forward time the node has not logged yet.
    unforwarded: Vec<SegmentRecord>,
}

impl<'a> Bookkeeper<'a> {
    /// For the streams in `ledgers`; records count time from `epoch`.
    pub fn new(
        name: &'a TrialName,
        writer: &'a mut Writer,
        forward_log: Option<ForwardLog>,
        epoch: Instant,
        ledgers: Vec<Arc<Ledger>>,
    ) -> Self {
        Self { name, writer, forward_log, epoch, ledgers, unforwarded: Vec::new() }
    }

    /// Samples the node and writes settled segments until `end`.
    ///
    /// # Errors
    /// The first failure of anybody.
    pub async fn watch_window(
        &mut self,
        servers: &mut Servers,
        audience: &mut Audience,
        end: Instant,
        every: Duration,
    ) -> Result<()> {
        let mut sample_at = self.epoch;
        loop {
            let wake = sample_at.min(Instant::now() + BOOKKEEPING);
            tokio::select! {
                () = tokio::time::sleep_until(wake.into()) => {}
                failure = audience.failure() => return Err(failure),
            }
            servers.check()?;
            if Instant::now() >= sample_at {
                self.sample(servers)?;
                if sample_at >= end {
                    return Ok(());
                }
                sample_at = (sample_at + every).min(end);
            }
            self.write_settled(Instant::now().checked_sub(LOSS_TIMEOUT))?;
        }
    }

    fn sample(&mut self, servers: &Servers) -> Result<()> {
        let now = Instant::now();
        let (machine_busy_us, machine_stolen_us) = machine::whole_cpu_us()?;
        let sample = Sample {
            t_us: now.saturating_duration_since(self.epoch).as_micros() as i64,
            generator_cpu_us: machine::own_cpu_us(),
            machine_busy_us,
            machine_stolen_us,
            delivered_bytes: self.totals().delivered_bytes,
            ..servers.sample()?
        };
        self.writer.sample(self.name, sample)?;
        // Flushed so that an aborted run keeps its records.
        self.writer.flush()
    }

    /// Waits until everything sent is accounted for, but no longer than `patience`.
    ///
    /// # Errors
    /// The first failure of anybody.
    pub async fn drain(&mut self, audience: &mut Audience, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline && !self.ledgers.iter().all(|ledger| ledger.is_settled()) {
            tokio::select! {
                () = tokio::time::sleep(BOOKKEEPING / 4) => {}
                failure = audience.failure() => return Err(failure),
            }
        }
        Ok(())
    }

    fn write_settled(&mut self, deadline: Option<Instant>) -> Result<()> {
        for ledger in &self.ledgers {
            self.unforwarded.extend(ledger.close(self.epoch, deadline));
        }
        if let Some(forward_log) = &mut self.forward_log {
            forward_log.read_on()?;
        }
        let mut waiting = Vec::new();
        for mut record in self.unforwarded.drain(..) {
            let times = self
                .forward_log
                .as_mut()
                .and_then(|forward_log| forward_log.take(&record.stream, record.take, record.seq));
            record.forward_us = times.map(|times| times.forward_us);
            record.taken_us = times.and_then(|times| times.taken_us);
            // A segment that completes no chunk is not forwarded, whether the node logs it or not.
            if record.forward_us.is_some() || record.chunks == 0 || self.forward_log.is_none() {
                self.writer.segment(self.name, record)?;
            } else {
                waiting.push(record);
            }
        }
        self.unforwarded = waiting;
        Ok(())
    }

    /// Closes every segment and writes it, as far as known.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn keep_what_there_is(&mut self) -> Result<()> {
        self.write_settled(Some(Instant::now()))?;
        for record in std::mem::take(&mut self.unforwarded) {
            self.writer.segment(self.name, record)?;
        }
        self.writer.flush()
    }

    /// Writes the rest and returns how many segments were sent.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn finish(&mut self) -> Result<u64> {
        self.keep_what_there_is()?;
        Ok(self.ledgers.iter().map(|ledger| ledger.published()).sum())
    }

    /// Counters over all streams.
    pub fn totals(&self) -> Totals {
        self.ledgers.iter().fold(Totals::default(), |sum, ledger| sum.plus(ledger.totals()))
    }
}
