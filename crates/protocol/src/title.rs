//! What a title is: text that shows something, in one form, without characters that hide or reorder what is shown.
//!
//! Names that nodes and operators choose keep the same rule for each character, see [`is_plain`].

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark as is_mark};

/// Most characters of a title, as it is given.
pub const MAX_CHARS: usize = 120;
/// Shown in the place of a title that shows nothing.
pub const UNTITLED: &str = "Untitled";

/// Most combining marks on one letter: more would cover what is shown around it.
const MAX_MARKS: usize = 6;
/// What a mark without a letter is shown on: the dotted circle.
const NO_LETTER: char = '\u{25cc}';
/// What takes room but shows nothing, though it is no white space: Braille blank, null notehead, hieroglyphic blanks,
/// object replacement.
const BLANK: [char; 5] = ['\u{2800}', '\u{1d159}', '\u{13441}', '\u{13442}', '\u{fffc}'];
const ZWNJ: char = '\u{200c}';
const ZWJ: char = '\u{200d}';

/// Why a text is no title.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing of it would be seen.
    #[error("the title has no visible character")]
    Empty,
    /// More characters than there may be, mostly [`MAX_CHARS`].
    #[error("the title has more than {MAX_CHARS} characters")]
    TooLong,
    /// It has a line break, another control character, or a code point that is no character.
    #[error("the title has control characters: remove them")]
    Control,
}

/// The title for `text`: in Unicode's normalization form C, without invisible characters and without white space
/// at its ends. Joiners and variation selectors stay where scripts and emoji need them, and a mark without a letter gets a
/// dotted circle.
///
/// # Errors
/// See [`Error`].
pub fn clean(text: &str) -> Result<String, Error> {
    clean_to(text, MAX_CHARS)
}

/// As [`clean`], for a text of at most `most` characters.
///
/// # Errors
/// See [`Error`].
pub fn clean_to(text: &str, most: usize) -> Result<String, Error> {
    if text.chars().count() > most {
        return Err(Error::TooLong);
    }
    let title = shown(text, |_| Err(Error::Control))?;
    match title.chars().count() {
        // A dotted circle was added.
        count if count > most => Err(Error::TooLong),
        _ => title.chars().any(is_plain).then_some(title).ok_or(Error::Empty),
    }
}

/// A title that was accepted under an older rule, as it is shown now.
pub fn lenient(text: &str) -> Cow<'_, str> {
    match clean(text) {
        Ok(title) if title == text => Cow::Borrowed(text),
        Ok(title) => Cow::Owned(title),
        Err(_) => {
            let shorten = |text: &str| text.chars().take(MAX_CHARS).collect::<String>();
            let title = shown(&shorten(text), |_| Ok(' ')).unwrap_or_default();
            // A dotted circle may have been added, and what is cut off may have had a joiner before it.
            let title = shown(&shorten(&title), |_| Ok(' ')).unwrap_or_default();
            if title.chars().any(is_plain) { Cow::Owned(title) } else { Cow::Borrowed(UNTITLED) }
        }
    }
}

/// Whether `c` shows something, perhaps on the character before it. Names of nodes and regions have no others.
pub fn is_plain(c: char) -> bool {
    !c.is_whitespace() && !is_control(c) && !is_ignorable(c) && !BLANK.contains(&c)
}

/// `text` without invisible characters and without white space at its ends; `control` decides about control characters.
fn shown(text: &str, control: impl Fn(char) -> Result<char, Error>) -> Result<String, Error> {
    let mut title = one_pass(text.trim(), &control)?;
    // A character may stay because of a neighbour that goes: every pass but the last takes something away.
    loop {
        let next = one_pass(title.trim(), &control)?;
        if next == title {
            return Ok(title);
        }
        title = next;
    }
}

