//! One stream's way here: a task that keeps a link to a source and feeds what comes into the hub.
//!
//! A broken link is replaced at once, by the next source the main server named or, when those are used up, by those it
//! names now; always after the newest chunk here, so that no chunk is missing and none comes twice.

use std::{sync::Arc, time::Duration};

use media::Output;
use protocol::{
    ErrorCode, StreamId, WireError,
    event::{FrameName, RelayPath},
    node::{MOST_HOPS, SourceAddress, Sources},
    stream::{StreamState, Visibility},
};
use tokio::sync::{Notify, watch};

use super::{
    address::{Address, SourceRequest},
    context::RelayContext,
    errors::{unavailable, unknown_stream},
    link::{Event, Link},
    link_error::LinkError,
    link_health::LinkHealth,
    sources::SourceLookup,
};
use crate::{
    clock::Now,
    control::retry_after,
    ingest::{Producer, Superseded, WriteError, Written},
    lock::lock,
};

/// How long a stream has to lack a source before it ends because the main server does not know it.
const LOST_FOR: Duration = Duration::from_secs(2);
/// How long a stream that no node has is asked for again: it may be about to begin, or on its way to another node. Shorter than
/// pages wait for their first WebSocket to speak.
const BEGINNING: Duration = Duration::from_secs(2);
/// How long the pull waits for a viewer that may watch, once the stream is found.
const VIEWER_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a link has to last to count as one that works.
const LEAST_LINK_TIME: Duration = Duration::from_secs(1);
/// Waits between failed rounds grow from the first to the second.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(1);
/// Longest wait before a stream that no node has, or has room to pass on, is asked for again.
const LAST_ASK: Duration = Duration::from_millis(400);
/// Rounds through all sources before a stream that never came is given up.
const ROUNDS: usize = 3;
/// How long the sources of a main server that does not answer any more are good for.
const SOURCES_AGE: Duration = Duration::from_secs(9 * 60);

/// How far the pull of a stream is, for viewers that wait for it.
#[derive(Clone, Debug)]
pub(super) enum PullState {
    /// The main server is asked.
    Asking,
    /// It is found; a viewer that may watch it has to want it.
    Found(Visibility),
    /// Its newest chunk is here, or it comes another way.
    Ready,
    /// It cannot be had.
    Failed(WireError),
}

/// See the [module](self).
pub(super) struct Pull {
    id: StreamId,
    adopting: bool,
    context: Arc<RelayContext>,
    lookup: Arc<SourceLookup>,
    state: watch::Sender<PullState>,
    admitted: Notify,
}

/// Why the pull of a stream ends.
enum PullEnd {
    /// It does not come this way any more, for a good reason.
    Done,
    /// It could not be had.
    Failed(WireError),
    /// No viewer came that may watch it.
    Unwanted,
}

impl From<Superseded> for PullEnd {
    fn from(_: Superseded) -> Self {
        Self::Done
    }
}

impl Pull {
    pub(super) fn new(
        id: StreamId,
        adopting: bool,
        context: Arc<RelayContext>,
        lookup: Arc<SourceLookup>,
    ) -> Self {
        let state = watch::Sender::new(if adopting { PullState::Ready } else { PullState::Asking });
        Self { id, adopting, context, lookup, state, admitted: Notify::new() }
    }

    fn now(&self) -> Now {
        self.context.clock.now()
    }

