//! The name of a set of entries: a module that stores records declares a constant of its own.

use std::{fmt, str::FromStr};

use crate::Error;

/// Longest name, in bytes.
const MAX_BYTES: usize = 31;
/// What the engines keep about themselves.
const RESERVED: &[u8] = b"meta";

/// A set of entries with keys of their own, such as `streams`.
///
/// The name stands in the data of every engine and in backups, so it never changes. It has 1 to 31 lower-case letters,
/// digits and hyphens, begins with a letter, and is not `meta`.
///
/// ```
/// const NOTES: store::Namespace = store::Namespace::new("notes");
/// assert_eq!(NOTES.name(), "notes");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace {
    /// Zeros behind the name, so that namespaces are ordered by name.
    bytes: [u8; MAX_BYTES],
    length: u8,
}

impl Namespace {
    /// A namespace with a name that is known when the program is built.
    ///
    /// # Panics
    /// If the name is invalid; in a constant, the program does not build.
    pub const fn new(name: &'static str) -> Self {
        match Self::from_bytes(name.as_bytes()) {
            Some(namespace) => namespace,
            None => panic!("a namespace has 1 to 31 lower-case letters, digits and hyphens, a letter first"),
        }
    }

    const fn from_bytes(name: &[u8]) -> Option<Self> {
        if name.is_empty() || name.len() > MAX_BYTES || !name[0].is_ascii_lowercase() || is_reserved(name) {
            return None;
        }
        let (mut bytes, mut index) = ([0; MAX_BYTES], 0);
        while index < name.len() {
            if !matches!(name[index], b'a'..=b'z' | b'0'..=b'9' | b'-') {
                return None;
            }
            bytes[index] = name[index];
            index += 1;
        }
        Some(Self { bytes, length: name.len() as u8 })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

const fn is_reserved(name: &[u8]) -> bool {
    matches!(name, [a, b, c, d] if *a == RESERVED[0] && *b == RESERVED[1] && *c == RESERVED[2] && *d == RESERVED[3])
}

impl FromStr for Namespace {
    type Err = Error;

    /// A namespace with a name that was read, from a backup for example.
    fn from_str(name: &str) -> Result<Self, Error> {
        let invalid = || Error::Invalid(format!("{name:?} is not a valid namespace"));
        Self::from_bytes(name.as_bytes()).ok_or_else(invalid)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_and_not_those_of_the_engines() {
        for name in ["a", "streams", "job-results-2", "a234567890123456789012345678901"] {
            assert_eq!(name.parse::<Namespace>().unwrap().name(), name);
        }
        for name in ["", "meta", "Streams", "2a", "-a", "a.b", "a b", "ä", "a2345678901234567890123456789012"]
        {
            assert!(name.parse::<Namespace>().is_err(), "{name}");
        }
        assert!("metal".parse::<Namespace>().is_ok());
    }

    #[test]
    fn namespaces_are_ordered_by_name() {
        let mut names = ["b", "a", "aa", "a-b"].map(Namespace::new);
        names.sort_unstable();
        assert_eq!(names.map(|namespace| namespace.to_string()), ["a", "a-b", "aa", "b"]);
    }
}
