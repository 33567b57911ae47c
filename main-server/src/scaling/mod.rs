//! How many nodes the present load wants, and which may go.
//!
//! The promise is that any node may die, so what counts is how full the others would be then. More are wanted at once
//! when that is above [`Thresholds::full`]; then as many as bring it down to `aim`. Fewer are wanted only when it would stay below
//! `spare` with fewer, and has for a while. These three lie so far apart that a constant load never asks for more
//! after it asked for fewer; docs/decisions/0006-scaling.md says why. Pure: time comes in as a value; [`Signal`] only puts a
//! lock around it. It costs one pass over the nodes, and ordering them where some may go.
//!
//! ```text
//!            wants fewer, later       as it is          wants more, now
//!      0 % ──────────────── spare ──── aim ──── full ───────────────── 100 %   full, with one node lost
//! ```

mod feature;
mod load;
mod reason;
mod routes;
#[cfg(test)]
mod tests;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use protocol::node::{NodeInfo, Scaling};

pub(crate) use self::feature::feature;
use self::load::{Row, Total, WHOLE};
use crate::config::Thresholds;

fn share(percent: u8) -> u64 {
    WHOLE / 100 * u64::from(percent)
}

/// What an asker allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Fewest nodes there should be; one at least.
    pub(crate) min: u32,
    /// Most nodes there should be; not less than `min`.
    pub(crate) max: u32,
}

impl Bounds {
    /// One node at least, and any number.
    pub(crate) const ANY: Self = Self { min: 1, max: u32::MAX };
}

/// The decision so far. Fed with the live nodes now and then, about once a second.
#[derive(Clone, Debug)]
struct Scaler {
    patience: Duration,
    thresholds: Thresholds,
    /// Nodes the load wants, whatever an asker allows.
    wanted: u32,
    /// Live nodes the last time.
    nodes: u32,
    /// Since when fewer would do.
    calm: Option<Calm>,
}

/// A time during which fewer nodes would have done.
#[derive(Clone, Copy, Debug)]
struct Calm {
    since: Instant,
    /// The most nodes that were needed in it.
    peak: u32,
}

impl Scaler {
    /// No node seen yet. Fewer nodes are wanted after they would have sufficed for `patience`.
    pub(crate) fn new(patience: Duration, thresholds: Thresholds) -> Self {
        Self { patience, thresholds, wanted: 1, nodes: 0, calm: None }
    }

    /// Takes over how loaded the live nodes are.
    pub(crate) fn observe(&mut self, rows: &[Row<'_>], now: Instant) {
        let total = Total::of(rows);
        if total.nodes > self.nodes && total.nodes > self.wanted {
            // Whoever started one expects something, or they come back after this server was away.
            self.wanted = total.nodes;
            self.calm = None;
        }
        self.nodes = total.nodes;
        let Thresholds { full, aim, spare } = self.thresholds;
        if total.without_one(self.wanted).is_none_or(|lost| lost > share(full)) {
            self.wanted = total.fits(share(aim));
            self.calm = None;
        } else {
            self.stay_or_shrink(total.fits(share(spare)), now);
        }
    }

    fn stay_or_shrink(&mut self, enough: u32, now: Instant) {
        if enough >= self.wanted {
            self.calm = None;
            return;
        }
        let calm = self.calm.get_or_insert(Calm { since: now, peak: enough });
        calm.peak = calm.peak.max(enough);
        if now.saturating_duration_since(calm.since) >= self.patience {
            self.wanted = calm.peak;
            self.calm = None;
        }
    }

    /// What follows for an asker, with the nodes that were [observed](Self::observe) last.
    pub(crate) fn advise(&self, rows: &[Row<'_>], bounds: Bounds, now: Instant) -> Scaling {
        let total = Total::of(rows);
        let wanted = self.wanted.min(bounds.max).max(bounds.min).max(1);
        let reason = reason::Facts {
            total,
            full: self.thresholds.full,
            unbounded: self.wanted,
            wanted,
            calm: self.calm.map(|calm| (calm.peak, self.patience_left(calm, now))),
        };
        Scaling { nodes: total.nodes, wanted, reason: reason.to_string(), may_go: may_go(rows, wanted) }
    }

    fn patience_left(&self, calm: Calm, now: Instant) -> Duration {
        self.patience.saturating_sub(now.saturating_duration_since(calm.since))
    }
}

/// Those beyond `wanted`, the one that carries least first. As at least one is wanted, it is never all of them.
fn may_go(rows: &[Row<'_>], wanted: u32) -> Vec<String> {
    let spare = rows.len().saturating_sub(wanted as usize);
    if spare == 0 {
        return Vec::new();
    }
    let mut rows: Vec<&Row<'_>> = rows.iter().collect();
    rows.sort_unstable_by_key(|row| row.worth());
    rows[..spare].iter().map(|row| row.hostname.to_owned()).collect()
}

/// A [`Scaler`] that many may ask.
#[derive(Debug)]
pub(crate) struct Signal(Mutex<Scaler>);

impl Signal {
    /// See [`Scaler::new`].
    pub(crate) fn new(patience: Duration, thresholds: Thresholds) -> Self {
        Self(Mutex::new(Scaler::new(patience, thresholds)))
    }

    /// Nodes the load wants, whatever an asker allows.
    pub(crate) fn wanted(&self) -> u32 {
        self.lock().wanted
    }

    /// Takes over what is known of the nodes and says what follows. Nodes whose lease has ended count for nothing.
    pub(crate) fn update(&self, nodes: &[NodeInfo], bounds: Bounds, now: Instant) -> Scaling {
        let live = nodes.iter().filter(|node| node.lease_left_ms > 0);
        let rows: Vec<Row<'_>> = live.map(Row::of).collect();
        let mut scaler = self.lock();
        scaler.observe(&rows, now);
        scaler.advise(&rows, bounds, now)
    }

    fn lock(&self) -> MutexGuard<'_, Scaler> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
