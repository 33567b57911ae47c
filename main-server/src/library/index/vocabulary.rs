//! The words of all items: finds items as a query is typed, with typing errors.
//!
//! A word of a query matches all words that begin with it. A word with 4 letters or more may have one wrong,
//! missing, surplus or swapped letter, one with 8 letters or more two. A search examines each known word
//! once, comparing masks of letters first, so that most words need no further comparison.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

use protocol::ItemId;
use strsim::osa_distance;

/// Most words of a query; further ones are ignored.
const MOST_QUERY_WORDS: usize = 8;
/// Most known words that one word of a query is compared with for typing errors.
const MOST_EXAMINED: usize = 200_000;
/// The cost of a typing error: more than everything else together.
const TYPO_COST: u32 = 1000;
/// The cost of a match of only the beginning.
const PREFIX_COST: u32 = 10;

/// Where a word stands in an item; earlier ones count more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Title,
    Artist,
    Album,
    Tag,
}

/// A word and the items that have it.
#[derive(Debug)]
struct Word {
    letters: u64,
    items: HashMap<ItemId, Field>,
}

/// All known words, with the items that have them.
#[derive(Debug, Default)]
pub(super) struct Vocabulary(BTreeMap<Box<str>, Word>);

/// The matching items with their costs; lower is better.
pub(super) type Matches = HashMap<ItemId, u32>;

impl Vocabulary {
    /// Adds the words of an item.
    pub(super) fn add(&mut self, item_id: ItemId, words: &[(String, Field)]) {
        for (text, field) in words {
            let new = || Word { letters: letters(text), items: HashMap::new() };
            let word = self.0.entry(text.as_str().into()).or_insert_with(new);
            word.items.entry(item_id).and_modify(|known| *known = (*known).min(*field)).or_insert(*field);
        }
    }

    /// Removes the words of an item.
    pub(super) fn remove(&mut self, item_id: ItemId, words: &[(String, Field)]) {
        for (text, _) in words {
            if let Some(word) = self.0.get_mut(text.as_str()) {
                word.items.remove(&item_id);
                if word.items.is_empty() {
                    self.0.remove(text.as_str());
                }
            }
        }
    }

    /// The items that have all `words`. Adds the number of examined words and items to `examined`.
    pub(super) fn search(&self, words: &[String], examined: &mut usize) -> Matches {
        let mut found: Option<Matches> = None;
        for word in words.iter().take(MOST_QUERY_WORDS) {
            let of_word = self.with(word, examined);
            found = Some(match found {
                None => of_word,
                Some(mut found) => {
                    found.retain(|item_id, cost| {
                        of_word.get(item_id).is_some_and(|other| {
                            *cost += other;
                            true
                        })
                    });
                    found
                }
            });
        }
        found.unwrap_or_default()
    }

    /// The items that have a word matching `wanted`.
    fn with(&self, wanted: &str, examined: &mut usize) -> Matches {
        let mut found = Matches::new();
        let mut add = |word: &Word, cost: u32, examined: &mut usize| {
            *examined += word.items.len();
            for (item_id, field) in &word.items {
                let cost = cost + *field as u32;
                found.entry(*item_id).and_modify(|known| *known = (*known).min(cost)).or_insert(cost);
            }
        };
        let beginning = self.0.range::<str, _>((Bound::Included(wanted), Bound::Unbounded));
        let beginning = beginning.take_while(|(text, _)| text.starts_with(wanted));
        for (text, word) in beginning {
            *examined += 1;
            add(word, if text.len() == wanted.len() { 0 } else { PREFIX_COST }, examined);
        }
        let length = wanted.chars().count();
        let most = match length {
            0..4 => return found,
            4..8 => 1,
            8.. => 2,
        };
        let wanted_letters = letters(wanted);
        for (text, word) in self.0.iter().take(MOST_EXAMINED) {
            *examined += 1;
            // Each missing letter is an error.
            if (wanted_letters & !word.letters).count_ones() > most || text.starts_with(wanted) {
                continue;
            }
            if let Some((typos, is_whole)) = typos(wanted, length, text, most as usize) {
                let prefix = if is_whole { 0 } else { PREFIX_COST };
                add(
                    word,
                    u32::try_from(typos).unwrap_or(u32::MAX / TYPO_COST) * TYPO_COST + prefix,
                    examined,
                );
            }
        }
        found
    }
}

/// The least number of errors, at most `most`, with which `wanted` matches `text` or its beginning, and
/// whether it matches all of it.
fn typos(wanted: &str, length: usize, text: &str, most: usize) -> Option<(usize, bool)> {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8()).enumerate();
    let long_enough = ends.skip(length.saturating_sub(most + 1)).take(2 * most + 1);
    let all = long_enough.filter_map(|(_, end)| {
        let typos = osa_distance(wanted, &text[..end]);
        (typos <= most).then_some((typos, end == text.len()))
    });
    all.min_by(|(a, a_whole), (b, b_whole)| match a.cmp(b) {
        Ordering::Equal => b_whole.cmp(a_whole),
        order => order,
    })
}