    /// Whether viewers need not wait for it.
    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.state.borrow(), PullState::Ready)
    }

    /// How viewers that wait learn of progress.
    pub(super) fn progress(&self) -> watch::Receiver<PullState> {
        self.state.subscribe()
    }

    /// A viewer that may watch it wants it.
    pub(super) fn viewer_admitted(&self) {
        self.admitted.notify_one();
    }

    /// Pulls until the stream is over, dropped, or published here.
    pub(super) async fn run(&self) {
        let failed = match self.pull().await {
            PullEnd::Done => {
                self.state.send_replace(PullState::Ready);
                return;
            }
            PullEnd::Unwanted => unavailable(self.id),
            PullEnd::Failed(error) => {
                self.lookup.remember(self.id, error.clone());
                error
            }
        };
        self.state.send_replace(PullState::Failed(failed));
    }

    async fn pull(&self) -> PullEnd {
        // The main server may not have heard of the end yet.
        if self.context.ingest.is_over(self.id) {
            return PullEnd::Failed(unknown_stream(self.id));
        }
        let sources = match self.sources().await {
            Ok(sources) => sources,
            Err(error) => return PullEnd::Failed(error),
        };
        if !self.adopting {
            self.state.send_replace(PullState::Found(sources.visibility));
            if tokio::time::timeout(VIEWER_TIMEOUT, self.admitted.notified()).await.is_err() {
                return PullEnd::Unwanted;
            }
        }
        let mut run = ActivePull {
            pull: self,
            sources,
            asked_ms: self.now().ms,
            producer: None,
            avoid: Vec::new(),
            lost_ms: None,
        };
        run.pull().await
    }

    /// The nodes to pull from. Viewers that wait for a stream that no node has yet, or that in a rush no node can pass on yet,
    /// are told so after a moment; no viewer waits for an adopted one.
    async fn sources(&self) -> Result<Sources, WireError> {
        let began_ms = self.now().ms;
        let mut tries = 0;
        loop {
            let answer = self.lookup.ask(self.id, Vec::new()).await;
            let is_nowhere = answer.as_ref().is_err_and(|error| error.code == ErrorCode::NoNodeAvailable);
            let wait = retry_after(tries, FIRST_RETRY, LAST_ASK);
            if !is_nowhere || self.adopting || self.now().since(began_ms) + wait > BEGINNING {
                return answer;
            }
            tokio::time::sleep(wait).await;
            tries += 1;
        }
    }
}

/// A pull under way.
struct ActivePull<'a> {
    pull: &'a Pull,
    sources: Sources,
    /// When the main server named the sources, in node time.
    asked_ms: u64,
    /// Once a source was found that has the stream.
    producer: Option<Producer>,
    /// Nodes that failed since the last chunk.
    avoid: Vec<String>,
    /// Since when there is no source, in node time.
    lost_ms: Option<u64>,
}

