//! One trial: start the programs, connect everybody, limit the node, stream, and account for every segment.
//!
//! Broadcasters run on a thread of their own, so that a burst of arrivals at the viewers does not delay the
//! next segment. The limit is set when all have joined, because the matrix is about forwarding, not joining.

use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

use crate::{
    broadcaster::{Airtime, Booth, broadcast},
    error::{Context, Error, Result},
    forward_log::ForwardLog,
    ledger::{Ledger, Totals},
    machine,
    record::{Sample, SegmentRecord, TrialName, TrialRecord, Writer},
    recording::Recording,
    run::Lab,
    scenario::Trial,
    script::Script,
    servers::{Admission, Servers},
    viewer::{Seat, watch as view},
};

/// Viewers that connect at the same time.
const CONNECTING: usize = 64;
/// How long connecting everybody may take.
const JOIN_TIME: Duration = Duration::from_secs(60);
/// How often settled segments are written.
const BOOKKEEPING: Duration = Duration::from_millis(100);
/// How long a segment may stay open before what it misses is lost; longer than a node's window.
const PATIENCE: Duration = Duration::from_secs(60);
/// From the first broken connection to a dying program being gone.
const LAST_BREATH: Duration = Duration::from_millis(300);
/// From the last join to the first segment.
const LEAD_IN: Duration = Duration::from_millis(100);

/// Runs `trial` and writes its records.
///
/// # Errors
/// The first thing that went wrong; what was recorded until then is written.
pub async fn run(lab: &Lab, trial: &Trial, writer: &mut Writer) -> Result<()> {
    let name = TrialName::from(trial);
    let mut record = TrialRecord {
        point: trial.cell,
        window_s: lab.scenario.measure_s,
        segments: 0,
        joined: 0,
        rss_empty_bytes: 0,
        rss_joined_bytes: 0,
        totals: Totals::default(),
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
    let recording = Recording::load(&lab.fixtures.join(&lab.scenario.recording))?;
    let script = Arc::new(Script::new(recording, trial.target)?);
    let mut servers = Servers::start(trial, &lab.programs, &lab.limits, &lab.split, writer)?;
    let forward_log = ForwardLog::open(servers.node_log())?;
    let mut audience = Audience::gather(&mut servers, trial, &script, lab, record).await?;
    servers.limit(trial.cell.cpus)?;

    let start = Instant::now() + LEAD_IN;
    let epoch = start + Duration::from_secs_f64(lab.scenario.warm_up_s);
    let end = epoch + Duration::from_secs_f64(lab.scenario.measure_s);
    audience.begin(Airtime { start, end });
    let mut books = Bookkeeper {
        name,
        writer,
        forward_log,
        epoch,
        ledgers: audience.ledgers.clone(),
        unforwarded: Vec::new(),
    };
    let every = Duration::from_millis(lab.scenario.sample_ms);
    let patience = Duration::from_secs_f64(lab.scenario.drain_s);
    let streamed = async {
        books.watch_window(&mut servers, &mut audience, end, every).await?;
        books.drain(&mut audience, patience).await
    };
    if let Err(error) = streamed.await {
        books.keep_what_there_is()?;
        // A program that died explains a broken connection better than the connection does.
        tokio::time::sleep(LAST_BREATH).await;
        servers.check()?;
        return Err(error);
    }
    record.segments = books.finish()?;
    record.totals = books.totals();
    Ok(())
}

/// Everybody who is connected; all leave on drop.
struct Audience {
    ledgers: Vec<Arc<Ledger>>,
    airtime: watch::Sender<Option<Airtime>>,
    /// Ends when somebody fails.
    viewers: JoinSet<Result<()>>,
    broadcasters: Broadcasters,
}

/// The thread the broadcasters run on.
struct Broadcasters {
    thread: Option<JoinHandle<()>>,
    stop: Option<mpsc::Sender<()>>,
    failures: mpsc::UnboundedReceiver<Error>,
}

impl Audience {
    async fn gather(
        servers: &mut Servers,
        trial: &Trial,
        script: &Arc<Script>,
        lab: &Lab,
        record: &mut TrialRecord,
    ) -> Result<Self> {
        let mut admissions = Vec::new();
        for number in 0..trial.cell.streams {
            admissions.push(servers.admit(number).await?);
        }
        let account =
            |admission: &Admission| Arc::new(Ledger::new(admission.stream_id.clone(), trial.cell.viewers));
        let ledgers: Vec<Arc<Ledger>> = admissions.iter().map(account).collect();
        let (airtime, on_air) = watch::channel(None);
        let warm_up = Duration::from_secs_f64(lab.scenario.warm_up_s);
        let (registered, registrations) = mpsc::unbounded_channel();
        let between_starts = warm_up / trial.cell.streams;
        let booth = |(number, (admission, ledger)): (u32, (&Admission, &Arc<Ledger>))| Booth {
            address: admission.address,
            path: admission.path.clone(),
            stream_id: admission.stream_id.clone(),
            grant: admission.grant.clone(),
            script: script.clone(),
            ledger: ledger.clone(),
            offset: between_starts * number,
        };
        let booths: Vec<Booth> = (0..).zip(admissions.iter().zip(&ledgers)).map(booth).collect();
        let broadcasters = Broadcasters::start(booths, registered, on_air, lab.split.generator.clone())?;
        let mut audience = Self { ledgers, airtime, viewers: JoinSet::new(), broadcasters };
        audience.wait_for(registrations, admissions.len() as u64, "broadcasters").await?;
        record.rss_empty_bytes = servers.rss_bytes()?;

        let (joined, joins) = mpsc::unbounded_channel();
        let connecting = Arc::new(Semaphore::new(CONNECTING));
        for (admission, ledger) in admissions.iter().zip(&audience.ledgers) {
            for _ in 0..trial.cell.viewers {
                let seat = Seat {
                    address: admission.address,
                    path: admission.path.clone(),
                    stream_id: admission.stream_id.clone(),
                    ledger: ledger.clone(),
                };
                audience.viewers.spawn(view(seat, joined.clone(), connecting.clone()));
            }
        }
        let wanted = u64::from(trial.cell.streams) * u64::from(trial.cell.viewers);
        record.joined = audience.wait_for(joins, wanted, "viewers").await?;
        record.rss_joined_bytes = servers.rss_bytes()?;
        servers.check()?;
        Ok(audience)
    }

    /// Waits for `wanted` messages, or the first failure.
    async fn wait_for(
        &mut self,
        mut joins: mpsc::UnboundedReceiver<()>,
        wanted: u64,
        who: &str,
    ) -> Result<u64> {
        let deadline = tokio::time::sleep(JOIN_TIME);
        tokio::pin!(deadline);
        let mut joined = 0;
        while joined < wanted {
            tokio::select! {
                Some(()) = joins.recv() => joined += 1,
                failure = self.failure() => return Err(failure),
                () = &mut deadline => {
                    let waited = JOIN_TIME.as_secs();
                    return Err(Error::Protocol(format!("only {joined} of {wanted} {who} joined in {waited} s")));
                }
            }
        }
        Ok(joined)
    }

    fn begin(&self, airtime: Airtime) {
        self.airtime.send_replace(Some(airtime));
    }

    /// The next failure of anybody; waits for ever if there is none.
    async fn failure(&mut self) -> Error {
        tokio::select! {
            Some(ended) = self.viewers.join_next() => match ended {
                Ok(Err(error)) => error,
                Ok(Ok(())) => Error::Protocol("a viewer left".into()),
                Err(crash) => Error::Protocol(format!("a viewer crashed: {crash}")),
            },
            Some(error) = self.broadcasters.failures.recv() => error,
            else => std::future::pending().await,
        }
    }
}

impl Broadcasters {
    fn start(
        booths: Vec<Booth>,
        registered: mpsc::UnboundedSender<()>,
        on_air: watch::Receiver<Option<Airtime>>,
        cores: Vec<usize>,
    ) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context(|| "starting the broadcasters' runtime".into())?;
        let (failed, failures) = mpsc::unbounded_channel();
        let (stop, mut stopped) = mpsc::channel(1);
        let thread = std::thread::spawn(move || {
            if let Err(error) = machine::pin(&cores) {
                // The receiver outlives this thread.
                let _ = failed.send(error);
            }
            runtime.block_on(async {
                let mut tasks = JoinSet::new();
                for booth in booths {
                    let (registered, on_air, failed) = (registered.clone(), on_air.clone(), failed.clone());
                    tasks.spawn(async move {
                        if let Err(error) = broadcast(booth, registered, on_air).await {
                            let _ = failed.send(error);
                        }
                    });
                }
                stopped.recv().await;
            });
        });
        Ok(Self { thread: Some(thread), stop: Some(stop), failures })
    }
}

