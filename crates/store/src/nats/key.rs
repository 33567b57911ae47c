//! Namespaces and keys as subjects: `$KV.undead.<namespace>.<escaped key>`, one stream for all namespaces.
//!
//! A key becomes one token: what a NATS key may not hold, and `.` and `=` themselves, are written as `=` and two
//! hexadecimal digits for each byte.

use std::fmt::Write;

use crate::Namespace;

/// The stream, named so that NATS's own tools know it as the key-value bucket `undead`.
pub(super) const STREAM: &str = "KV_undead";
/// Every subject of the stream.
pub(super) const SUBJECTS: &str = "$KV.undead.>";
/// What every subject begins with that is not an entry.
pub(super) const META: &str = "$KV.undead.meta.";
/// The version of what is written here.
pub(super) const SCHEMA: &str = "$KV.undead.meta.schema";
/// The greatest revision of a deletion that is not kept any more.
pub(super) const FORGOTTEN: &str = "$KV.undead.meta.forgotten";
/// Written to find out whether writing works.
pub(super) const PROBE: &str = "$KV.undead.meta.probe";

/// The subject of an entry.
pub(super) fn subject(namespace: Namespace, key: &str) -> String {
    format!("$KV.undead.{}.{}", namespace.name(), token(key))
}

/// A key as one token.
pub(super) fn token(key: &str) -> String {
    let mut token = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'/' => token.push(char::from(byte)),
            other => write!(token, "={other:02X}").expect("a String takes everything"),
        }
    }
    token
}

/// The subjects of all entries of a namespace.
pub(super) fn subjects(namespace: Namespace) -> String {
    format!("$KV.undead.{}.>", namespace.name())
}

/// The namespace and key of an entry, `None` if the subject is not an entry's.
pub(super) fn place(subject: &str) -> Option<(Namespace, String)> {
    let mut tokens = subject.splitn(4, '.').skip(2);
    Some((tokens.next()?.parse().ok()?, from_token(tokens.next()?)?))
}

/// The key that a token is; none if it is no key's.
pub(super) fn from_token(escaped: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'=' => digit(rest.next()?)? << 4 | digit(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NODES: Namespace = Namespace::new("nodes");

    #[test]
    fn a_stray_subject_has_no_key() {
        for subject in [
            "$KV.undead.streams",
            "$KV.undead.streams.=4",
            "$KV.undead.streams.=zz",
            "$KV.undead.nodes.=FF",
            SCHEMA,
        ] {
            assert_eq!(place(subject), None, "{subject}");
        }
    }

    proptest! {
        #[test]
        fn every_key_is_one_token_and_comes_back(name in "\\PC{1,80}|[ -~]{1,80}") {
            let subject = subject(NODES, &name);
            let token = subject.strip_prefix("$KV.undead.nodes.").unwrap();
            prop_assert!(token.chars().all(|c| c.is_ascii_alphanumeric() || "-_/=".contains(c)));
            prop_assert_eq!(place(&subject), Some((NODES, name)));
        }
    }
}
