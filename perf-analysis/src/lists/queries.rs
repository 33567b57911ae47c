//! The requests to the library.

use serde::{Deserialize, Serialize};

use super::items::title;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Query {
    /// The first page, the newest items first.
    FirstPage,
    /// The first page in the order of titles.
    ByTitle,
    /// The page after the previous one.
    NextPage,
    /// The first word of a title, letter by letter.
    AsTyped,
    /// A whole title.
    Title,
    /// A title with a typing error in each word.
    Misspelled,
}

impl Query {
    /// Each of them.
    pub(super) const ALL: [Self; 6] =
        [Self::FirstPage, Self::ByTitle, Self::NextPage, Self::AsTyped, Self::Title, Self::Misspelled];

    /// In words.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::FirstPage => "first page, newest first",
            Self::ByTitle => "first page, by title",
            Self::NextPage => "page after page",
            Self::AsTyped => "search for a word, letter by letter",
            Self::Title => "search for a title of three words",
            Self::Misspelled => "the same with a typing error in two words",
        }
    }

    /// Whether it searches for a text.
    pub(super) fn is_search(self) -> bool {
        matches!(self, Self::AsTyped | Self::Title | Self::Misspelled)
    }

    /// The requests of repetition `number`; `cursor` is from the previous page.
    pub(super) fn paths(self, number: u32, cursor: Option<&str>) -> Vec<String> {
        let title = title(number);
        let search = |text: &str| format!("/api/library?q={}", text.replace(' ', "+"));
        match self {
            Self::FirstPage => vec!["/api/library".into()],
            Self::ByTitle => vec!["/api/library?sort=title".into()],
            Self::NextPage => vec![format!("/api/library?cursor={}", cursor.unwrap_or_default())],
            Self::AsTyped => {
                let word = title.split(' ').next().unwrap_or_default();
                (1..=word.len()).filter_map(|letters| word.get(..letters)).map(search).collect()
            }
            Self::Title => vec![search(&title)],
            Self::Misspelled => vec![search(&misspelled(&title))],
        }
    }
}

/// `title` without the third letter of each word that has more than four.
fn misspelled(title: &str) -> String {
    let word = |word: &str| match word.len() {
        5.. if !word.starts_with(|first: char| first.is_ascii_digit()) => [&word[..2], &word[3..]].concat(),
        _ => word.to_owned(),
    };
    title.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_typed_letter_by_letter() {
        let paths = Query::AsTyped.paths(3, None);
        let word = title(3).split(' ').next().unwrap().to_owned();
        assert_eq!((paths.len(), &paths[0]), (word.len(), &format!("/api/library?q={}", &word[..1])));
        assert_eq!(paths.last(), Some(&format!("/api/library?q={word}")));
    }

    #[test]
    fn long_words_lose_a_letter() {
        assert_eq!(misspelled("kalomi kalo 12345"), "kaomi kalo 12345");
    }
}