impl Drop for Broadcasters {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported on standard error already.
            let _ = thread.join();
        }
    }
}

/// Turns what happens into lines on disk.
struct Bookkeeper<'a> {
    name: &'a TrialName,
    writer: &'a mut Writer,
    forward_log: ForwardLog,
    epoch: Instant,
    ledgers: Vec<Arc<Ledger>>,
    /// Closed segments whose forward time the node has not logged yet.
    unforwarded: Vec<SegmentRecord>,
}

impl Bookkeeper<'_> {
    /// Samples the node and writes settled segments until `end`.
    async fn watch_window(
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
            self.write_settled(Instant::now().checked_sub(PATIENCE))?;
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
        // So that a run that is cut off keeps what it has.
        self.writer.flush()
    }

    /// Waits until everything sent is accounted for, but no longer than `patience`.
    async fn drain(&mut self, audience: &mut Audience, patience: Duration) -> Result<()> {
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
        self.forward_log.read_on()?;
        let mut waiting = Vec::new();
        for mut record in self.unforwarded.drain(..) {
            record.forward_us = self.forward_log.take(&record.stream, record.take, record.seq);
            // A segment that completes no chunk is not forwarded, whether or not the node logs it.
            if record.forward_us.is_some() || record.chunks == 0 {
                self.writer.segment(self.name, record)?;
            } else {
                waiting.push(record);
            }
        }
        self.unforwarded = waiting;
        Ok(())
    }

    /// Closes every segment and writes it, as far as it is known.
    fn keep_what_there_is(&mut self) -> Result<()> {
        self.write_settled(Some(Instant::now()))?;
        for record in std::mem::take(&mut self.unforwarded) {
            self.writer.segment(self.name, record)?;
        }
        self.writer.flush()
    }

    /// Writes the rest and returns how many segments were sent.
    fn finish(&mut self) -> Result<u64> {
        self.keep_what_there_is()?;
        Ok(self.ledgers.iter().map(|ledger| ledger.published()).sum())
    }

    fn totals(&self) -> Totals {
        self.ledgers.iter().fold(Totals::default(), |sum, ledger| sum.plus(ledger.totals()))
    }
}
