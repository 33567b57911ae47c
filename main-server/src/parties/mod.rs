//! Parties: people who hear or see the same moment.

mod party;
