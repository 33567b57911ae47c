//! Whether other nodes can reach this one at its peer URL, as far as it can check by itself: it asks itself for a
//! stream at that address, as another node would, and has to be refused for asking itself.

use std::{sync::Arc, time::Duration};

use protocol::{ErrorCode, StreamId};
use tls::Trust;

use super::{
    address::{Address, SourceRequest},
    link::{Event, Link},
    link_error::LinkError,
};
use crate::{clock::Clock, control::Control};

/// Time between two checks.
const INTERVAL: Duration = Duration::from_secs(30);
/// Time after the start before the first: the port may open after the node has started.
const FIRST: Duration = Duration::from_secs(2);
/// Shortest time between two warnings.
const WARNING_INTERVAL: Duration = Duration::from_secs(3600);

/// Checks again and again, and warns while the node does not reach itself. Runs until dropped.
pub(crate) async fn check(control: Arc<Control>, hostname: String, trust: Trust, clock: Clock) {
    let mut warned_ms: Option<u64> = None;
    tokio::time::sleep(FIRST).await;
    loop {
        let url = control.own_url();
        let now = clock.now();
        let wanted = SourceRequest {
            stream: StreamId::new("own address", 0),
            grant: "",
            hostname: &hostname,
            after: None,
        };
        match ask(url, control.main_server(), &wanted, (&trust, &clock)).await {
            Ok(()) => {
                if warned_ms.take().is_some() {
                    tracing::info!("this node is now reachable at {url}");
                }
            }
            Err(why) if warned_ms.is_none_or(|at_ms| now.since(at_ms) >= WARNING_INTERVAL) => {
                warned_ms = Some(now.ms);
                tracing::warn!(
                    "this node cannot reach itself at {url}, its address for other nodes: {why}; if they cannot reach it \
                     either, they cannot relay its streams: set --peer-url to an address that they reach",
                );
            }
            Err(_) => {}
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn ask(
    url: &str,
    main_server: &str,
    wanted: &SourceRequest<'_>,
    (trust, clock): (&Trust, &Clock),
) -> Result<(), String> {
    let asked = async {
        let mut link = Link::open(&Address::new(url, main_server, wanted)?, trust, clock.clone()).await?;
        link.next().await
    };
    judge(asked.await)
}

/// Whether it is this node that answered.
fn judge(answer: Result<Event, LinkError>) -> Result<(), String> {
    match answer {
        // A full node refuses every connection before it reads the request, so it may be this one.
        Err(LinkError::Refused(error))
            if matches!(error.code, ErrorCode::RelayLoop | ErrorCode::NoCapacity) =>
        {
            Ok(())
        }
        Err(LinkError::Refused(_)) | Ok(_) => Err("another node answers there".to_owned()),
        Err(lost) => Err(lost.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use protocol::WireError;

    use super::*;

    #[test]
    fn a_node_that_is_full_is_not_taken_for_another_one() {
        let refused = |code| judge(Err(LinkError::Refused(WireError::new(code, "no"))));
        assert_eq!(refused(ErrorCode::RelayLoop), Ok(()));
        assert_eq!(refused(ErrorCode::NoCapacity), Ok(()));
        assert!(refused(ErrorCode::UnknownStream).is_err());
        assert!(judge(Err(LinkError::Silent)).is_err());
    }
}
