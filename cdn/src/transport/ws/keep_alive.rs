//! Keep-alive of all connections by one timer: pings those that are silent, closes those that stay so, and ends those that do
//! not finish closing. A connection costs it a few bytes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    connection::{Connection, too_slow},
    frame::{self, CloseCode},
};
use crate::{clock::Clock, lock::lock};

pub(super) const TICK: Duration = Duration::from_secs(1);
/// After so many silent ticks, and after as many again, a client is pinged.
const PING_TICKS: u32 = 10;
/// After so many silent ticks it is closed.
pub(super) const SILENT_TICKS: u32 = 20;
/// A closed client may take as many ticks to read what is left for it.
const CLOSING_TICKS: u32 = 30;
/// One that was sent everything may take as many ticks to close as well.
const SENT_TICKS: u32 = 2;

/// All connections of the transport.
#[derive(Default)]
pub(super) struct KeepAlive(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    connections: HashMap<u64, Entry>,
    next: u64,
}

struct Entry {
    connection: Arc<Connection>,
    /// Ticks since the client last sent something, or since it began to close.
    ticks: u32,
    closing: bool,
}

/// What is due for a connection.
enum Due {
    Ping,
    Close,
    End,
}

/// A connection that is kept alive until this is dropped.
pub(super) struct KeptAlive {
    keep_alive: Arc<KeepAlive>,
    number: u64,
}

impl KeepAlive {
    pub(super) fn add(self: &Arc<Self>, connection: Arc<Connection>) -> KeptAlive {
        let mut entries = lock(&self.0);
        let number = entries.next;
        entries.next += 1;
        entries.connections.insert(number, Entry { connection, ticks: 0, closing: false });
        KeptAlive { keep_alive: self.clone(), number }
    }

    /// Checks all connections every second, for good.
    pub(super) async fn run(&self, clock: &Clock) {
        loop {
            clock.tick(TICK).await;
            self.tick();
        }
    }

    /// Closes all connections.
    pub(super) fn close(&self, code: CloseCode) {
        self.all().iter().for_each(|connection| connection.close(None, code));
    }

    /// Ends all connections as they are.
    pub(super) fn abort(&self) {
        self.all().iter().for_each(|connection| connection.abort());
    }

    fn all(&self) -> Vec<Arc<Connection>> {
        lock(&self.0).connections.values().map(|entry| entry.connection.clone()).collect()
    }

    fn tick(&self) {
        let due: Vec<_> = {
            let mut entries = lock(&self.0);
            let due = |entry: &mut Entry| entry.tick().map(|due| (entry.connection.clone(), due));
            entries.connections.values_mut().filter_map(due).collect()
        };
        let ping = frame::ping();
        for (connection, due) in due {
            match due {
                Due::Ping => connection.answer(&ping),
                Due::Close => {
                    connection.close(Some(&too_slow(SILENT_TICKS * TICK)), CloseCode::TRY_AGAIN_LATER)
                }
                Due::End => connection.abort(),
            }
        }
    }
}

impl Entry {
    fn tick(&mut self) -> Option<Due> {
        let closing = self.connection.is_closing();
        let restart = if closing { !self.closing } else { self.connection.has_sent() };
        self.closing = closing;
        self.ticks = if restart { 0 } else { self.ticks + 1 };
        match (closing, self.ticks) {
            (true, CLOSING_TICKS..) => Some(Due::End),
            (true, SENT_TICKS..) if self.connection.has_sent_all() => Some(Due::End),
            (false, SILENT_TICKS..) => Some(Due::Close),
            (false, ticks) if ticks > 0 && ticks % PING_TICKS == 0 => Some(Due::Ping),
            _ => None,
        }
    }
}

impl Drop for KeptAlive {
    fn drop(&mut self) {
        lock(&self.keep_alive.0).connections.remove(&self.number);
    }
}
