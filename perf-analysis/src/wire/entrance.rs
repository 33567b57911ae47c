//! The address of a node, as a client connects to it.

use std::net::SocketAddr;

use super::stream::Trust;

/// Where viewers of a node connect.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// The node.
    pub address: SocketAddr,
    /// The path of its URL.
    pub path: String,
    /// The certificate that it has to present; none for plain HTTP.
    pub trust: Option<Trust>,
}
