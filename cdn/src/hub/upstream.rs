//! What the readers of a stream ask of its producer.

use std::sync::{Arc, Mutex};

use crate::lock::lock;

/// Shortest time between two requests that are passed on: a keyframe costs a broadcaster many times the bytes of another frame.
const INTERVAL_MS: u64 = 1000;

/// Asks the producer for a keyframe. Returns at once.
pub type AskKeyframe = Arc<dyn Fn() + Send + Sync>;

/// Passes requests of readers on to the producer there is.
#[derive(Default)]
pub struct Upstream(Mutex<State>);

#[derive(Default)]
struct State {
    ask: Option<AskKeyframe>,
    asked_ms: Option<u64>,
}

impl Upstream {
    /// From now on requests go to this producer; none if it cannot make a keyframe when asked.
    pub fn set(&self, ask: Option<AskKeyframe>) {
        lock(&self.0).ask = ask;
    }

    /// A reader wants a keyframe, at `now_ms` of the node's clock. Of several requests within a second one is passed on.
    pub fn request_keyframe(&self, now_ms: u64) {
        let ask = {
            let mut state = lock(&self.0);
            if state.asked_ms.is_some_and(|asked_ms| now_ms.saturating_sub(asked_ms) < INTERVAL_MS) {
                return;
            }
            let Some(ask) = state.ask.clone() else { return };
            state.asked_ms = Some(now_ms);
            ask
        };
        ask();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    #[test]
    fn one_request_a_second_is_passed_on_to_the_producer_there_is() {
        let (upstream, asked) = (Upstream::default(), Arc::new(AtomicU32::new(0)));
        upstream.request_keyframe(0);
        let counted = asked.clone();
        upstream.set(Some(Arc::new(move || {
            counted.fetch_add(1, Relaxed);
        })));
        for (now_ms, expected) in [(10, 1), (11, 1), (1009, 1), (1010, 2), (1011, 2), (5000, 3)] {
            upstream.request_keyframe(now_ms);
            assert_eq!(asked.load(Relaxed), expected, "at {now_ms} ms");
        }
        upstream.set(None);
        upstream.request_keyframe(9000);
        assert_eq!(asked.load(Relaxed), 3);
    }
}
