//! Namespaces and keys as subjects: `$KV.undead.<namespace>.<escaped key>`, one stream for all namespaces.
//!
//! The parts of a key between slashes become tokens, so that a prefix which ends with a slash is a filter for the server.
//! Within a part, what a NATS key may not hold, and `.` and `=` themselves, are written as `=` and two hexadecimal digits for
//! each byte; an empty part is a single `=`. A slash in a token, as earlier versions wrote it, is read as one.

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
    format!("$KV.undead.{namespace}.{}", tokens(key))
}

/// A key as tokens.
fn tokens(key: &str) -> String {
    let mut tokens = String::with_capacity(key.len());
    for part in key.split('/') {
        if !tokens.is_empty() {
            tokens.push('.');
        }
        if part.is_empty() {
            tokens.push('=');
        }
        for byte in part.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => tokens.push(char::from(byte)),
                other => write!(tokens, "={other:02X}").expect("a String takes everything"),
            }
        }
    }
    tokens
}

/// Subjects that hold all entries of a namespace whose keys begin with `prefix`, and perhaps more of the namespace.
pub(super) fn subjects(namespace: Namespace, prefix: &str) -> String {
    match prefix.rsplit_once('/') {
        Some((parts, _)) => format!("$KV.undead.{namespace}.{}.>", tokens(parts)),
        None => format!("$KV.undead.{namespace}.>"),
    }
}

/// The namespace and key of an entry, `None` if the subject is not an entry's.
pub(super) fn place(subject: &str) -> Option<(Namespace, String)> {
    let mut tokens = subject.splitn(4, '.').skip(2);
    let namespace = tokens.next()?.parse().ok()?;
    let parts: Option<Vec<_>> = tokens.next()?.split('.').map(part).collect();
    Some((namespace, parts?.join("/")))
}

/// The part of a key that a token is, `None` if it is not valid.
fn part(escaped: &str) -> Option<String> {
    if escaped == "=" {
        return Some(String::new());
    }
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

    #[test]
    fn a_slash_in_a_token_of_an_earlier_version_is_read() {
        assert_eq!(place("$KV.undead.nodes.a/b=2Ec"), Some((NODES, "a/b.c".into())));
    }

    proptest! {
        #[test]
        fn every_key_comes_back_and_its_subject_is_within_those_of_its_prefixes(
            name in "\\PC{1,80}|[ -~]{1,80}|[a/]{1,9}",
            at in any::<prop::sample::Index>(),
        ) {
            let subject = subject(NODES, &name);
            let tokens = subject.strip_prefix("$KV.undead.nodes.").unwrap();
            let is_token = |token: &str| {
                !token.is_empty() && token.chars().all(|c| c.is_ascii_alphanumeric() || "-_=".contains(c))
            };
            prop_assert!(tokens.split('.').all(is_token), "{}", tokens);
            prop_assert_eq!(place(&subject), Some((NODES, name.clone())));
            let prefix = &name[..name.char_indices().map(|(index, _)| index).nth(at.index(name.chars().count())).unwrap()];
            let within = subjects(NODES, prefix);
            prop_assert!(subject.starts_with(within.strip_suffix('>').unwrap()), "{} in {}", subject, within);
        }
    }
}
