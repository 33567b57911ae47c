//! Which node takes a broadcaster, a viewer or a relay: what the nodes report and a request in, an ordered choice with reasons out.
//!
//! Pure: no clock, lock, task or socket; `now` is an argument. A decision is a straight line:
//!
//! ```text
//! Fleet::watch ─► viewers::decide(nodes, stream, request) ─► Plan ─► counted ─► Decision
//!                   │   carriers_first or least_egress: the first choice
//!                   └─► candidates: which carriers and other nodes are fit, the least loaded first
//! ```
//!
//! `broadcasters` and `sources` decide for broadcasters and for edges in the same way; `tree` says which node a new edge pulls from.
//! They read `nodes` (the live nodes, in the orders that decisions need), `stream`, `carriers` and `carrier`, which a
//! [`Fleet`] keeps up to date.

mod broadcasters;
mod candidates;
mod capacity;
mod carrier;
mod carriers;
mod carriers_first;
mod decision;
mod fleet;
mod least_egress;
mod load;
mod node;
mod nodes;
mod order;
mod policy;
pub mod rendezvous;
mod share;
mod sources;
mod stream;
#[cfg(test)]
mod tests;
mod tree;
mod viewers;

pub use decision::{Choice, Decision, Reason, Refusal, Request, Role};
pub use fleet::Fleet;
pub use load::{ASSIGNMENT_LIFETIME, FULL_PROCESSOR_PERMILLE, UNKNOWN_LIMIT};
pub use node::NodeSpec;
pub use policy::{BroadcasterPolicy, Policies, UnknownPolicy, ViewerPolicy};
pub use share::WHOLE;
