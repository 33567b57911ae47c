//! What main servers share: what the first one decides, what they tell each other, and whether they can.

pub(crate) mod bootstrap;
pub(crate) mod circuit_breaker;
pub(crate) mod gossip;
pub(crate) mod grant_keys;
pub(crate) mod partition;
#[cfg(test)]
pub(crate) mod tests;
