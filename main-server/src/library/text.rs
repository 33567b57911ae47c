//! Validates and normalises the texts of an item from clients and files.

use protocol::title;

use super::Error;

/// Most tags of an item.
pub(crate) const MOST_TAGS: usize = 10;
/// Most characters of a tag.
pub(crate) const TAG_CHARS: usize = 24;

/// A normalised required text.
///
/// # Errors
/// [`Error::Invalid`], which names `field`.
pub(crate) fn required(field: &str, text: &str) -> Result<String, Error> {
    title::clean(text).map_err(|error| Error::Invalid(format!("{field}: {error}")))
}

/// A normalised optional text.
///
/// # Errors
/// As [`required`].
pub(crate) fn optional(field: &str, text: &str) -> Result<Option<String>, Error> {
    if text.trim().is_empty() { Ok(None) } else { required(field, text).map(Some) }
}

/// Tags in lower case and in order, each once. Empty ones are dropped.
///
/// # Errors
/// [`Error::Invalid`] for more than [`MOST_TAGS`], or one with more than [`TAG_CHARS`] characters.
pub(crate) fn tags(tags: &[String]) -> Result<Vec<String>, Error> {
    let mut clean = Vec::new();
    for tag in tags {
        let Some(tag) = optional("tags", tag)?.map(|tag| tag.to_lowercase()) else { continue };
        if tag.chars().count() > TAG_CHARS {
            return Err(Error::Invalid(format!("tags: one has more than {TAG_CHARS} characters")));
        }
        if !clean.contains(&tag) {
            clean.push(tag);
        }
        if clean.len() > MOST_TAGS {
            return Err(Error::Invalid(format!("tags: more than {MOST_TAGS}")));
        }
    }
    clean.sort_unstable();
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_one_form_and_are_bounded() {
        let of = |texts: &[&str]| tags(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["Rock ", "", "live", "ROCK"]).unwrap(), ["live", "rock"]);
        assert!(of(&[&"a".repeat(TAG_CHARS + 1)]).is_err() && of(&["a\nb"]).is_err());
        let many: Vec<_> = (0..=MOST_TAGS).map(|number| number.to_string()).collect();
        assert!(tags(&many).is_err() && tags(&many[1..]).is_ok());
    }
}
