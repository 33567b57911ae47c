//! Runs what one connection asks for in the order in which it came: at once where that does not have to wait, else in a
//! task, behind which the later events queue up.
//!
//! An event is polled once where it arrives, so that ordinary segments cost no task and are answered before the next event
//! is read. What has to wait (a large segment is parsed in slices) goes on in a task, and the reading task is free.
//!
//! An event that panics is lost alone: those after it run, above all the last one, which gives up what the connection has.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Waker},
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
    /// Runs `work`, an event of `bytes` bytes, after those before it. What does not end at once is given to `spawn`.
    pub(super) fn run(&self, bytes: usize, work: Work, spawn: impl FnOnce(Work)) -> Result<(), Full> {
        self.enter(bytes, work, MOST_WAITING_BYTES, spawn)
    }

    /// As [`Self::run`], for what has to happen however much waits.
    pub(super) fn run_last(&self, work: Work, spawn: impl FnOnce(Work)) {
        // Without a bound it is never full.
        drop(self.enter(0, work, usize::MAX, spawn));
    }

    fn enter(
        &self,
        bytes: usize,
        work: Work,
        most_bytes: usize,
        spawn: impl FnOnce(Work),
    ) -> Result<(), Full> {
        let mut work: Work = Box::pin(async move {
            contain("event of a connection", work).await;
        });
        {
            let mut queue = lock(&self.0);
            if queue.is_running {
                return queue.push(work, bytes.saturating_add(EVENT_BYTES), most_bytes);
            }
            queue.is_running = true;
        }
        // Where it waits, the task polls it again, whatever would have woken it before.
        let mut cx = Context::from_waker(Waker::noop());
        let next = if work.as_mut().poll(&mut cx).is_pending() { Some(work) } else { self.next() };
        if let Some(next) = next {
            spawn(Box::pin(self.clone().go_on(next)));
        }
        Ok(())
    }

    async fn go_on(self, first: Work) {
        let mut next = Some(first);
        while let Some(work) = next {
            work.await;
            next = self.next();
        }
    }

    /// What waits next; nothing runs if that is nothing.
    fn next(&self) -> Option<Work> {
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

    fn spawn(work: Work) {
        tokio::spawn(work);
    }

    #[test]
    fn what_ends_at_once_needs_no_task() {
        let (serial, log) = (Serial::default(), Log::default());
        for number in 0..3 {
            serial.run(10, quick(&log, number), |_| panic!("no task is needed")).unwrap();
        }
        assert_eq!(*lock(&log), [0, 1, 2]);
    }

    #[tokio::test]
    async fn events_keep_their_order_whichever_of_them_waits() {
        let (serial, log) = (Serial::default(), Log::default());
        for number in 0..20 {
            let work = if number % 3 == 1 { slow(&log, number) } else { quick(&log, number) };
            serial.run(10, work, spawn).unwrap();
        }
        let done = Arc::new(Semaphore::new(0));
        let last = done.clone();
        serial.run_last(Box::pin(async move { last.add_permits(1) }), spawn);
        drop(done.acquire().await);
        assert_eq!(*lock(&log), (0..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn events_after_one_that_panics_run() {
        let (serial, log) = (Serial::default(), Log::default());
        serial.run(10, Box::pin(async { panic!("at once") }), spawn).unwrap();
        serial.run(10, quick(&log, 0), |_| panic!("no task is needed")).unwrap();
        let later = async {
            yield_now().await;
            panic!("later")
        };
        serial.run(10, Box::pin(later), spawn).unwrap();
        serial.run(10, quick(&log, 1), spawn).unwrap();
        let done = Arc::new(Semaphore::new(0));
        let last = done.clone();
        serial.run_last(Box::pin(async move { last.add_permits(1) }), spawn);
        drop(done.acquire().await);
        assert_eq!(*lock(&log), [0, 1]);
    }

    #[tokio::test]
    async fn what_waits_is_bounded_but_for_one_event_and_the_last() {
        let (serial, log) = (Serial::default(), Log::default());
        serial.run(10, slow(&log, 0), spawn).unwrap();
        serial.run(MOST_WAITING_BYTES, quick(&log, 1), spawn).unwrap();
        assert_eq!(serial.run(10, quick(&log, 2), spawn), Err(Full));
        let done = Arc::new(Semaphore::new(0));
        let last = done.clone();
        serial.run_last(Box::pin(async move { last.add_permits(1) }), spawn);
        drop(done.acquire().await);
        assert_eq!(*lock(&log), [0, 1]);
        serial.run(10, quick(&log, 3), |_| panic!("nothing waits any more")).unwrap();
    }
}
