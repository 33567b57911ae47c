//! A job: its record, and how it changes. Pure: no clock, no store, no queue.
//!
//! A job has steps, one after another; each has tasks. The outputs of a step determine the tasks of the next
//! one:
//!
//! ```text
//!   stems      decode → separate × n → join × 2 → two items
//!   waveform   measure → peaks and loudness of the item
//!   preview    pictures → previews of the item
//!   export     export → a file
//! ```
//!
//! The first output of a task counts, from any worker, because the same work gives the same output. A
//! restarted job has the next generation, and accepts no outputs of earlier ones.

mod change;
mod output;
mod record;
mod step;
#[cfg(test)]
mod tests;
mod view;
mod work;

pub(crate) use self::record::Record;
pub(super) use self::{
    change::{Accepted, Again, Ended, GONE_TOO_OFTEN, MOST_PIECES, Refused},
    record::{FileRecord, NewJob, Phase, Starter},
    view::{Seen, SeenState, view},
};
