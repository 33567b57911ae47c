//! A secret text that is compared in constant time and never shown.

use std::fmt;

use subtle::ConstantTimeEq;

/// A secret, such as the one that lets a node into the cluster. Its `Debug` form does not reveal it.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`; white space around it is not part of the secret. None if nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The secret itself, to hand to a node.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `claim` is the secret, in a time that reveals only its length.
    pub(crate) fn matches(&self, claim: &str) -> bool {
        self.0.as_bytes().ct_eq(claim.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_matches() {
        let secret = Secret::new(" open sesame\n").unwrap();
        assert!(secret.matches("open sesame"));
        for claim in ["", "open", "open sesame ", "open sesamE"] {
            assert!(!secret.matches(claim), "{claim:?}");
        }
    }

    #[test]
    fn a_secret_is_not_empty_and_not_shown() {
        assert!(Secret::new(" \n").is_none());
        assert!(!format!("{:?}", Secret::new("open sesame")).contains("sesame"));
    }
}
