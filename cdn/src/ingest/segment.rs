//! A segment on its way into the hub: checked, parsed in slices, and written.
//!
//! Other tasks run between two slices, and readers get what a slice brought at once. A slice is written under one lock.

use std::sync::Arc;

use media::Progress;
use protocol::{ErrorCode, WireError};
use tokio::task::yield_now;

use super::{
    errors::{not_registered, stale},
    forward::{self, Forwarding},
    producer::{Producer, Written},
    publisher::{Intake, Publisher},
    streams::Ingest,
    take::Take,
    types::{Accepted, ConnectionId, Segment},
};
use crate::{clock::Now, hub::Trace, lock::lock};

impl Ingest {
    /// Takes in a segment of the stream's broadcaster.
    pub(crate) async fn segment(
        &self,
        connection: ConnectionId,
        segment: Segment,
        now: Now,
    ) -> Result<Accepted, WireError> {
        let accepted = self.accept(connection, segment, now).await;
        if accepted.is_err() {
            self.context.metrics.segments_refused.add(1);
        }
        accepted
    }

    async fn accept(
        &self,
        connection: ConnectionId,
        segment: Segment,
        now: Now,
    ) -> Result<Accepted, WireError> {
        let (bytes, most) = (segment.data.len(), self.context.limits.segment_bytes);
        if bytes > most {
            let message = format!("segment has {bytes} bytes, the limit is {most}; send smaller segments");
            return Err(WireError::new(ErrorCode::PayloadTooLarge, message));
        }
        let publisher = lock(&self.publishers).owned(connection, segment.stream)?;
        let (accepted, new_bytes) = publisher.segment(connection, segment, now).await?;
        if let Some(bytes) = new_bytes {
            self.context.metrics.segments.add(1);
            self.context.metrics.ingress_bytes.add(bytes as u64);
        }
        Ok(accepted)
    }
}

impl Publisher {
    /// Takes in a segment of the broadcaster, slice by slice. Says how many bytes were new.
    pub(super) async fn segment(
        &self,
        connection: ConnectionId,
        segment: Segment,
        now: Now,
    ) -> Result<(Accepted, Option<usize>), WireError> {
        let mut intake = self.intake.lock().await;
        let producer = Producer::of_broadcaster(self.source(), connection)?;
        let Intake { take, rate, segments, .. } = &mut *intake;
        let take = take.as_mut().ok_or_else(not_registered)?;
        match segment.take {
            Some(number) if number < take.number() => return Err(stale(number, take.number())),
            Some(number) if number > take.number() => return Err(not_registered()),
            _ => {}
        }
        segments.allow(1, now.ms).map_err(|wait| {
            let message = "the stream exceeds its segments per second; send larger ones, less often";
            WireError::new(ErrorCode::LimitReached, message).after(wait)
        })?;
        let mut bytes = None;
        if take.wants(segment.seq.unwrap_or(take.next_segment()))? {
            rate.allow(segment.data.len(), now.ms).map_err(|wait| {
                let message = "the stream exceeds its byte rate; send less";
                WireError::new(ErrorCode::LimitReached, message).after(wait)
            })?;
            let steps = take.steps();
            let parsed = self.parse(&producer, take, &segment, now).await;
            rate.charge(take.steps() - steps);
            parsed?;
            bytes = Some(segment.data.len());
        }
        // Also of a segment that was here before: the broadcaster had no answer to it.
        let end = || lock(self.source().stream()).ring().end();
        let unwritten = self.source().readers().unwritten(end);
        Ok((Accepted { have: take.have(), resume: take.resume_state(), unwritten }, bytes))
    }

    async fn parse(
        &self,
        producer: &Producer,
        take: &mut Take,
        segment: &Segment,
        now: Now,
    ) -> Result<(), WireError> {
        let mut rest = segment.data.clone();
        loop {
            let mut outputs = Vec::new();
            let progress = take.parser.advance(&mut rest, &mut outputs);
            let is_done = progress == Ok(Progress::Done);
            if is_done && take.segment_done(segment.captured_at_ms, now.ms) {
                let stream = producer.stream_id();
                tracing::debug!(
                    stream.id = %stream,
                    take = take.number(),
                    "timestamps of stream {stream} jumped; continuing after the previous ones"
                );
            }
            if is_done || !outputs.is_empty() {
                let written = Written {
                    take: take.number(),
                    epoch_ms: take.epoch_ms(),
                    outputs,
                    segment_bytes: is_done.then_some(segment.data.len() as u64),
                };
                // Where it is not the producer any more, the rest is parsed all the same: the take stays whole.
                let _ = producer.write(written, self.trace(take, segment, is_done).as_ref(), now);
            }
            if progress.map_err(|error| take.fail(&error))? == Progress::Done {
                return Ok(());
            }
            yield_now().await;
        }
    }

    /// What follows a segment that is done through the node, if that is logged.
    fn trace(&self, take: &Take, segment: &Segment, is_done: bool) -> Option<Arc<dyn Trace>> {
        (is_done && forward::is_logged()).then(|| {
            Arc::new(Forwarding {
                stream: segment.stream,
                segment: take.have(),
                bytes: segment.data.len(),
                arrived_us: segment.arrived_us,
                clock: self.source().context().clock.clone(),
                progress: forward::ForwardProgress::default(),
            }) as Arc<dyn Trace>
        })
    }
}
