//! The behaviour of a party, event by event; `simulation` runs many servers on a modelled store.

mod failures;
mod host;
mod properties;
mod rejoin;
mod simulation;
mod size;
mod support;
mod views;
mod vote;
