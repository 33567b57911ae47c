//! Addresses in requests and answers, as a client reaches them: paths are below the [`Prefix`] under which it reaches the site.

use protocol::stream::{AskForNodes, NodeAddress, StreamInfo};
use serving::Prefix;

/// The nodes of an assignment.
pub(super) fn nodes(nodes: Vec<NodeAddress>, prefix: &Prefix) -> Vec<NodeAddress> {
    nodes.into_iter().map(|node| NodeAddress { public_url: prefix.url(node.public_url) }).collect()
}

/// A stream with the address of its picture.
pub(super) fn stream(info: StreamInfo, prefix: &Prefix) -> StreamInfo {
    StreamInfo { thumbnail_url: info.thumbnail_url.map(|url| prefix.url(url)), ..info }
}

/// A request for nodes, with the nodes to avoid as they are registered. Paths without the prefix are accepted as well.
pub(super) fn request(mut request: AskForNodes, prefix: &Prefix) -> AskForNodes {
    request.avoid.truncate(super::MAX_AVOIDED);
    for url in &mut request.avoid {
        if let Some(registered) = prefix.strip(url) {
            *url = registered.to_owned();
        }
    }
    request
}
