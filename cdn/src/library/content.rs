//! What an answer consists of: blobs and bytes made for it, one after another, of which a range can be taken without reading any.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use bytes::Bytes;
use media::Shift;
use objects::Hash;

/// One part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes that were made for the answer.
    Made(Bytes),
    /// A whole blob of so many bytes, its times shifted if need be.
    Blob { hash: Hash, bytes: u64, shift: Option<Arc<Shift>> },
}

impl Part {
    fn bytes(&self) -> u64 {
        match self {
            Self::Made(made) => made.len() as u64,
            Self::Blob { bytes, .. } => *bytes,
        }
    }
}

/// A part, or a range of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) part: Part,
    pub(super) range: Range<u64>,
}

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    parts: Vec<Part>,
    bytes: u64,
}

impl Content {
    pub(super) fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        let parts: Vec<_> = parts.into_iter().collect();
        let bytes = parts.iter().map(Part::bytes).fold(0, u64::saturating_add);
        Self { parts, bytes }
    }

    /// The bytes of all parts together.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A hash that differs where the bytes do.
    pub(super) fn hash(&self) -> Hash {
        let mut names = Vec::new();
        for part in &self.parts {
            let (hash, shift) = match part {
                Part::Made(made) => (Hash::of(made), None),
                Part::Blob { hash, shift, .. } => (*hash, shift.as_ref()),
            };
            names.extend_from_slice(hash.as_bytes());
            names.extend_from_slice(&shift.map_or(0, |shift| shift.by_ms()).to_be_bytes());
        }
        Hash::of(&names)
    }

    /// The slices that `range` consists of.
    pub(super) fn slices(self, range: Range<u64>) -> VecDeque<Slice> {
        let mut begins = 0u64;
        let cut = |part: Part| {
            let (start, end) = (begins, begins.saturating_add(part.bytes()));
            begins = end;
            let (from, to) = (range.start.max(start), range.end.min(end));
            (from < to).then(|| Slice { part, range: from - start..to - start })
        };
        self.parts.into_iter().filter_map(cut).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &'static str) -> Part {
        Part::Made(Bytes::from_static(text.as_bytes()))
    }

    fn text(slices: VecDeque<Slice>) -> String {
        let cut = |slice: Slice| match slice.part {
            Part::Made(made) => made.slice(slice.range.start as usize..slice.range.end as usize),
            Part::Blob { .. } => panic!("none here"),
        };
        slices.into_iter().flat_map(cut).map(char::from).collect()
    }

    #[test]
    fn every_range_is_that_of_the_parts_together() {
        let content = Content::of([made("abc"), made(""), made("d"), made("efgh")]);
        let whole = "abcdefgh";
        assert_eq!(content.bytes(), 8);
        for start in 0..=8 {
            for end in start..=8 {
                let slices = content.clone().slices(start..end);
                assert!(slices.iter().all(|slice| !slice.range.is_empty()));
                assert_eq!(text(slices), whole[start as usize..end as usize]);
            }
        }
    }

    #[test]
    fn hash_is_that_of_the_parts_in_their_order() {
        let hash = |parts: [Part; 2]| Content::of(parts).hash();
        assert_eq!(hash([made("a"), made("b")]), hash([made("a"), made("b")]));
        assert_ne!(hash([made("a"), made("b")]), hash([made("b"), made("a")]));
    }
}
