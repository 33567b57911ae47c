//! The pictures for the time line of an item.

use protocol::item::Blob;
use serde::{Deserialize, Serialize};

/// Most pictures of an item. Beyond that, every second one is removed.
const MOST: usize = 240;

/// A picture in the object store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Picture {
    /// The time of the item that it shows.
    pub(crate) at_ms: u64,
    /// The blob with the picture.
    #[serde(flatten)]
    pub(crate) blob: Blob,
}

/// The value of the entry with the pictures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Previews {
    /// In order of time, one per time.
    pub(crate) pictures: Vec<Picture>,
}

impl Previews {
    /// Adds a picture, which replaces one of the same time.
    pub(super) fn with(mut self, picture: Picture) -> Self {
        match self.pictures.binary_search_by_key(&picture.at_ms, |known| known.at_ms) {
            Ok(known) => self.pictures[known] = picture,
            Err(at) => self.pictures.insert(at, picture),
        }
        if self.pictures.len() > MOST {
            let mut index = 0;
            self.pictures.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_bounded_and_cover_the_whole_time() {
        let picture = |at_ms| Picture { at_ms, blob: Blob { hash: "0".repeat(64), bytes: 1 } };
        let all = (0..1000).fold(Previews::default(), |previews, at_ms| previews.with(picture(at_ms)));
        assert!(all.pictures.len() <= MOST && all.pictures.len() > MOST / 2);
        assert_eq!(all.pictures[0].at_ms, 0);
        assert!(all.pictures.is_sorted_by_key(|picture| picture.at_ms));
        let again = all.clone().with(picture(0));
        assert_eq!(again, all, "one for each time");
        assert!(serde_json::to_vec(&all).unwrap().len() < store::MAX_VALUE_BYTES);
    }
}