impl ActivePull<'_> {
    async fn pull(&mut self) -> PullEnd {
        let mut round = 0;
        loop {
            match self.try_sources().await {
                Ok(true) => round = 0,
                Ok(false) => round += 1,
                Err(over) => return over,
            }
            if self.producer.is_none() && round >= ROUNDS {
                return PullEnd::Failed(unavailable(self.pull.id));
            }
            if round > 0 && !self.wait(retry_after(round - 1, FIRST_RETRY, LAST_RETRY)).await {
                return PullEnd::Done;
            }
            if self.ask().await {
                self.ended();
                return PullEnd::Done;
            }
        }
    }

    /// Goes through the sources until all failed. Says whether one of them brought something.
    async fn try_sources(&mut self) -> Result<bool, PullEnd> {
        let mut any_worked = false;
        let nodes = std::mem::take(&mut self.sources.nodes);
        for node in &nodes {
            loop {
                let (worked, lost) = self.try_source(node).await?;
                any_worked |= worked;
                // A connection that closes says little about the node at its end; silence does.
                if !worked || !matches!(lost, LinkError::Closed) {
                    break;
                }
            }
        }
        self.sources.nodes = nodes;
        Ok(any_worked)
    }

    /// Pulls from one source until that fails. Says whether it worked, and how it failed.
    async fn try_source(&mut self, source: &SourceAddress) -> Result<(bool, LinkError), PullEnd> {
        let began_ms = self.pull.now().ms;
        let (lost, brought) = self.follow(source.url()).await?;
        // One that breaks off again and again is no use, whatever it brings in between.
        let worked = brought && self.pull.now().since(began_ms) >= LEAST_LINK_TIME;
        if worked {
            self.avoid.clear();
        }
        if brought {
            self.lost_ms = None;
        }
        self.note_loss(source, &lost);
        Ok((worked, lost))
    }

    fn note_loss(&mut self, source: &SourceAddress, lost: &LinkError) {
        let (id, context) = (self.pull.id, &self.pull.context);
        let url = source.url();
        let now = self.pull.now();
        self.lost_ms.get_or_insert(now.ms);
        if !self.avoid.contains(&source.public_url) {
            self.avoid.push(source.public_url.clone());
        }
        if lost.is_about_address() && context.warnings.is_due(url, now) {
            tracing::warn!(
                stream.id = %id,
                "stream {id} cannot be pulled from the node at {url}: {lost}; if other nodes reach it elsewhere, that node \
                 needs --peer-url",
            );
        }
        match &self.producer {
            Some(producer) => {
                tracing::info!(stream.id = %id, "stream {id} is no longer pulled from {url}: {lost}");
                context.metrics.relay_reconnects.add(1);
                producer.lost(now);
            }
            None => tracing::debug!(stream.id = %id, "stream {id} cannot be pulled from {url}: {lost}"),
        }
    }

    /// Asks for sources other than those that failed. Without an answer the old ones are tried again for a while. True if
    /// the stream is over: no source has had it for long enough to believe the main server, which does not know it.
    async fn ask(&mut self) -> bool {
        match self.pull.lookup.ask(self.pull.id, self.avoid.clone()).await {
            Ok(sources) => {
                (self.sources, self.asked_ms) = (sources, self.pull.now().ms);
                // The main server named them knowing what failed: it knows of nothing better.
                self.avoid.clear();
                false
            }
            Err(error) => {
                tracing::debug!(stream.id = %self.pull.id, "no other source: {error}");
                let now = self.pull.now();
                if now.since(self.asked_ms) > SOURCES_AGE {
                    self.sources.nodes.clear();
                }
                let is_lost = self.lost_ms.is_some_and(|lost_ms| now.since(lost_ms) >= LOST_FOR);
                error.code == ErrorCode::UnknownStream && is_lost
            }
        }
    }

    /// False if the stream does not come this way any more.
    async fn wait(&self, wait: Duration) -> bool {
        match &self.producer {
            None => {
                tokio::time::sleep(wait).await;
                true
            }
            Some(producer) => {
                producer.stopped().run_until_cancelled(tokio::time::sleep(wait)).await.is_some()
            }
        }
    }

    /// Pulls from one source until that fails. Says how it failed, and whether it brought anything.
    async fn follow(&mut self, url: &str) -> Result<(LinkError, bool), PullEnd> {
        let stop = self.producer.as_ref().map(|producer| producer.stopped().clone()).unwrap_or_default();
        let opened = stop.run_until_cancelled(self.open(url)).await;
        let mut link = match opened.ok_or(PullEnd::Done)? {
            Ok(link) => link,
            Err(lost) => return Ok((lost, false)),
        };
        let mut health = LinkHealth::new(self.pull.context.clock.clone());
        loop {
            let stop = self.producer.as_ref().map(|producer| producer.stopped().clone()).unwrap_or_default();
            let next = tokio::time::timeout(health.left(), self.next(&mut link));
            let event = match stop.run_until_cancelled(next).await.ok_or(PullEnd::Done)? {
                Ok(Ok(Some(event))) => event,
                Ok(Ok(None)) => continue,
                Ok(Err(lost)) => return Ok((lost, health.brought)),
                Err(_) if link.is_bringing() => {
                    health.postpone();
                    continue;
                }
                Err(_) => return Ok((LinkError::Silent, health.brought)),
            };
            if let Some(lost) = self.take(event, &mut health)? {
                return Ok((lost, health.brought));
            }
        }
    }

    /// What comes next over the link; none once a keyframe was asked for over it.
    async fn next(&self, link: &mut Link) -> Result<Option<Event>, LinkError> {
        let wanted = async {
            match &self.producer {
                Some(producer) => producer.keyframe_wanted().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = link.next() => return event.map(Some),
            () = wanted => {}
        }
        link.request_keyframe().await?;
        Ok(None)
    }

    async fn open(&self, url: &str) -> Result<Link, LinkError> {
        let wanted = SourceRequest {
            stream: self.pull.id,
            grant: &self.sources.grant,
            hostname: &self.pull.context.hostname,
            after: self.producer.as_ref().map_or_else(|| self.newest_here(), Producer::newest),
        };
        let address = Address::new(url, self.pull.lookup.main_server(), &wanted)?;
        Link::open(&address, self.pull.context.clock.clone()).await
    }

    /// The newest chunk of a stream that was published here.
    fn newest_here(&self) -> Option<FrameName> {
        let stream = self.pull.context.ingest.carried(self.pull.id)?;
        let stream = lock(&stream);
        stream.ring().newest().map(|newest| newest.first)
    }

    /// Takes in what came over a link. Gives the reason if that ends the link.
    fn take(&mut self, event: Event, health: &mut LinkHealth) -> Result<Option<LinkError>, PullEnd> {
        let now = self.pull.context.clock.now();
        match (event, &self.producer) {
            (Event::Welcome(welcome), _) => health.welcomed(welcome.newest),
            (Event::Path(path), _) => return self.path(path, health),
            (_, None) => return Ok(Some(LinkError::Malformed("media before the path of the stream".into()))),
            (_, Some(_)) if !health.has_path => {
                return Ok(Some(LinkError::Malformed("media before the path of the stream".into())));
            }
            (Event::State(StreamState::Ended), Some(_)) => {
                self.ended();
                return Err(PullEnd::Done);
            }
            (Event::State(state), Some(producer)) => {
                producer.state(state)?;
                health.state(state);
            }
            (Event::Skipped, Some(producer)) => producer.gap()?,
            (Event::Tracks { take, tracks, epoch_ms }, Some(producer)) => {
                let written =
                    Written { take, epoch_ms, outputs: vec![Output::Tracks(tracks)], segment_bytes: None };
                if let Some(lost) = self.write(producer, written, now)? {
                    return Ok(Some(lost));
                }
            }
            (Event::Run { take, run, captured_at_ms }, Some(producer)) => {
                // The stream adds the same time to it again, and a time that the origin does not know stays unknown.
                let pts_ms = run.pts_us() / 1000;
                let epoch_ms = captured_at_ms.map(|at_ms| at_ms.saturating_sub_unsigned(pts_ms));
                let written =
                    Written { take, epoch_ms, outputs: vec![Output::Run(run)], segment_bytes: None };
                if let Some(lost) = self.write(producer, written, now)? {
                    return Ok(Some(lost));
                }
                health.brought();
            }
        }
        self.note_progress(health);
        Ok(None)
    }

    /// Writes what a link brought. Returns the reason if that ends the link.
    fn write(&self, producer: &Producer, written: Written, now: Now) -> Result<Option<LinkError>, PullEnd> {
        let bytes = |output: &Output| match output {
            Output::Tracks(_) => 0,
            Output::Run(run) => run.frames.iter().map(|frame| frame.data.len() as u64).sum(),
        };
        let bytes: u64 = written.outputs.iter().map(bytes).sum();
        match producer.write(written, None, now) {
            Ok(is_new_run) => {
                if is_new_run {
                    self.pull.context.metrics.relay_bytes_in.add(bytes);
                    self.pull.context.metrics.relay_chunks_in.add(1);
                }
                Ok(None)
            }
            Err(WriteError::Superseded) => Err(PullEnd::Done),
            Err(WriteError::Malformed(error)) => Ok(Some(LinkError::Malformed(error.to_string()))),
        }
    }

    /// The stream is over.
    fn ended(&self) {
        if let Some(producer) = &self.producer {
            self.pull.context.ingest.end_of(self.pull.id, producer);
        }
    }

    /// Learns through which nodes the stream comes. Only then it is taken in: what this node sends itself leads nowhere.
    fn path(&mut self, path: RelayPath, health: &mut LinkHealth) -> Result<Option<LinkError>, PullEnd> {
        let RelayContext { ingest, hostname, clock, .. } = &*self.pull.context;
        if path.path.contains(hostname) {
            return Ok(Some(LinkError::Loop));
        }
        if path.path.is_empty() {
            return Ok(Some(LinkError::Malformed("no node has such a path".into())));
        }
        if path.path.len() > MOST_HOPS {
            return Ok(Some(LinkError::TooFar(path.path.len())));
        }
        let path: Arc<[String]> = path.path.into();
        if self.producer.is_none() {
            let begun = ingest.relay(self.pull.id, self.sources.visibility, clock.now());
            self.producer = Some(begun.map_err(|error| match error.code {
                // Its broadcaster came here meanwhile, which is as good.
                ErrorCode::AlreadyPublishing => PullEnd::Done,
                _ => PullEnd::Failed(error),
            })?);
            tracing::info!(stream.id = %self.pull.id, "stream {} comes by {:?}", self.pull.id, path);
        }
        if let Some(producer) = &self.producer {
            producer.path(path)?;
        }
        health.has_path = true;
        self.note_progress(health);
        Ok(None)
    }

    fn note_progress(&self, health: &mut LinkHealth) {
        let newest = || self.producer.as_ref().and_then(Producer::newest);
        if health.catches_up(newest) && !self.pull.is_ready() {
            self.pull.state.send_replace(PullState::Ready);
        }
    }
}
