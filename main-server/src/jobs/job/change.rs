//! State changes of a job.

use protocol::{
    ItemId,
    item::Stem,
    job::{Attempt, Output},
};
use stems::plan;

use super::{
    FileRecord, NewJob, Phase, Record, Starter,
    output::is_plausible,
    step::{Step, Task},
};
use crate::state::catalogue::record::Owner;

/// The stems, in the order of a job's results.
const STEMS: [Stem; 2] = [Stem::Vocals, Stem::Accompaniment];
/// Most pieces of a song; a job has three tasks more.
pub(crate) const MOST_PIECES: usize = 390;
/// Seconds of a song that each task separates.
const PIECE_S: u32 = 22;
/// How often a job restarts by itself because its blobs are gone.
const MOST_RESTARTS: u32 = 2;
/// The error of a job that restarted too often.
pub(crate) const GONE_TOO_OFTEN: &str = "what earlier steps made was deleted again and again";
/// Most attempts that a job keeps of all its tasks together, and the least and the most of each task.
const MOST_ATTEMPTS: usize = 800;
const ATTEMPTS_OF_TASK: (usize, usize) = (2, 10);
/// Most accounts that may request a job besides the one that started it.
const MOST_OTHERS: usize = 15;
/// Most stored characters of an attempt's outcome.
const OUTCOME_CHARS: usize = 150;
/// Most stored characters of a job's error.
const ERROR_CHARS: usize = 300;

/// How the attempts at a task ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Number of attempts.
    pub(crate) attempts: u32,
    /// The attempts, newest last.
    pub(crate) log: Vec<Attempt>,
}

/// How an output was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// It was accepted.
    New,
    /// The task was already done, with the same output.
    Again,
    /// The task was already done, with another output, which counts.
    Other,
}

/// The reaction to a missing blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// The job was restarted.
    Begun,
    /// The job failed, because it had restarted too often.
    Failed,
    /// The job had already ended.
    Over,
}

/// Why an output is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The job is over, or has no such task.
    #[error("the job is over, or began again")]
    Over,
    /// The task gives something else.
    #[error("the output is not what the task gives")]
    Wrong,
}

impl Record {
    /// Records the output of task `n`. If it was the last one of its step, the next step follows.
    ///
    /// # Errors
    /// [`Refused`]: nothing changed.
    pub(crate) fn done(
        &mut self,
        n: u32,
        output: &Output,
        ended: &Ended,
        now_ms: u64,
    ) -> Result<Accepted, Refused> {
        let (is_open, most) = (self.is_open(), self.most_attempts());
        let task = self.tasks.get_mut(n as usize).ok_or(Refused::Over)?;
        if !task.step.gives(output) || !is_plausible(output) {
            return Err(Refused::Wrong);
        }
        match &task.output {
            Some(known) if known == output => return Ok(Accepted::Again),
            Some(_) => return Ok(Accepted::Other),
            None if !is_open => return Err(Refused::Over),
            None => {}
        }
        task.output = Some(output.clone());
        task.end(ended, most);
        self.follow(now_ms);
        Ok(Accepted::New)
    }

    /// Adds the tasks of the next step if all are done.
    fn follow(&mut self, now_ms: u64) {
        if self.tasks.iter().all(|task| task.output.is_some()) {
            match self.next_step() {
                Ok(next) => self.tasks.extend(next),
                Err(reason) => {
                    self.fail(reason, now_ms);
                }
            }
        }
    }

