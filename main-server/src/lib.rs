//! To come.

#![allow(dead_code)]
mod catalogue;
mod clock;
pub mod placement;
mod registry;
