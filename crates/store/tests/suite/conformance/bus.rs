//! What [`Bus`](store::Bus) promises.

use std::time::Duration;

use futures_util::{StreamExt, future::join_all};
use store::{Error, MAX_MESSAGE_BYTES};
use tokio::time::timeout;

use super::{Subject, TEST_TIMEOUT};

pub(super) async fn messages_reach_every_subscriber(subject: &Subject) {
    const NEWS: store::Subject = store::Subject("conformance.news");
    let subscribing = subject.handles.iter().map(|store| store.bus.subscribe(NEWS));
    let subscribers: Vec<_> = join_all(subscribing).await.into_iter().map(Result::unwrap).collect();
    let publisher = &subject.handles[0].bus;
    assert_eq!(publisher.is_alone(), subject.handles.len() == 1);
    for mut subscriber in subscribers {
        // At most once: a subscription of another main server may not be known everywhere yet.
        let heard = async {
            loop {
                publisher.publish(NEWS, "news".into()).await.unwrap();
                if let Ok(heard) = timeout(Duration::from_millis(100), subscriber.next()).await {
                    return heard.expect("no end");
                }
            }
        };
        assert_eq!(timeout(TEST_TIMEOUT, heard).await.expect("a message in time"), "news");
    }
    let too_large = publisher.publish(NEWS, vec![0; MAX_MESSAGE_BYTES + 1].into()).await;
    assert!(matches!(too_large, Err(Error::Invalid(_))));
}
