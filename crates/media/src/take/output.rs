//! What a take gives.

use std::sync::Arc;

use crate::{Run, Track};

/// What [`TakeParser::advance`](crate::TakeParser::advance) gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// The tracks: once, before every run.
    Tracks(Arc<[Track]>),
    /// The next run of frames.
    Run(Run),
}
