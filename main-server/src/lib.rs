//! To come.

#![allow(dead_code, unused_imports)]
mod auth;
mod catalogue;
mod clock;
pub mod placement;
mod registry;
mod store;
