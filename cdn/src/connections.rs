//! How many connections a node has: bounded over all transports, counted for each.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use crate::lock::lock;

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
    most: u32,
    all: AtomicU32,
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
    /// A count that admits at most `most` connections over all transports.
    pub(crate) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most, all: AtomicU32::new(0), by_transport: Mutex::default() })
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
    /// Counts a connection; none if the node has as many as it may.
    pub(crate) fn count(self: &Arc<Self>) -> Option<Counted> {
        let more = |all: u32| (all < self.node.most).then_some(all + 1);
        self.node.all.fetch_update(Relaxed, Relaxed, more).ok()?;
        self.now.fetch_add(1, Relaxed);
        Some(Counted(self.clone()))
    }
}

/// A connection that counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Arc<TransportConnections>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.node.all.fetch_sub(1, Relaxed);
        self.0.now.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_bounded_together_and_counted_apart() {
        let connections = Connections::new(3);
        let [a, b] = ["a", "b"].map(|label| TransportName { label, title: label });
        let (over_a, over_b) = (connections.register(a), connections.register(b));
        let mut open = vec![over_a.count().unwrap(), over_b.count().unwrap(), over_a.count().unwrap()];
        assert!(over_b.count().is_none(), "the node has as many as it may");
        assert_eq!(connections.by_transport(), [(a, 2), (b, 1)]);
        open.pop();
        open.push(over_b.count().unwrap());
        assert_eq!(connections.by_transport(), [(a, 1), (b, 2)]);
    }
}