/// One pass over `text`, which decides about each character by those beside it.
fn one_pass(text: &str, control: impl Fn(char) -> Result<char, Error>) -> Result<String, Error> {
    let mut title = String::with_capacity(text.len());
    let (mut before, mut marks) = (None, 0);
    let mut chars = text.nfc().peekable();
    while let Some(mut c) = chars.next() {
        if is_control(c) {
            c = control(c)?;
        }
        let stays = match (c, before) {
            (ZWJ | ZWNJ, Some(before)) => joins(before) && chars.peek().is_some_and(|next| joins(*next)),
            (c, Some(before)) if is_variation(c) => varies(before),
            (c, _) if is_mark(c) => !is_ignorable(c) && marks < MAX_MARKS,
            // White space at the start is trimmed later; a mark behind it would then be without a letter.
            (c, None) if c.is_whitespace() => false,
            _ => !is_ignorable(c),
        };
        if stays {
            if before.is_none() && is_mark(c) {
                title.push(NO_LETTER);
            }
            title.push(c);
            marks = if is_mark(c) { marks + 1 } else { 0 };
            before = Some(c);
        }
    }
    // What stood between a letter and its mark may be gone.
    Ok(title.nfc().collect())
}

/// Whether a joiner next to `c` has a use: scripts from Arabic on, and emoji.
fn joins(c: char) -> bool {
    c >= '\u{600}' && (is_plain(c) || is_variation(c))
}

/// Whether `c` may have another form that a variation selector asks for. Letters of European scripts have none.
fn varies(c: char) -> bool {
    is_plain(c) && !c.is_lowercase() && !c.is_uppercase()
}

/// Control characters, line and paragraph separators, and noncharacters.
fn is_control(c: char) -> bool {
    let is_noncharacter = matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    is_noncharacter || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn is_variation(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Unicode's `Default_Ignorable_Code_Point` (DerivedCoreProperties), and the format characters that are not in it.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// The cases that the pages' form is held to as well.
    #[derive(Deserialize)]
    struct Cases {
        cleaned: Vec<(String, String)>,
        refused: Vec<String>,
    }

    fn cases() -> Cases {
        serde_json::from_str(include_str!("../fixtures/titles.json")).unwrap()
    }

    #[test]
    fn titles_are_cleaned_and_stay_as_they_are_then() {
        for (given, title) in cases().cleaned {
            assert_eq!(clean(&given).as_ref(), Ok(&title), "{given:?}");
            assert_eq!(clean(&title).as_ref(), Ok(&title), "{title:?}");
            assert_eq!(lenient(&given), title);
        }
    }

    #[test]
    fn what_shows_nothing_or_breaks_lines_is_no_title() {
        for given in cases().refused {
            assert!(clean(&given).is_err(), "{given:?}");
            assert!(clean(&lenient(&given)).is_ok(), "it can be shown all the same: {given:?}");
        }
    }

    #[test]
    fn a_title_has_120_characters_of_whatever_size() {
        assert!(clean(&"🎥".repeat(MAX_CHARS)).is_ok());
        assert_eq!(clean(&"🎥".repeat(MAX_CHARS + 1)), Err(Error::TooLong));
        assert_eq!(lenient(&"a".repeat(500)).chars().count(), MAX_CHARS);
    }

    #[test]
    fn marks_at_the_start_are_shown_on_a_letter_whatever_stood_before_them() {
        for given in ["\u{200b} \u{301}a", "\u{7f}\u{301}a", " \u{301}a"] {
            assert_eq!(lenient(given), "\u{25cc}\u{301}a", "{given:?}");
        }
        assert_eq!(clean("e\u{200b}\u{301}").as_deref(), Ok("\u{e9}"));
        assert_eq!(clean(&format!("\u{301}{}", "a".repeat(MAX_CHARS - 1))), Err(Error::TooLong));
    }

    #[test]
    fn a_joiner_goes_with_the_neighbour_for_which_it_stayed() {
        for given in ["\u{905}\u{200d}\u{fe0f}x", "\u{905}\u{200d}\u{fe0f} \u{200d}\u{fe0f}x"] {
            let title = clean(given).unwrap();
            assert!(!title.contains(ZWJ), "{title:?}");
            assert_eq!(clean(&title).as_deref(), Ok(title.as_str()));
        }
        let cut = format!("{}\u{200d}\u{905}", "\u{905}".repeat(MAX_CHARS - 1));
        assert_eq!(lenient(&lenient(&cut)), lenient(&cut));
    }

    #[test]
    fn names_have_neither_spaces_nor_what_does_not_show() {
        assert!("cdn-1.example.org Wohnzimmer-küche नमस्ते".replace(' ', "").chars().all(is_plain));
        for c in
            [' ', '\u{a0}', '\n', '\u{202e}', '\u{200b}', '\u{3164}', '\u{2800}', '\u{e0041}', '\u{ffff}']
        {
            assert!(!is_plain(c), "{c:?}");
        }
    }
}
