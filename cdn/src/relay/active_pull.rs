//! A pull under way: keeps a link to one of the sources.
//!
//! A broken link is replaced at once, by the next source the main server named or, when those are used up, by those it
//! names now; always after the newest chunk here, so that no chunk is missing or repeated. Messages of a link are handled in
//! [`link_events`](super::link_events).

use std::{sync::Arc, time::Duration};

use cluster_client::retry_after;
use protocol::{
    ErrorCode, StreamId,
    event::FrameName,
    node::{SourceAddress, Sources},
};
use tokio::sync::{Notify, watch};

use super::{
    address::{Address, SourceRequest},
    context::RelayContext,
    errors::unavailable,
    link::{Event, Link},
    link_error::LinkError,
    link_health::LinkHealth,
    pull_state::{PullEnd, PullState},
    sources::SourceLookup,
};
use crate::{clock::Now, hub::AskKeyframe, ingest::Producer, lock::lock};

/// How long a stream has to lack a source before it ends because the main server does not know it.
const LOST_FOR: Duration = Duration::from_secs(2);
/// How long a link has to last to count as one that works.
const LEAST_LINK_TIME: Duration = Duration::from_secs(1);
/// Rounds through all sources before the pull of a stream without any media ends.
const ROUNDS: usize = 3;
/// How long the sources of a main server that does not answer any more are used.
const SOURCES_AGE: Duration = Duration::from_secs(9 * 60);
/// Waits between failed rounds grow from the first to the second.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(1);

/// See the [module](self).
pub(super) struct ActivePull<'a> {
    pub(super) id: StreamId,
    pub(super) context: &'a RelayContext,
    lookup: &'a SourceLookup,
    pub(super) state: &'a watch::Sender<PullState>,
    pub(super) sources: Sources,
    /// The newest frame that the node has elsewhere.
    last: Option<FrameName>,
    /// When the main server named the sources, in node time.
    asked_ms: u64,
    /// Once a source was found that has the stream.
    pub(super) producer: Option<Producer>,
    /// A reader here needs a keyframe of the source.
    keyframe_wanted: Arc<Notify>,
    /// Nodes that failed since the last chunk.
    avoid: Vec<String>,
    /// Since when there is no source, in node time.
    lost_ms: Option<u64>,
}

impl<'a> ActivePull<'a> {
    /// Pulls stream `id` from `sources`, which the main server has just named: what follows the frame `last` if the node has the
    /// stream up to that.
    pub(super) fn new(
        id: StreamId,
        context: &'a RelayContext,
        lookup: &'a SourceLookup,
        state: &'a watch::Sender<PullState>,
        (sources, last): (Sources, Option<FrameName>),
    ) -> Self {
        let asked_ms = context.clock.now().ms;
        Self {
            id,
            context,
            lookup,
            state,
            sources,
            last,
            asked_ms,
            producer: None,
            keyframe_wanted: Arc::default(),
            avoid: Vec::new(),
            lost_ms: None,
        }
    }

    fn now(&self) -> Now {
        self.context.clock.now()
    }

    /// Pulls until the stream is over, dropped, or published here.
    pub(super) async fn run(&mut self) -> PullEnd {
        let mut round = 0;
        loop {
            match self.try_sources().await {
                Ok(true) => round = 0,
                Ok(false) => round += 1,
                Err(over) => return over,
            }
            if self.producer.is_none() && round >= ROUNDS {
                return PullEnd::Failed(unavailable(self.id));
            }
            if round > 0 && !self.wait(retry_after(round - 1, FIRST_RETRY, LAST_RETRY)).await {
                return PullEnd::Done;
            }
            if self.ask().await {
                self.end_stream();
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
                // A closed connection does not tell that the node is at fault; silence does.
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
        let began_ms = self.now().ms;
        let (lost, brought) = self.follow(source.url()).await?;
        // A link that breaks again and again does not count, whatever it brings in between.
        let worked = brought && self.now().since(began_ms) >= LEAST_LINK_TIME;
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
        let (id, context) = (self.id, &self.context);
        let url = source.url();
        let now = self.now();
        self.lost_ms.get_or_insert(now.ms);
        if !self.avoid.contains(&source.public_url) {
            self.avoid.push(source.public_url.clone());
        }
        if lost.is_about_address() && context.warnings.is_due(url, now) {
            // Operators know a node by its public URL.
            let known = source.peer_url.as_ref().map(|_| format!(" (public URL {})", source.public_url));
            tracing::warn!(
                stream.id = %id,
                "stream {id} cannot be pulled from the node at {url}{}: {lost}; if nodes reach it at another address, set \
                 --peer-url on that node",
                known.unwrap_or_default(),
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
        match self.lookup.ask(self.id, self.avoid.clone()).await {
            Ok(sources) => {
                (self.sources, self.asked_ms) = (sources, self.now().ms);
                // The main server named them knowing what failed: it knows of nothing better.
                self.avoid.clear();
                false
            }
            Err(error) => {
                tracing::debug!(stream.id = %self.id, "no other source: {error}");
                let now = self.now();
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
        let mut health = LinkHealth::new(self.context.clock.clone());
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

    /// How readers here ask this pull for a keyframe.
    pub(super) fn ask_keyframe(&self) -> AskKeyframe {
        let wanted = self.keyframe_wanted.clone();
        Arc::new(move || wanted.notify_one())
    }

    /// The next event of the link; `None` after a keyframe was requested over it.
    async fn next(&self, link: &mut Link) -> Result<Option<Event>, LinkError> {
        tokio::select! {
            event = link.next() => return event.map(Some),
            () = self.keyframe_wanted.notified() => {}
        }
        link.request_keyframe().await?;
        Ok(None)
    }

    async fn open(&self, url: &str) -> Result<Link, LinkError> {
        let newest = self.producer.as_ref().map_or_else(|| self.newest_here(), Producer::newest);
        let wanted = SourceRequest {
            stream: self.id,
            grant: &self.sources.grant,
            hostname: &self.context.hostname,
            after: newest.or(self.last),
        };
        let address = Address::new(url, self.lookup.main_server(), &wanted)?;
        Link::open(&address, &self.context.trust, self.context.clock.clone()).await
    }

    /// The newest chunk of a stream that was published here.
    fn newest_here(&self) -> Option<FrameName> {
        let stream = self.context.ingest.carried(self.id)?;
        let stream = lock(&stream);
        stream.ring().newest_name()
    }
}
