//! Runs one recording: it is written to the spool and [handed in](super::hand_in) at the same time.

use super::{hand_in::HandIn, recording::Recording};

/// Records until the main server lists the recording no more and all of it was handed in, or the node stops.
pub(super) async fn run(recording: Recording) {
    let hand_in = async {
        let is_done = HandIn::new(&recording).run().await;
        recording.done.notify_one();
        is_done
    };
    let ((), is_done) = tokio::join!(recording.record(), hand_in);
    if is_done {
        let item_id = recording.item_id;
        recording.context.on_disk(move |spool| spool.forget(item_id)).await;
    }
}
