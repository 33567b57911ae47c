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

/// The timer that hyper uses for request heads. hyper does not know of requests that the connection answers itself, so the time counts from
/// the end of the last answer.
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
        let sleep = sleep_until(Instant::from_std(deadline));
        Box::pin(HeadTime { http: self.http.clone(), limit: self.limit, sleep })
    }

    fn now(&self) -> StdInstant {
        Instant::now().into_std()
    }
}

pin_project_lite::pin_project! {
    /// Ends once a head takes too long.
    struct HeadTime {
        http: Arc<Http>,
        limit: Duration,
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
            let due = this.http.idle_since().unwrap_or(now) + *this.limit;
            if due <= now {
                return Poll::Ready(());
            }
            this.sleep.as_mut().reset(due);
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
        advance(Duration::from_secs(29)).await;
        assert!(!is_over());
        advance(Duration::from_secs(31)).await;
        assert!(is_over());
    }
}
