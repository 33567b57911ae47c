//! `Range: bytes=first-last` with both ends (RFC 9110, section 14.1.2), which is what nodes send.

use std::ops::Range;

/// The range that a header asks for; none for a header in another form, which RFC 9110 allows to ignore.
pub(super) fn parse(header: &str) -> Option<Range<u64>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(first) || !is_number(last) {
        return None;
    }
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some(first..last.checked_add(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_has_both_ends() {
        assert_eq!(parse("bytes=0-0"), Some(0..1));
        assert_eq!(parse("bytes=3-10"), Some(3..11));
        let last = format!("bytes=0-{}", u64::MAX);
        for other in ["", "bytes=", "bytes=3-", "bytes=-3", "bytes=4-3", "bytes=0-1,3-4", "bytes=+1-2", &last]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
