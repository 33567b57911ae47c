//! Reads of single messages, answered by the stream's leader.
//!
//! A request that is sent while the stream has no leader is never answered. So it is repeated while the first one is still
//! open: the answer then comes with the next leader, not a request timeout after it.

use std::time::Duration;

use async_nats::jetstream::{
    message::StreamMessage,
    stream::{LastRawMessageErrorKind, Stream},
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::timeout;

use super::message::unavailable;
use crate::Error;

/// How long a question may be open before it is asked once more. Since the client gives up the first one after two
/// seconds, and all others with it, there are never more than four.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// The newest message of a subject, which may hold wildcards.
pub(super) async fn last(stream: &Stream, subject: &str) -> Result<Option<StreamMessage>, Error> {
    first_answer(|| ask(stream, subject)).await
}

async fn first_answer<A, F: Future<Output = A>>(ask: impl Fn() -> F) -> A {
    let mut questions = FuturesUnordered::new();
    loop {
        questions.push(ask());
        if let Ok(Some(answer)) = timeout(ASK_AGAIN, questions.next()).await {
            return answer;
        }
    }
}

async fn ask(stream: &Stream, subject: &str) -> Result<Option<StreamMessage>, Error> {
    match stream.get_last_raw_message_by_subject(subject).await {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(unavailable(&error)),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_never_answered_is_asked_again_and_an_answer_that_is_late_still_counts() {
        let asked = Cell::new(0);
        let ask = |answered: u32, after: Duration| {
            let asked = &asked;
            move || async move {
                asked.set(asked.get() + 1);
                let number = asked.get();
                let wait = if number == answered { after } else { Duration::MAX };
                sleep(wait).await;
                number
            }
        };
        assert_eq!(first_answer(ask(3, Duration::ZERO)).await, 3);
        asked.set(0);
        assert_eq!(first_answer(ask(1, 3 * ASK_AGAIN)).await, 1);
    }
}
