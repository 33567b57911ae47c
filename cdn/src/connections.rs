//! How many connections a node has: bounded over all transports and for each address, counted for each transport.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use per_address::{Share, Shares};

use crate::{config::Limits, lock::lock};

/// What a transport is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TransportName {
    /// In the names of metrics.
    pub(crate) label: &'static str,
    /// In prose.
    pub(crate) title: &'static str,
}

/// The connections of a node.
#[derive(Debug)]
pub(crate) struct Connections {
    shares: Arc<Shares>,
    by_transport: Mutex<Vec<Arc<TransportConnections>>>,
}

/// The connections of one transport.
#[derive(Debug)]
pub(crate) struct TransportConnections {
    name: TransportName,
    now: AtomicU32,
    node: Arc<Connections>,
}

impl Connections {
    /// A count that admits as many connections over all transports as `limits` say.
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        let per_address = limits.sockets_per_address.map(|most| most as usize);
        let shares = Shares::new(limits.sockets as usize, per_address);
        Arc::new(Self { shares, by_transport: Mutex::default() })
    }

    /// The count of one more transport.
    pub(crate) fn register(self: &Arc<Self>, name: TransportName) -> Arc<TransportConnections> {
        let node = self.clone();
        let transport = Arc::new(TransportConnections { name, now: AtomicU32::new(0), node });
        lock(&self.by_transport).push(transport.clone());
        transport
    }

    /// How many connections each transport has, in the order of their registration.
    pub(crate) fn by_transport(&self) -> Vec<(TransportName, u32)> {
        lock(&self.by_transport).iter().map(|one| (one.name, one.now.load(Relaxed))).collect()
    }
}

impl TransportConnections {
    /// Counts a connection from `address`; none if the node has as many as it may, or the address has its share.
    pub(crate) fn count(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Counted> {
        let share = self.take(address)?;
        Some(Counted { _open: self.open(), _share: share })
    }

    /// A place for a connection from `address` that is not open yet, under the same bounds.
    pub(crate) fn take(&self, address: Option<IpAddr>) -> Option<Share> {
        self.node.shares.take(address)
    }

    /// Counts a connection that has its place.
    pub(crate) fn open(self: &Arc<Self>) -> Open {
        self.now.fetch_add(1, Relaxed);
        Open { transport: self.clone() }
    }
}

/// A connection with its place, until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    _open: Open,
    _share: Share,
}

/// A connection that counts among those of its transport until this is dropped.
#[derive(Debug)]
pub(crate) struct Open {
    transport: Arc<TransportConnections>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.transport.now.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_bounded_together_and_counted_apart() {
        let connections = Connections::new(&Limits { sockets: 3, ..Limits::default() });
        let [a, b] = ["a", "b"].map(|label| TransportName { label, title: label });
        let (over_a, over_b) = (connections.register(a), connections.register(b));
        let mut open =
            vec![over_a.count(None).unwrap(), over_b.count(None).unwrap(), over_a.count(None).unwrap()];
        assert!(over_b.count(None).is_none(), "the node has as many as it may");
        assert_eq!(connections.by_transport(), [(a, 2), (b, 1)]);
        open.pop();
        open.push(over_b.count(None).unwrap());
        assert_eq!(connections.by_transport(), [(a, 1), (b, 2)]);
    }

    #[test]
    fn connections_of_an_address_are_bounded_over_all_transports() {
        let limits = Limits { sockets: 100, sockets_per_address: Some(2), ..Limits::default() };
        let connections = Connections::new(&limits);
        let [a, b] = ["a", "b"].map(|label| connections.register(TransportName { label, title: label }));
        let address = |last| Some([192, 0, 2, last].into());
        let open = [a.count(address(1)), b.count(address(1))];
        assert!(open.iter().all(Option::is_some));
        assert!(a.count(address(1)).is_none() && b.count(address(1)).is_none());
        assert!(a.count(address(2)).is_some());
        drop(open);
        assert!(a.count(address(1)).is_some());
    }
}
