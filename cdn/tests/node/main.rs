//! A real node on a port of its own, spoken to over the network.

mod client;
mod garbage;
mod harness;
mod publishing;
mod slow_viewer;
mod watching;
