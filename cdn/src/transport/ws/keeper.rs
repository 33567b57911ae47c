//! One clock for all connections: pings those that are silent, lets go of those that stay so, and ends those that do not
//! finish closing. A connection costs it a few words and no timer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    connection::Connection,
    frame::{self, CloseCode},
    outlet::too_slow,
};
use crate::lock::lock;

const TICK: Duration = Duration::from_secs(1);
/// After so many silent ticks, and after as many again, a client is pinged.
const PING_TICKS: u32 = 10;
/// After so many silent ticks it is let go.
const SILENT_TICKS: u32 = 20;
/// A client that was let go may take as many ticks to read what is left for it.
const CLOSING_TICKS: u32 = 30;

/// All connections of the transport.
#[derive(Default)]
pub(super) struct Keeper(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    connections: HashMap<u64, Tended>,
    next: u64,
}

struct Tended {
    connection: Arc<Connection>,
    /// Ticks since the client last said something, or since it began to close.
    ticks: u32,
    closing: bool,
}

/// What is due for a connection.
enum Due {
    Ping,
    LetGo,
    End,
}

/// Keeps a connection until dropped.
pub(super) struct Keeping {
    keeper: Arc<Keeper>,
    number: u64,
}

impl Keeper {
    pub(super) fn keep(self: &Arc<Self>, connection: Arc<Connection>) -> Keeping {
        let mut kept = lock(&self.0);
        let number = kept.next;
        kept.next += 1;
        kept.connections.insert(number, Tended { connection, ticks: 0, closing: false });
        Keeping { keeper: self.clone(), number }
    }

    /// Looks after all connections, for good.
    pub(super) async fn run(&self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
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
        lock(&self.0).connections.values().map(|tended| tended.connection.clone()).collect()
    }

    fn tick(&self) {
        let due: Vec<_> = {
            let mut kept = lock(&self.0);
            let due = |tended: &mut Tended| tended.tick().map(|due| (tended.connection.clone(), due));
            kept.connections.values_mut().filter_map(due).collect()
        };
        let ping = frame::ping();
        for (connection, due) in due {
            match due {
                Due::Ping => connection.answer(&ping),
                Due::LetGo => connection.close(Some(&too_slow()), CloseCode::TRY_AGAIN_LATER),
                Due::End => connection.abort(),
            }
        }
    }
}

impl Tended {
    fn tick(&mut self) -> Option<Due> {
        let closing = self.connection.is_closing();
        let restart = if closing { !self.closing } else { self.connection.was_heard() };
        self.closing = closing;
        self.ticks = if restart { 0 } else { self.ticks + 1 };
        match (closing, self.ticks) {
            (true, CLOSING_TICKS..) => Some(Due::End),
            (false, SILENT_TICKS..) => Some(Due::LetGo),
            (false, ticks) if ticks > 0 && ticks % PING_TICKS == 0 => Some(Due::Ping),
            _ => None,
        }
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        lock(&self.keeper.0).connections.remove(&self.number);
    }
}
