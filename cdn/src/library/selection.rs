//! Which part of a representation a request asks for (RFC 9110, sections 13 and 14): conditions first, then one range.
//!
//! Several ranges in one request are answered with the whole, as the RFC permits: no player asks for them, and each would cost a
//! part header of its own.

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, header};

/// What to answer with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// 304: the client has it.
    NotModified,
    /// 200.
    Whole,
    /// 206: these bytes, at least one.
    Part(Range<u64>),
    /// 416: the representation ends before the range begins.
    Unsatisfiable,
}

/// What a GET or HEAD with these `headers` asks for, of `bytes` bytes whose entity tag is `etag`, with its quotes.
pub(super) fn select(headers: &HeaderMap, etag: &str, bytes: u64) -> Selection {
    if is_known(headers, etag) {
        return Selection::NotModified;
    }
    let is_current = text(headers, &header::IF_RANGE).is_none_or(|known| known.trim() == etag);
    match text(headers, &header::RANGE).filter(|_| is_current).and_then(Asked::parse) {
        Some(asked) => asked.within(bytes),
        None => Selection::Whole,
    }
}

/// Whether `If-None-Match` names `etag`. Entity tags contain no commas here.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = known.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A single range as it is written.
enum Asked {
    From(u64),
    Between(u64, u64),
    Last(u64),
}

impl Asked {
    /// None for another unit, several ranges, and what is no range: the header is ignored then.
    fn parse(header: &str) -> Option<Self> {
        let (unit, range) = header.split_once('=')?;
        let (first, last) = range.trim().split_once('-')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        match (first.trim(), last.trim()) {
            ("", last) => Some(Self::Last(number(last)?)),
            (first, "") => Some(Self::From(number(first)?)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    fn within(self, bytes: u64) -> Selection {
        let part = match self {
            Self::From(first) => first..bytes,
            Self::Between(first, last) => first..last.saturating_add(1).min(bytes),
            Self::Last(count) => bytes.saturating_sub(count)..bytes,
        };
        if part.start < part.end { Selection::Part(part) } else { Selection::Unsatisfiable }
    }
}

/// A number of digits alone. One past what fits is past every end.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: &str = "\"a\"";

    fn selected(fields: &[(HeaderName, &str)]) -> Selection {
        let headers = fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        select(&headers, ETAG, 100)
    }

    #[test]
    fn a_single_range_is_cut_to_what_there_is() {
        for (range, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=10-19", 10..20),
            ("Bytes = 10 - 19", 10..20),
            ("bytes=90-", 90..100),
            ("bytes=90-200", 90..100),
            ("bytes=90-99999999999999999999999", 90..100),
            ("bytes=-10", 90..100),
            ("bytes=-1000", 0..100),
        ] {
            assert_eq!(selected(&[(header::RANGE, range)]), Selection::Part(part), "{range}");
        }
    }

    #[test]
    fn a_range_past_the_end_is_unsatisfiable_and_what_is_no_range_is_ignored() {
        for range in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(selected(&[(header::RANGE, range)]), Selection::Unsatisfiable, "{range}");
        }
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=2-1",
            "items=0-1",
            "bytes=0-1,3-4",
        ] {
            assert_eq!(selected(&[(header::RANGE, range)]), Selection::Whole, "{range}");
        }
    }

    #[test]
    fn an_empty_representation_has_no_part() {
        let range = [(header::RANGE, "bytes=0-".parse().unwrap())].into_iter().collect();
        assert_eq!(select(&range, ETAG, 0), Selection::Unsatisfiable);
    }

    #[test]
    fn a_range_counts_only_while_the_entity_tag_is_that_of_if_range() {
        let with = |tag| selected(&[(header::RANGE, "bytes=1-1"), (header::IF_RANGE, tag)]);
        assert_eq!(with(ETAG), Selection::Part(1..2));
        for other in ["\"b\"", "W/\"a\"", "Tue, 15 Nov 1994 12:45:26 GMT"] {
            assert_eq!(with(other), Selection::Whole, "{other}");
        }
    }

    #[test]
    fn a_known_entity_tag_comes_before_the_range() {
        for known in [ETAG, "*", "W/\"a\"", "\"b\", \"a\""] {
            let fields = [(header::IF_NONE_MATCH, known), (header::RANGE, "bytes=1-1")];
            assert_eq!(selected(&fields), Selection::NotModified, "{known}");
        }
        assert_eq!(selected(&[(header::IF_NONE_MATCH, "\"b\"")]), Selection::Whole);
    }
}
