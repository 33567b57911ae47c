//! All clients that connect to the node in a trial.
//!
//! Broadcasters run on a thread of their own, so that a burst of arrivals at the viewers does not delay the
//! next segment.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

use crate::{
    broadcaster::{Airtime, Booth, broadcast},
    error::{Context, Error, Result},
    lab::Lab,
    ledger::Ledger,
    machine,
    record::{SilentEnd, TrialRecord},
    scenario::Trial,
    script::Script,
    servers::{Admission, Servers},
    viewer::{Seat, silent::keep_silent, watch as view},
    wire::Entrance,
};

/// Viewers that connect at the same time.
const CONNECTING: usize = 64;
/// How long connecting all clients may take.
const JOIN_TIME: Duration = Duration::from_secs(60);

/// All connected clients; they disconnect on drop.
pub struct Audience {
    ledgers: Vec<Arc<Ledger>>,
    airtime: watch::Sender<Option<Airtime>>,
    /// Each task ends when its viewer fails.
    viewers: JoinSet<Result<()>>,
    /// Each task ends on request.
    silent: JoinSet<Result<SilentEnd>>,
    asked: watch::Sender<bool>,
    broadcasters: Broadcasters,
}

/// The thread the broadcasters run on.
struct Broadcasters {
    thread: Option<JoinHandle<()>>,
    stop: Option<mpsc::Sender<()>>,
    failures: mpsc::UnboundedReceiver<Error>,
}

impl Audience {
    /// Registers one broadcaster per stream and joins its viewers; no broadcaster sends yet. Records in
    /// `record` who joined and the node's memory before and after.
    ///
    /// # Errors
    /// The first failure of a client, or [`Error::Protocol`] if not all have joined after a minute.
    pub async fn gather(
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
            entrance: admission.entrance.clone(),
            stream_id: admission.stream_id.clone(),
            grant: admission.grant.clone(),
            script: script.clone(),
            ledger: ledger.clone(),
            has_prelude: trial.cell.edges > 0,
            offset: between_starts * number,
        };
        let booths: Vec<Booth> = (0..).zip(admissions.iter().zip(&ledgers)).map(booth).collect();
        let broadcasters = Broadcasters::start(booths, registered, on_air, lab.split.generator.clone())?;
        let (viewers, silent, asked) = (JoinSet::new(), JoinSet::new(), watch::Sender::new(false));
        let mut audience = Self { ledgers, airtime, viewers, silent, asked, broadcasters };
        audience.wait_for(registrations, admissions.len() as u64, "broadcasters").await?;
        servers.add_edges(trial).await?;
        record.rss_empty_bytes = servers.rss_bytes()?;

        let entrances = servers.entrances().await?;
        audience.seat_viewers(&admissions, &entrances, trial, record).await?;
        audience.seat_silent(&admissions, &entrances, trial).await?;
        record.rss_joined_bytes = servers.rss_bytes()?;
        servers.check()?;
        Ok(audience)
    }

    /// Connects every viewer of every stream and waits until all have joined.
    async fn seat_viewers(
        &mut self,
        admissions: &[Admission],
        entrances: &[Entrance],
        trial: &Trial,
        record: &mut TrialRecord,
    ) -> Result<()> {
        let (joined, joins) = mpsc::unbounded_channel();
        let connecting = Arc::new(Semaphore::new(CONNECTING));
        for (admission, ledger) in admissions.iter().zip(&self.ledgers) {
            for entrance in entrances.iter().cycle().take(trial.cell.viewers as usize) {
                let seat = seat(admission, entrance, ledger, trial);
                self.viewers.spawn(view(seat, joined.clone(), connecting.clone()));
            }
        }
        let wanted = u64::from(trial.cell.streams) * u64::from(trial.cell.viewers);
        record.joined = self.wait_for(joins, wanted, "viewers").await?;
        Ok(())
    }

    /// Connects the viewers that never read.
    async fn seat_silent(
        &mut self,
        admissions: &[Admission],
        entrances: &[Entrance],
        trial: &Trial,
    ) -> Result<()> {
        let (joined, joins) = mpsc::unbounded_channel();
        for (admission, ledger) in admissions.iter().zip(&self.ledgers) {
            for entrance in entrances.iter().cycle().take(trial.cell.silent as usize) {
                let seat = seat(admission, entrance, ledger, trial);
                self.silent.spawn(keep_silent(seat, joined.clone(), self.asked.subscribe()));
            }
        }
        let wanted = u64::from(trial.cell.streams) * u64::from(trial.cell.silent);
        self.wait_for(joins, wanted, "silent viewers").await?;
        Ok(())
    }

    /// Asks the viewers that never read for the messages that they got.
    ///
    /// # Errors
    /// The first failure of a viewer.
    pub async fn ask_silent(&mut self) -> Result<Vec<SilentEnd>> {
        self.asked.send_replace(true);
        let mut ends = Vec::new();
        while let Some(ended) = self.silent.join_next().await {
            ends.push(
                ended.unwrap_or_else(|crash| {
                    Err(Error::Protocol(format!("a silent viewer crashed: {crash}")))
                })?,
            );
        }
        Ok(ends)
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

    /// The ledgers of the streams.
    pub fn ledgers(&self) -> &[Arc<Ledger>] {
        &self.ledgers
    }

    /// Starts all broadcasters.
    pub fn begin(&self, airtime: Airtime) {
        self.airtime.send_replace(Some(airtime));
    }

    /// The next failure of a client; pending forever if there is none.
    pub async fn failure(&mut self) -> Error {
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

fn seat(admission: &Admission, entrance: &Entrance, ledger: &Arc<Ledger>, trial: &Trial) -> Seat {
    Seat {
        entrance: entrance.clone(),
        transport: trial.cell.transport,
        stream_id: admission.stream_id.clone(),
        ledger: ledger.clone(),
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
            // A panic there has already been reported on standard error.
            let _ = thread.join();
        }
    }
}
