//! Everybody who connects to the node in a trial.
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
    ledger::Ledger,
    machine,
    record::TrialRecord,
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

/// Everybody who is connected; all leave on drop.
pub struct Audience {
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
    /// Registers a broadcaster a stream and joins its viewers; nobody sends yet. Notes in `record` who joined and
    /// what memory the node took before and after.
    ///
    /// # Errors
    /// The first failure of anybody, or [`Error::Protocol`] if not all have joined after a minute.
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

        audience.seat_viewers(&admissions, trial, record).await?;
        record.rss_joined_bytes = servers.rss_bytes()?;
        servers.check()?;
        Ok(audience)
    }

    /// Connects every viewer of every stream and waits until all have joined.
    async fn seat_viewers(
        &mut self,
        admissions: &[Admission],
        trial: &Trial,
        record: &mut TrialRecord,
    ) -> Result<()> {
        let (joined, joins) = mpsc::unbounded_channel();
        let connecting = Arc::new(Semaphore::new(CONNECTING));
        for (admission, ledger) in admissions.iter().zip(&self.ledgers) {
            for _ in 0..trial.cell.viewers {
                let seat = Seat {
                    address: admission.address,
                    path: admission.path.clone(),
                    stream_id: admission.stream_id.clone(),
                    ledger: ledger.clone(),
                };
                self.viewers.spawn(view(seat, joined.clone(), connecting.clone()));
            }
        }
        let wanted = u64::from(trial.cell.streams) * u64::from(trial.cell.viewers);
        record.joined = self.wait_for(joins, wanted, "viewers").await?;
        Ok(())
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

    /// The accounts of the streams.
    pub fn ledgers(&self) -> &[Arc<Ledger>] {
        &self.ledgers
    }

    /// Puts all broadcasters on the air.
    pub fn begin(&self, airtime: Airtime) {
        self.airtime.send_replace(Some(airtime));
    }

    /// The next failure of anybody; waits for ever if there is none.
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
