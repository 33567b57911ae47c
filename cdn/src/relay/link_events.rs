//! The events of a link, written into the hub.

use std::sync::Arc;

use media::Output;
use protocol::{ErrorCode, event::RelayPath, node::MOST_HOPS, stream::StreamState};

use super::{
    active_pull::ActivePull,
    context::RelayContext,
    link::Event,
    link_error::LinkError,
    link_health::LinkHealth,
    pull_state::{PullEnd, PullState},
};
use crate::{
    clock::Now,
    ingest::{Producer, WriteError, Written},
};

impl ActivePull<'_> {
    /// Handles an event of a link. Returns the reason if it ends the link.
    pub(super) fn take(
        &mut self,
        event: Event,
        health: &mut LinkHealth,
    ) -> Result<Option<LinkError>, PullEnd> {
        let now = self.context.clock.now();
        match (event, &self.producer) {
            (Event::Welcome(welcome), _) => health.welcomed(welcome.newest),
            (Event::Path(path), _) => return self.path(path, health),
            (_, None) => return Ok(Some(LinkError::Malformed("media before the path of the stream".into()))),
            (_, Some(_)) if !health.has_path => {
                return Ok(Some(LinkError::Malformed("media before the path of the stream".into())));
            }
            (Event::State(StreamState::Ended), Some(_)) => {
                self.end_stream();
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
                    self.context.metrics.relay_bytes_in.add(bytes);
                    self.context.metrics.relay_chunks_in.add(1);
                }
                Ok(None)
            }
            Err(WriteError::Superseded) => Err(PullEnd::Done),
            Err(WriteError::Malformed(error)) => Ok(Some(LinkError::Malformed(error.to_string()))),
        }
    }

    /// The stream is over.
    pub(super) fn end_stream(&self) {
        if let Some(producer) = &self.producer {
            self.context.ingest.end_of(self.id, producer);
        }
    }

    /// The stream's path. Media is taken in only after it: a path that contains this node is rejected.
    fn path(&mut self, path: RelayPath, health: &mut LinkHealth) -> Result<Option<LinkError>, PullEnd> {
        let RelayContext { ingest, hostname, clock, .. } = self.context;
        if path.path.contains(hostname) {
            return Ok(Some(LinkError::Loop));
        }
        if path.path.is_empty() {
            return Ok(Some(LinkError::Malformed("the path is empty".into())));
        }
        if path.path.len() > MOST_HOPS {
            return Ok(Some(LinkError::TooFar(path.path.len())));
        }
        let path: Arc<[String]> = path.path.into();
        if self.producer.is_none() {
            let access = self.sources.access();
            let begun = ingest.relay(self.id, access, self.ask_keyframe(), clock.now());
            self.producer = Some(begun.map_err(|error| match error.code {
                // Its broadcaster has registered here meanwhile, so this node is the origin.
                ErrorCode::AlreadyPublishing => PullEnd::Done,
                _ => PullEnd::Failed(error),
            })?);
            tracing::info!(stream.id = %self.id, "stream {} is pulled through {:?}", self.id, path);
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
        if health.catches_up(newest) && !self.state.borrow().is_ready() {
            self.state.send_replace(PullState::Ready);
        }
    }
}
