//! A backup as text: one JSON object a line, the same for every engine.
//!
//! ```text
//! {"undead":"backup","format":1}
//! {"bucket":"streams","key":"…","text":"…","lease_ms":300000}     or "base64" where the value is no text
//! {"entries":1,"md5":"…"}                                        over the bytes of all lines before it
//! ```
//!
//! A file that was cut off or damaged is noticed: the last line is missing, or does not fit those before it.

use std::io::{BufRead, Read, Write};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use store::{Entry, MAX_KEY_BYTES, MAX_VALUE_BYTES, Namespace};

use super::error::Error;

/// Version of the format. It grows when an older program would misread it.
const FORMAT: u32 = 1;
/// Longest line: a value whose every byte is written as six, and the rest.
const MAX_LINE_BYTES: u64 = 6 * (MAX_VALUE_BYTES + MAX_KEY_BYTES) as u64 + 1024;

/// What is kept of an entry: all but its revision, which is the store's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) namespace: Namespace,
    pub(super) key: String,
    pub(super) value: Bytes,
    pub(super) lease_ms: Option<u64>,
}

impl Saved {
    pub(super) fn new(namespace: Namespace, entry: Entry) -> Self {
        let lease_ms = entry.lease.map(|lease| u64::try_from(lease.as_millis()).unwrap_or(u64::MAX));
        Self { namespace, key: entry.key, value: entry.value, lease_ms }
    }
}

#[derive(Serialize, Deserialize)]
struct First {
    undead: String,
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct Line {
    bucket: String,
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Last {
    entries: usize,
    md5: String,
}

impl From<&Saved> for Line {
    fn from(saved: &Saved) -> Self {
        let text = std::str::from_utf8(&saved.value).ok().map(str::to_owned);
        let base64 = text.is_none().then(|| BASE64_STANDARD.encode(&saved.value));
        let bucket = saved.namespace.name().to_owned();
        Self { bucket, key: saved.key.clone(), text, base64, lease_ms: saved.lease_ms }
    }
}

impl TryFrom<Line> for Saved {
    type Error = String;

    fn try_from(line: Line) -> Result<Self, String> {
        let namespace = line.bucket.parse().map_err(|error: store::Error| error.to_string())?;
        let value = match (line.text, line.base64) {
            (Some(text), None) => text.into(),
            (None, Some(base64)) => BASE64_STANDARD.decode(base64).map_err(|error| error.to_string())?.into(),
            _ => return Err("an entry has either text or base64".into()),
        };
        Ok(Self { namespace, key: line.key, value, lease_ms: line.lease_ms })
    }
}

/// Writes a backup.
///
/// # Errors
/// Those of `out`.
pub(super) fn write(out: &mut impl Write, entries: &[Saved]) -> std::io::Result<()> {
    let mut digest = Md5::new();
    let mut line = |value: String| {
        digest.update(&value);
        digest.update("\n");
        writeln!(out, "{value}")
    };
    line(json(&First { undead: "backup".into(), format: FORMAT }))?;
    for saved in entries {
        line(json(&Line::from(saved)))?;
    }
    let last = Last { entries: entries.len(), md5: hex(digest) };
    writeln!(out, "{}", json(&last))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers are always JSON")
}

fn hex(digest: Md5) -> String {
    HEXLOWER.encode(&digest.finalize())
}

/// Reads a whole backup.
///
/// # Errors
/// [`Error::Format`] names the line that is wrong, [`Error::TooNew`], and those of `input`.
pub(super) fn read(input: &mut impl BufRead) -> Result<Vec<Saved>, Error> {
    let mut lines = Lines { input, number: 0, digest: Md5::new() };
    let first: First = lines.next()?.parse()?;
    if first.undead != "backup" {
        return Err(Error::Format(1, "not a backup file".into()));
    }
    if first.format > FORMAT {
        return Err(Error::TooNew { found: first.format, known: FORMAT });
    }
    let mut entries: Vec<Saved> = Vec::new();
    loop {
        let before = lines.digest.clone();
        let line = lines.next()?;
        if let Ok(last) = line.parse::<Last>() {
            return if last.entries != entries.len() || last.md5 != hex(before) {
                Err(line.wrong("the checksum does not match: the file is damaged"))
            } else if lines.is_at_end()? {
                Ok(entries)
            } else {
                Err(line.wrong("something follows the last line"))
            };
        }
        let saved = line.parse::<Line>()?.try_into();
        entries.push(saved.map_err(|why: String| line.wrong(&why))?);
    }
}

struct Lines<'a, R> {
    input: &'a mut R,
    number: usize,
    digest: Md5,
}

struct NumberedLine {
    number: usize,
    bytes: Vec<u8>,
}

impl<R: BufRead> Lines<'_, R> {
    fn next(&mut self) -> Result<NumberedLine, Error> {
        let mut bytes = Vec::new();
        (&mut *self.input).take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)?;
        self.number += 1;
        self.digest.update(&bytes);
        if bytes.last() != Some(&b'\n') {
            let why = if bytes.len() as u64 == MAX_LINE_BYTES {
                "it is too long"
            } else {
                "the file ends here, too early"
            };
            return Err(Error::Format(self.number, why.into()));
        }
        Ok(NumberedLine { number: self.number, bytes })
    }

    fn is_at_end(&mut self) -> Result<bool, Error> {
        Ok(self.input.fill_buf()?.is_empty())
    }
}

