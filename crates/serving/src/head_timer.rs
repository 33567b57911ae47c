//! The time-out of request heads.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant as StdInstant},
};

use hyper::rt::{Sleep, Timer};
use tokio::time::{Instant, sleep_until};

use crate::places::Http;

/// Time between the moments at which connections are looked at together: the longer, the more of them at once.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The timer that hyper uses for request heads. hyper does not know of requests that the connection answers itself, so the time counts from
/// the end of the last answer.
///
/// A connection is first looked at in the last common moment before the end of its time. If its client has asked for something since, the exact
/// end does not matter, and the process wakes up once for all such connections.
pub(crate) struct HeadTimer {
    http: Arc<Http>,
    limit: Duration,
}

impl HeadTimer {
    /// A request head has the time `limit`.
    pub(crate) fn new(http: Arc<Http>, limit: Duration) -> Self {
        Self { http, limit }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: StdInstant) -> Pin<Box<dyn Sleep>> {
        let deadline = Instant::from_std(deadline);
        let sleep = sleep_until(next_look(self.http.started, Instant::now(), deadline));
        Box::pin(HeadTime { http: self.http.clone(), limit: self.limit, deadline, sleep })
    }

    fn now(&self) -> StdInstant {
        Instant::now().into_std()
    }
}

/// When to look next whether a time is over that ends at `due`: at the last common moment before it, and then at the end.
fn next_look(started: Instant, now: Instant, due: Instant) -> Instant {
    let over_ns = due.duration_since(started).as_nanos() % LOOK_INTERVAL.as_nanos();
    let common = due - Duration::from_nanos(u64::try_from(over_ns).unwrap_or(0));
    if common > now { common } else { due }
}

pin_project_lite::pin_project! {
    /// Ends once a head takes too long.
    struct HeadTime {
        http: Arc<Http>,
        limit: Duration,
        // The one that hyper asked for.
        deadline: Instant,
        #[pin]
        sleep: tokio::time::Sleep,
    }
}

impl Future for HeadTime {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            ready!(this.sleep.as_mut().poll(cx));
            let now = Instant::now();
            let due = (this.http.idle_since().unwrap_or(now) + *this.limit).max(*this.deadline);
            if due <= now {
                return Poll::Ready(());
            }
            this.sleep.as_mut().reset(next_look(this.http.started, now, due));
        }
    }
}

impl Sleep for HeadTime {}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::time::advance;

    use super::*;
    use crate::{
        Limits,
        places::{Entry, Phase, Places},
    };

    #[tokio::test(start_paused = true)]
    async fn the_time_counts_from_the_end_of_the_last_answer() {
        let limit = Duration::from_secs(30);
        let Entry::Free(place) = Places::new(&Limits::for_open_files(64)).enter(None) else { panic!("full") };
        let timer = HeadTimer::new(place.http.clone(), limit);
        let mut head = timer.sleep(limit);
        let mut is_over = || head.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        advance(Duration::from_secs(20)).await;
        place.http.begin(Phase::Answering);
        advance(Duration::from_secs(100)).await;
        assert!(!is_over(), "an answer is sent");
        place.http.answered();
        advance(Duration::from_millis(29_999)).await;
        assert!(!is_over());
        advance(Duration::from_millis(2)).await;
        assert!(is_over());
    }

    #[test]
    fn connections_are_looked_at_together_and_end_in_time() {
        let started = Instant::now();
        let at = |ms| started + Duration::from_millis(ms);
        for due_ms in [30_000, 30_001, 31_999] {
            assert_eq!(next_look(started, at(1_000), at(due_ms)), at(30_000));
        }
        assert_eq!(next_look(started, at(30_000), at(31_999)), at(31_999));
        assert_eq!(next_look(started, at(0), at(1_000)), at(1_000));
    }
}