/// Which letters a word has, as a mask; several may share a bit.
fn letters(text: &str) -> u64 {
    text.chars().fold(0, |mask, c| {
        let bit = match c {
            'a'..='z' => c as u32 - 'a' as u32,
            '0'..='9' => 26 + (c as u32 - '0' as u32),
            c => 36 + c as u32 % 28,
        };
        mask | 1 << bit
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(number: u8) -> ItemId {
        ItemId::from_bytes([number; 16])
    }

    fn vocabulary(texts: &[&str]) -> Vocabulary {
        let mut vocabulary = Vocabulary::default();
        for (number, text) in texts.iter().enumerate() {
            let words: Vec<_> = text.split(' ').map(|word| (word.to_owned(), Field::Title)).collect();
            vocabulary.add(item(number as u8), &words);
        }
        vocabulary
    }

    /// The numbers of the matching items, best first.
    fn found(texts: &[&str], query: &str) -> Vec<usize> {
        let words: Vec<_> = query.split(' ').map(str::to_owned).collect();
        let matches = vocabulary(texts).search(&words, &mut 0);
        let mut numbers: Vec<_> = (0..texts.len())
            .filter_map(|number| matches.get(&item(number as u8)).map(|cost| (*cost, number)))
            .collect();
        numbers.sort_unstable();
        numbers.into_iter().map(|(_, number)| number).collect()
    }

    #[test]
    fn a_word_is_found_as_it_is_typed_and_whole_words_come_first() {
        let texts = ["nightfall", "night", "knight", "day"];
        for typed in ["n", "ni", "nig"] {
            assert_eq!(found(&texts, typed), [0, 1], "{typed}");
        }
        assert_eq!(found(&texts, "night"), [1, 0, 2], "the last one by a missing letter");
    }

    #[test]
    fn typing_errors_are_forgiven_by_the_length_of_the_word_and_rank_last() {
        let texts = ["rock", "rick", "metallica", "orchestra"];
        assert_eq!(found(&texts, "rock"), [0, 1]);
        assert!(found(&texts, "rok").is_empty() && found(&texts, "rokc") == [0]);
        for typed in ["metalica", "metallcia", "metallicaa", "netallica", "metalliac", "metlalica", "metalic"]
        {
            assert_eq!(found(&texts, typed), [2], "{typed}");
        }
        assert!(found(&texts, "mettalc").is_empty(), "two errors in seven letters");
        assert_eq!(found(&texts, "orkestra"), [3], "two in eight");
        assert!(found(&texts, "orkezdra").is_empty());
    }

    #[test]
    fn all_words_have_to_match() {
        let texts = ["blue moon", "blue monday", "moon"];
        assert_eq!(found(&texts, "blue mon"), [1]);
        assert_eq!(found(&texts, "moon blue"), [0, 1], "the second one by a surplus letter");
        assert!(found(&texts, "blue sky").is_empty());
    }

    #[test]
    fn an_item_that_is_removed_leaves_nothing() {
        let mut vocabulary = Vocabulary::default();
        let words = [("a".to_owned(), Field::Title), ("a".to_owned(), Field::Tag)];
        vocabulary.add(item(1), &words);
        vocabulary.add(item(2), &words);
        vocabulary.remove(item(1), &words);
        assert_eq!(vocabulary.search(&["a".into()], &mut 0), HashMap::from([(item(2), 0)]));
        vocabulary.remove(item(2), &words);
        assert!(vocabulary.0.is_empty());
    }

    proptest! {
        /// The mask of letters never hides what the distance would find.
        #[test]
        fn a_word_with_as_many_errors_as_are_forgiven_is_found(
            word in "[a-e0-2äж]{8,12}",
            edits in prop::collection::vec((0_u8..4, any::<prop::sample::Index>(), prop::char::range('a', 'z')), 0..=2),
        ) {
            let mut typed: Vec<char> = word.chars().collect();
            for (kind, at, letter) in edits {
                let at = at.index(typed.len());
                match kind {
                    0 => typed[at] = letter,
                    1 => typed.insert(at, letter),
                    2 => _ = typed.remove(at),
                    _ => {
                        let next = typed.len().min(at + 2) - 1;
                        typed.swap(at, next);
                    }
                }
            }
            let typed: String = typed.into_iter().collect();
            let length = typed.chars().count();
            let forgiven = if length >= 8 { 2 } else { 1 };
            prop_assume!(osa_distance(&typed, &word) <= forgiven);
            prop_assert_eq!(found(&[&word], &typed), [0]);
        }
    }
}
