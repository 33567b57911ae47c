//! Writes, and what keeps compare-and-set exact.
//!
//! A conditional write names the sequence that the entry's subject must be at (`Nats-Expected-Last-Subject-Sequence`), which
//! servers from 2.10 on check exactly, alone and in a cluster. A deletion leaves a mark with a sequence of its own, so a
//! write that expects nothing reads the mark if its first try fails.
//!
//! Every write carries an id of its own. When an answer is lost, the entry is read: if it carries the id, the write
//! happened; if the condition still holds, it is tried again; else it is not known and the error says so. Message ids
//! of JetStream are not used for that: what a copy that restarts remembers of them differs from what the others do.

use std::{error::Error as _, time::Duration};

use async_nats::jetstream::{
    self, ErrorCode,
    context::{PublishError, PublishErrorKind},
    message::PublishMessage,
};
use tokio::time::{Instant, sleep};

use super::{
    Nats, RETRY,
    message::{Body, Last, unavailable},
    read,
};
use crate::{Error, Expect, Revision, contention::give_way};

/// How long a write may lose races against others: less than a caller waits.
const RACE_TIMEOUT: Duration = Duration::from_secs(8);

/// Answers that say that a condition does not hold or cannot be checked yet; nothing was written.
const RACED: [ErrorCode; 3] = [
    ErrorCode::STREAM_WRONG_LAST_SEQUENCE,
    ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT,
    ErrorCode::STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_NOT_READY,
];

/// One write, until it is decided.
pub(super) struct Write<'a> {
    pub(super) nats: &'a Nats,
    pub(super) subject: String,
    pub(super) body: Body,
    pub(super) expect: Option<Expect>,
    id: String,
    /// The answer to an earlier try was lost.
    is_in_doubt: bool,
    /// The condition has to be looked at before the next try.
    must_read: bool,
}

/// Why a try was not the last one.
enum Failure {
    /// The condition does not hold.
    Conflict,
    /// Another writer was first.
    Raced,
    /// Nothing was written.
    Failed(Error),
    /// It may have been written.
    Lost(Error),
}

/// How long a write is retried.
#[derive(Debug)]
struct Tries {
    /// Since when it has lost races.
    racing_since: Option<Instant>,
    /// When the servers were last seen to work. Without an answer a write is given up soon after.
    answered: Instant,
    races: u32,
}

impl From<Instant> for Tries {
    fn from(begun: Instant) -> Self {
        Self { racing_since: None, answered: begun, races: 0 }
    }
}

impl Tries {
    /// Another write went through instead. Gives how often that was.
    ///
    /// # Errors
    /// [`Error::Busy`] if it has gone on for too long.
    fn raced(&mut self, now: Instant) -> Result<u32, Error> {
        if now - *self.racing_since.get_or_insert(now) >= RACE_TIMEOUT {
            return Err(Error::Busy);
        }
        self.answered = now;
        self.races += 1;
        Ok(self.races)
    }
}

impl<'a> Write<'a> {
    pub(super) fn new(
        nats: &'a Nats,
        subject: String,
        body: Body,
        expect: Option<Expect>,
    ) -> Result<Self, Error> {
        let id = getrandom::u64().map_err(|error| Error::Unavailable(error.to_string()))?;
        let id = format!("{id:016x}");
        Ok(Self { nats, subject, body, expect, id, is_in_doubt: false, must_read: false })
    }

    /// Writes, or finds out that it must not be.
    pub(super) async fn run(mut self) -> Result<Revision, Error> {
        let mut tries = Tries::from(Instant::now());
        loop {
            let attempt = self.attempt().await;
            if matches!(attempt, Ok(_) | Err(Failure::Conflict | Failure::Raced)) {
                self.nats.note_answer();
            }
            let error = match attempt {
                Ok(revision) => return Ok(revision),
                Err(Failure::Conflict) if self.is_in_doubt => {
                    return Err(Error::Unavailable(
                        "NATS: whether the entry was written is not known".into(),
                    ));
                }
                Err(Failure::Conflict) => return Err(Error::Conflict),
                Err(Failure::Raced) => {
                    self.must_read = true;
                    give_way(tries.raced(Instant::now())?).await;
                    continue;
                }
                Err(Failure::Failed(error)) => error,
                Err(Failure::Lost(error)) => {
                    self.is_in_doubt = true;
                    error
                }
            };
            if self.nats.is_too_late(tries.answered) {
                return Err(error);
            }
            sleep(RETRY).await;
            self.must_read = true;
        }
    }

    async fn attempt(&self) -> Result<Revision, Failure> {
        let mut publish =
            PublishMessage::build().payload(self.body.payload()).headers(self.body.headers(&self.id));
        if self.must_read {
            let last = self.last_of_subject().await?;
            if let Some(done) = last.as_ref().filter(|last| last.write.as_ref() == Some(&self.id)) {
                return Ok(done.revision);
            }
            if let Some(expect) = self.expect {
                publish = publish.expected_last_subject_sequence(condition(expect, last.as_ref())?);
            }
        } else if let Some(expect) = self.expect {
            publish = publish.expected_last_subject_sequence(match expect {
                Expect::Absent => 0,
                Expect::Revision(revision) => revision.0,
            });
        }
        self.send(publish).await
    }

    async fn last_of_subject(&self) -> Result<Option<Last>, Failure> {
        let last = read::last(&self.nats.stream, &self.subject).await.map_err(Failure::Failed)?;
        Ok(last.map(|message| Last::of(message.sequence, &message.headers)))
    }

    async fn send(&self, publish: PublishMessage) -> Result<Revision, Failure> {
        let sent = self.nats.context.send_publish(self.subject.clone(), publish).await;
        let ack = sent.map_err(|error| Failure::Failed(unavailable(&error)))?;
        ack.await.map(|ack| Revision(ack.sequence)).map_err(failure)
    }
}

/// The sequence that the subject has to be at, if `last` is what is expected.
fn condition(expect: Expect, last: Option<&Last>) -> Result<u64, Failure> {
    let found = last.filter(|last| !last.is_deletion).map(|last| last.revision);
    let holds = match expect {
        Expect::Absent => found.is_none(),
        Expect::Revision(revision) => found == Some(revision),
    };
    if holds { Ok(last.map_or(0, |last| last.revision.0)) } else { Err(Failure::Conflict) }
}

fn failure(error: PublishError) -> Failure {
    let answer = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    match error.kind() {
        // Another write to the subject is under way.
        _ if answer.is_some_and(|answer| RACED.contains(&answer.error_code())) => Failure::Raced,
        PublishErrorKind::WrongLastSequence => Failure::Raced,
        // The stream has no leader now, so no server has the message.
        PublishErrorKind::StreamNotFound => Failure::Failed(unavailable(&"no server leads the stream")),
        _ => Failure::Lost(unavailable(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_loses_races_goes_on_for_seconds_and_counts_as_answered() {
        let begun = Instant::now();
        let mut tries = Tries::from(begun);
        // However long it waited for its turn.
        let first = begun + 2 * RACE_TIMEOUT;
        for race in 0..80 {
            let now = first + Duration::from_millis(100) * race;
            assert_eq!(tries.raced(now), Ok(race + 1));
            assert_eq!(tries.answered, now, "the servers work");
        }
        assert_eq!(tries.raced(first + RACE_TIMEOUT), Err(Error::Busy));
    }
}
