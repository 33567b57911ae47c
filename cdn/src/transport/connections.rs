//! How many connections a node has: bounded over all transports, counted for each.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

/// How a connection came.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Transport {
    SocketIo,
    WebSocket,
}

/// The connections of a node.
#[derive(Debug)]
pub(crate) struct Connections {
    most: u32,
    all: AtomicU32,
    socket_io: AtomicU32,
    web_socket: AtomicU32,
}

impl Connections {
    pub(crate) fn new(most: u32) -> Arc<Self> {
        let [all, socket_io, web_socket] = [(); 3].map(|()| AtomicU32::new(0));
        Arc::new(Self { most, all, socket_io, web_socket })
    }

    /// Counts a connection; none if the node has as many as it may.
    pub(crate) fn count(self: &Arc<Self>, transport: Transport) -> Option<Counted> {
        let more = |all: u32| (all < self.most).then_some(all + 1);
        self.all.fetch_update(Relaxed, Relaxed, more).ok()?;
        self.over(transport).fetch_add(1, Relaxed);
        Some(Counted { connections: self.clone(), transport })
    }

    /// Connections over one transport.
    pub(crate) fn now(&self, transport: Transport) -> u32 {
        self.over(transport).load(Relaxed)
    }

    fn over(&self, transport: Transport) -> &AtomicU32 {
        match transport {
            Transport::SocketIo => &self.socket_io,
            Transport::WebSocket => &self.web_socket,
        }
    }
}

/// A connection that counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    connections: Arc<Connections>,
    transport: Transport,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.connections.all.fetch_sub(1, Relaxed);
        self.connections.over(self.transport).fetch_sub(1, Relaxed);
    }
}