impl NumberedLine {
    fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        serde_json::from_slice(&self.bytes).map_err(|error| self.wrong(&error.to_string()))
    }

    fn wrong(&self, why: &str) -> Error {
        Error::Format(self.number, why.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn saved() -> impl Strategy<Value = Saved> {
        let namespace = "[a-z][a-z0-9-]{0,30}".prop_filter_map("reserved", |name| name.parse().ok());
        let value = prop_oneof![vec(any::<u8>(), 0..50), ".{0,50}".prop_map(String::into_bytes)];
        (namespace, ".{1,20}", value, any::<Option<u64>>()).prop_map(|(namespace, key, value, lease_ms)| {
            Saved { namespace, key, value: value.into(), lease_ms }
        })
    }

    fn written(entries: &[Saved]) -> Vec<u8> {
        let mut text = Vec::new();
        write(&mut text, entries).unwrap();
        text
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(entries in vec(saved(), 0..20)) {
            prop_assert_eq!(read(&mut &*written(&entries)).unwrap(), entries);
        }

        #[test]
        fn a_file_that_was_cut_off_is_noticed(entries in vec(saved(), 0..5), at in any::<prop::sample::Index>()) {
            let text = written(&entries);
            prop_assert!(read(&mut &text[..at.index(text.len())]).is_err());
        }

        #[test]
        fn a_changed_byte_is_noticed(
            entries in vec(saved(), 0..5),
            at in any::<prop::sample::Index>(),
            other in 1..=255u8,
        ) {
            let mut text = written(&entries);
            let at = at.index(text.len());
            text[at] ^= other;
            // The checksum's own letters may become capital ones, nothing else may differ unseen.
            if let Ok(found) = read(&mut &*text) {
                prop_assert_eq!(found, entries);
            }
        }

        #[test]
        fn garbage_is_refused(bytes in vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&mut &*bytes).is_err());
        }
    }

    #[test]
    fn a_newer_format_is_refused_whatever_follows() {
        let text = b"{\"undead\":\"backup\",\"format\":2}\nsomething new\n";
        assert!(matches!(read(&mut &text[..]), Err(Error::TooNew { found: 2, known: 1 })));
    }

    #[test]
    fn lines_that_were_left_out_or_added_are_noticed() {
        let saved = |key: &str| Saved {
            namespace: Namespace::new("keys"),
            key: key.into(),
            value: "1".into(),
            lease_ms: None,
        };
        let text = String::from_utf8(written(&[saved("a"), saved("b")])).unwrap();
        let mut lines: Vec<_> = text.lines().collect();
        let last = lines.pop().unwrap();
        for changed in [
            vec![lines[0], lines[1], last],
            vec![lines[0], lines[2], lines[1], last],
            vec![lines[0], lines[1], lines[2], last, last],
        ] {
            let changed = changed.join("\n") + "\n";
            assert!(read(&mut changed.as_bytes()).is_err(), "{changed}");
        }
    }
}