    /// The tasks of the step after the last one.
    fn next_step(&self) -> Result<Vec<Task>, &'static str> {
        match self.tasks.last().map(|task| &task.step) {
            Some(Step::Decode) => self.separation(),
            Some(Step::Separate { .. }) => Ok(STEMS.map(|stem| Step::Join { stem }.into()).into()),
            _ => Ok(Vec::new()),
        }
    }

    fn separation(&self) -> Result<Vec<Task>, &'static str> {
        let sound = self.sound().filter(|sound| sound.samples > 0 && sound.rate > 0);
        let sound = sound.ok_or("the item has no sound")?;
        // Checked before the pieces are made, because a worker may report any number of samples.
        if sound.samples / u64::from(sound.rate) > u64::from(PIECE_S) * MOST_PIECES as u64 {
            return Err("the item is too long");
        }
        let step = |piece: plan::Piece| Step::Separate {
            read_from: piece.read.start,
            read_to: piece.read.end,
            keep_from: piece.keep.start,
            keep_to: piece.keep.end,
        };
        let pieces = plan::pieces(sound.samples, sound.rate, PIECE_S).into_iter();
        Ok(pieces.map(|piece| step(piece).into()).collect())
    }

    /// Records that task `n` failed permanently or too often, so that the job fails unless it has ended.
    /// Returns whether this made it fail.
    pub(crate) fn failed(&mut self, n: u32, reason: &str, ended: &Ended, now_ms: u64) -> bool {
        let most = self.most_attempts();
        let is_open = self.is_open();
        let Some(task) = self.tasks.get_mut(n as usize).filter(|task| is_open && task.output.is_none())
        else {
            return false;
        };
        task.has_failed = true;
        task.end(ended, most);
        self.fail(reason, now_ms)
    }

    /// Fails the job, unless it has ended. Returns whether this made it fail.
    pub(crate) fn fail(&mut self, reason: &str, now_ms: u64) -> bool {
        let is_open = self.is_open();
        if is_open {
            self.error = Some(reason.chars().take(ERROR_CHARS).collect());
            self.end(Phase::Failed, now_ms);
        }
        is_open
    }

    /// Restarts the job because a blob of an earlier step is gone; fails it if that happened too often.
    pub(crate) fn input_gone(&mut self, now_ms: u64) -> Again {
        if !self.is_open() {
            return Again::Over;
        }
        if self.restarts >= MOST_RESTARTS {
            self.fail(GONE_TOO_OFTEN, now_ms);
            return Again::Failed;
        }
        self.restarts += 1;
        self.next_generation();
        Again::Begun
    }

    /// Cancels the job, unless it has ended.
    pub(crate) fn cancel(&mut self, now_ms: u64) {
        if self.is_open() {
            self.end(Phase::Cancelled, now_ms);
        }
    }

    /// Records that another account requested the job. Returns false if there are too many accounts.
    pub(crate) fn join(&mut self, account: &Owner) -> bool {
        let is_known = self.accounts().any(|known| known.is_same_account(account));
        let has_room = self.others.len() < MOST_OTHERS;
        if !is_known && has_room {
            self.others.push(account.clone());
        }
        is_known || has_room
    }

    /// Records that an account cancelled. The job ends when no account is left.
    pub(crate) fn leave(&mut self, account: &Owner, now_ms: u64) {
        let is_starter = self.account().is_some_and(|starter| starter.is_same_account(account));
        self.others.retain(|other| !other.is_same_account(account));
        match (is_starter, self.others.is_empty()) {
            (false, _) => {}
            (true, true) => self.give_up(now_ms),
            (true, false) => self.starter = Starter::Account(self.others.remove(0)),
        }
    }

    /// Cancels the job if it is running, and gives up its file.
    pub(crate) fn give_up(&mut self, now_ms: u64) {
        self.cancel(now_ms);
        self.file = None;
    }

    /// Records the results.
    pub(crate) fn made(&mut self, result: &[ItemId], file: Option<&FileRecord>, now_ms: u64) {
        if self.is_complete() {
            (self.result, self.file) = (result.to_vec(), file.cloned());
            self.end(Phase::Done, now_ms);
        }
    }

    /// Restarts the job on a client's request.
    pub(crate) fn restart(&mut self, new: NewJob, now_ms: u64) {
        let generation = self.generation;
        // Accounts that cancelled the job no longer request it.
        let known: Vec<Owner> = match self.phase {
            Phase::Cancelled => Vec::new(),
            _ => self.accounts().cloned().collect(),
        };
        *self = Self { generation, ..Self::new(new, now_ms) };
        for account in &known {
            self.join(account);
        }
        self.next_generation();
    }

    fn next_generation(&mut self) {
        self.generation += 1;
        self.tasks = self.first_tasks();
    }

    fn end(&mut self, phase: Phase, now_ms: u64) {
        (self.phase, self.ended_at_ms) = (phase, Some(now_ms));
    }

    /// How many attempts of each task are kept.
    fn most_attempts(&self) -> usize {
        let (least, most) = ATTEMPTS_OF_TASK;
        (MOST_ATTEMPTS / self.tasks.len().max(1)).clamp(least, most)
    }
}

impl Task {
    fn end(&mut self, ended: &Ended, most: usize) {
        self.attempts = ended.attempts;
        let newest = &ended.log[ended.log.len().saturating_sub(most)..];
        self.log = newest.to_vec();
        for attempt in &mut self.log {
            attempt.outcome = attempt.outcome.take().map(|text| text.chars().take(OUTCOME_CHARS).collect());
        }
    }
}
