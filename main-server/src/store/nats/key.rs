//! Keys and buckets as subjects: `$KV.undead.<bucket>.<escaped key>`, one stream for all buckets.
//!
//! A key becomes one token: what a NATS key may not hold, and `.` and `=` themselves, are written as `=` and two
//! hexadecimal digits for each byte.

use std::fmt::Write;

use crate::store::Bucket;

/// The stream, named so that NATS's own tools know it as the key-value bucket `undead`.
pub(super) const STREAM: &str = "KV_undead";
/// Every subject of the stream.
pub(super) const SUBJECTS: &str = "$KV.undead.>";
/// The version of what is written here.
pub(super) const SCHEMA: &str = "$KV.undead.meta.schema";
/// The greatest revision of a deletion that is not kept any more.
pub(super) const FORGOTTEN: &str = "$KV.undead.meta.forgotten";
/// Written to find out whether writing works.
pub(super) const PROBE: &str = "$KV.undead.meta.probe";

/// The subject of an entry.
pub(super) fn subject(bucket: Bucket, key: &str) -> String {
    format!("$KV.undead.{}.{}", bucket.name(), token(key))
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

/// The subjects of all entries of a bucket.
pub(super) fn subjects(bucket: Bucket) -> String {
    format!("$KV.undead.{}.>", bucket.name())
}

/// The key of an entry; none if somebody else wrote it in another way.
pub(super) fn key(subject: &str) -> Option<String> {
    from_token(subject.splitn(4, '.').nth(3)?)
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

    #[test]
    fn a_stray_subject_has_no_key() {
        for subject in
            ["$KV.undead.streams", "$KV.undead.streams.=4", "$KV.undead.streams.=zz", "$KV.undead.nodes.=FF"]
        {
            assert_eq!(key(subject), None, "{subject}");
        }
    }

    proptest! {
        #[test]
        fn every_key_is_one_token_and_comes_back(name in "\\PC{1,80}|[ -~]{1,80}") {
            let subject = subject(Bucket::Nodes, &name);
            let token = subject.strip_prefix("$KV.undead.nodes.").unwrap();
            prop_assert!(token.chars().all(|c| c.is_ascii_alphanumeric() || "-_/=".contains(c)));
            prop_assert_eq!(key(&subject), Some(name));
        }
    }
}
