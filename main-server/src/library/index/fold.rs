//! Normalises texts for comparison: words without case, accents and punctuation.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Most characters of a word that count.
const WORD_CHARS: usize = 32;

/// `text` in lower case, compatibility forms replaced (Unicode form KD), without marks.
pub(super) fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let plain = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    for c in plain.filter(|c| !is_combining_mark(*c)) {
        match c {
            // Letters that have no decomposition.
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'þ' => folded.push_str("th"),
            'ı' => folded.push('i'),
            c => folded.push(c),
        }
    }
    folded
}

/// The words of `text`, normalised. In scripts without spaces each character is a word; apostrophes join.
pub(super) fn words(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut length = 0;
    for c in folded(text).chars() {
        if matches!(c, '\'' | '’' | 'ʼ') {
            continue;
        }
        let stands_alone = has_no_spaces(c);
        if (stands_alone || !c.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
            length = 0;
        }
        if stands_alone {
            words.push(c.into());
        } else if c.is_alphanumeric() && length < WORD_CHARS {
            word.push(c);
            length += 1;
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Whether words of this script are written without spaces: Chinese characters and kana.
fn has_no_spaces(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_have_neither_case_nor_accents_nor_punctuation() {
        assert_eq!(words("Ågætis byrjun — Sigur Rós"), ["agaetis", "byrjun", "sigur", "ros"]);
        assert_eq!(words("Don’t STOP (Live!)"), ["dont", "stop", "live"]);
        assert_eq!(words("STRASSE Straße ﬁn"), ["strasse", "strasse", "fin"]);
        assert_eq!(words("東京事変 Tokyo"), ["東", "京", "事", "変", "tokyo"]);
        assert_eq!(words("AC/DC 1979"), ["ac", "dc", "1979"]);
        assert!(words("— … !").is_empty());
    }

    proptest! {
        /// Whatever its case or composition, a text has the same words.
        #[test]
        fn the_form_of_a_text_does_not_matter(text in "\\PC{0,40}") {
            prop_assert_eq!(words(&text.nfd().collect::<String>()), words(&text.nfc().collect::<String>()));
            for word in words(&text) {
                prop_assert!(!word.is_empty() && word.chars().count() <= WORD_CHARS);
            }
        }
    }
}
