//! The order of one connection's events: one is handled at a time, the later ones queue up behind it.
//!
//! An event is polled once where it arrives (see [`event`](super::event)), so that ordinary segments cost no task and are answered
//! before the next event is read. What has to wait (a large segment is parsed in slices) continues in a task, and the reading task is free.
//!
//! An event that panics is lost alone: those after it run, above all the last one, which gives up what the connection has.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex},
};

use supervisor::contain;

use crate::lock::lock;

/// Bytes of events that wait for the one that runs: a segment of the usual bound. One event may always wait.
const MOST_WAITING_BYTES: usize = 8 << 20;
/// What an event counts as besides its bytes.
const EVENT_BYTES: usize = 1 << 10;

/// Something to run.
pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// More events wait than may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// See the [module](self). Clones share one queue.
#[derive(Clone, Default)]
pub(super) struct Serial(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    is_running: bool,
    waiting: VecDeque<(Work, usize)>,
    bytes: usize,
}

impl Serial {
    /// Queues `work`, an event of `bytes` bytes, behind those before it. Gives it back if it is its turn: the caller polls it once, and
    /// continues with [`Self::next`], or with [`Self::finish`] in a task.
    pub(super) fn enter(&self, bytes: usize, work: Work) -> Result<Option<Work>, Full> {
        self.enter_within(MOST_WAITING_BYTES, bytes, work)
    }

    /// As [`Self::enter`], for what has to happen however much waits.
    pub(super) fn enter_last(&self, work: Work) -> Option<Work> {
        // Without a bound it is never full.
        self.enter_within(usize::MAX, 0, work).unwrap_or_default()
    }

    fn enter_within(&self, most_bytes: usize, bytes: usize, work: Work) -> Result<Option<Work>, Full> {
        let work: Work = Box::pin(async move {
            contain("event of a connection", work).await;
        });
        let mut queue = lock(&self.0);
        if queue.is_running {
            return queue.push(work, bytes.saturating_add(EVENT_BYTES), most_bytes).map(|()| None);
        }
        queue.is_running = true;
        Ok(Some(work))
    }

    /// Runs `first`, whose turn it is, and everything that waits behind it.
    pub(super) async fn finish(self, first: Work) {
        let mut next = Some(first);
        while let Some(work) = next {
            work.await;
            next = self.next();
        }
    }

    /// What waits next. Where nothing waits, the next event to come is run at once.
    pub(super) fn next(&self) -> Option<Work> {
        let mut queue = lock(&self.0);
        let next = queue.waiting.pop_front();
        queue.is_running = next.is_some();
        let (work, bytes) = next?;
        queue.bytes -= bytes;
        Some(work)
    }
}

impl Queue {
    fn push(&mut self, work: Work, bytes: usize, most_bytes: usize) -> Result<(), Full> {
        let sum = self.bytes.saturating_add(bytes);
        if sum > most_bytes && !self.waiting.is_empty() {
            return Err(Full);
        }
        self.bytes = sum;
        self.waiting.push_back((work, bytes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use tokio::{sync::Semaphore, task::yield_now};

    use super::*;

    type Log = Arc<Mutex<Vec<u32>>>;

    /// Yields a few times, then notes `number`.
    fn slow(log: &Log, number: u32) -> Work {
        let log = log.clone();
        Box::pin(async move {
            for _ in 0..3 {
                yield_now().await;
            }
            lock(&log).push(number);
        })
    }

    fn quick(log: &Log, number: u32) -> Work {
        let log = log.clone();
        Box::pin(async move { lock(&log).push(number) })
    }

    #[derive(Debug, PartialEq)]
    enum Ran {
        AtOnce,
        Later,
    }

    /// As an event does that arrives.
    fn run(serial: &Serial, bytes: usize, work: Work) -> Result<Ran, Full> {
        Ok(poll(serial, serial.enter(bytes, work)?))
    }

    fn run_last(serial: &Serial, work: Work) {
        poll(serial, serial.enter_last(work));
    }

    fn poll(serial: &Serial, work: Option<Work>) -> Ran {
        let Some(mut work) = work else { return Ran::Later };
        let mut cx = Context::from_waker(Waker::noop());
        let next = if work.as_mut().poll(&mut cx).is_pending() { Some(work) } else { serial.next() };
        let ran = if next.is_some() { Ran::Later } else { Ran::AtOnce };
        next.map(|next| tokio::spawn(serial.clone().finish(next)));
        ran
    }

    #[test]
    fn what_ends_at_once_needs_no_task() {
        let (serial, log) = (Serial::default(), Log::default());
        for number in 0..3 {
            assert_eq!(run(&serial, 10, quick(&log, number)), Ok(Ran::AtOnce));
        }
        assert_eq!(*lock(&log), [0, 1, 2]);
    }

    #[tokio::test]
    async fn events_keep_their_order_whichever_of_them_waits() {
        let (serial, log) = (Serial::default(), Log::default());
        for number in 0..20 {
            let work = if number % 3 == 1 { slow(&log, number) } else { quick(&log, number) };
            run(&serial, 10, work).unwrap();
        }
        let done = Arc::new(Semaphore::new(0));
        let last = done.clone();
        run_last(&serial, Box::pin(async move { last.add_permits(1) }));
        drop(done.acquire().await);
        assert_eq!(*lock(&log), (0..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn events_after_one_that_panics_run() {
        let (serial, log) = (Serial::default(), Log::default());
        run(&serial, 10, Box::pin(async { panic!("at once") })).unwrap();
        assert_eq!(run(&serial, 10, quick(&log, 0)), Ok(Ran::AtOnce));
        let later = async {
            yield_now().await;
            panic!("later")
        };
        run(&serial, 10, Box::pin(later)).unwrap();
        run(&serial, 10, quick(&log, 1)).unwrap();
        let done = Arc::new(Semaphore::new(0));
        let last = done.clone();
        run_last(&serial, Box::pin(async move { last.add_permits(1) }));
        drop(done.acquire().await);
        assert_eq!(*lock(&log), [0, 1]);
    }

    #[tokio::test]
    async fn what_waits_is_bounded_but_for_one_event_and_the_last() {
        let (serial, log) = (Serial::default(), Log::default());
        run(&serial, 10, slow(&log, 0)).unwrap();
        run(&serial, MOST_WAITING_BYTES, quick(&log, 1)).unwrap();
        assert_eq!(run(&serial, 10, quick(&log, 2)), Err(Full));
        let done = Arc::new(Semaphore::new(0));
        let last = done.clone();
        run_last(&serial, Box::pin(async move { last.add_permits(1) }));
        drop(done.acquire().await);
        assert_eq!(*lock(&log), [0, 1]);
        assert_eq!(run(&serial, 10, quick(&log, 3)), Ok(Ran::AtOnce));
    }
}
