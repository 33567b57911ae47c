//! The media of items: takes and their fragments.
//!
//! The namespace `library-manifests` has, below `{item_id}/`:
//!
//! - `{take:08}`: the [head](TakeHead) of a take: its type and init segment, in each format;
//! - `{take:08}/{part:06}`: the fragments that begin in the groups `part * 512` to `part * 512 + 511` of the take, at most 512;
//! - `previews`: the pictures for its time line.
//!
//! It is apart from the namespace of records because servers keep all of those in memory. A manifest is read when it is asked
//! for, and the newest are cached ([`manifests`]). Fragments may come in any order, from several nodes: what is there
//! already is passed over ([`take`]). Times of the item follow from the fragments that there are ([`assemble`]).

mod assemble;
mod cache;
mod key;
mod manifests;
mod previews;
mod take;

#[cfg(test)]
pub(crate) use self::key::NAMESPACE;
pub(super) use self::{
    assemble::{Takes, assemble, content_digest, recorded, totals},
    cache::Cached,
    manifests::{Manifests, is_long},
    previews::{Picture, Previews},
};
pub(crate) use self::{
    manifests::NewTake,
    take::{Format, TakeFragment},
};

/// Most tracks of an item that are reported.
pub(crate) const MOST_TRACKS: usize = 8;
