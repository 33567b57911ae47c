//! To come.

#![allow(dead_code)]
mod clock;
pub mod placement;
mod registry;
