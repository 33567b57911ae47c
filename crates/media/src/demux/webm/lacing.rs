//! Several frames in one block (RFC 9559, section 10.3).

use bytes::{Buf, Bytes};

use crate::{
    Error,
    ebml::{self, malformed},
};

/// How a block encodes the sizes of its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lacing {
    /// As bytes that add up, of which only the last is not 255.
    Xiph,
    /// All frames are equally large.
    FixedSize,
    /// As variable-size integers, each the difference to the one before.
    Ebml,
}

impl Lacing {
    /// The lacing in a block's flags; `None` for a block of one frame.
    pub(super) fn of(flags: u8) -> Option<Self> {
        match flags >> 1 & 3 {
            0 => None,
            1 => Some(Self::Xiph),
            2 => Some(Self::FixedSize),
            _ => Some(Self::Ebml),
        }
    }
}

/// The frames of a laced block, of which header and flags were taken off: at most 256, each of which took a byte at least.
pub(super) fn frames(lacing: Lacing, mut block: Bytes) -> Result<Vec<Bytes>, Error> {
    if block.is_empty() {
        return Ok(Vec::new());
    }
    let count = usize::from(block.get_u8()) + 1;
    let sizes = match lacing {
        Lacing::Xiph => xiph_sizes(&mut block, count)?,
        Lacing::Ebml => ebml_sizes(&mut block, count)?,
        Lacing::FixedSize => {
            if block.len() < count {
                return Ok(Vec::new());
            }
            if !block.len().is_multiple_of(count) {
                return Err(malformed("laced frames of unequal size"));
            }
            vec![block.len() / count; count - 1]
        }
    };
    let mut frames = Vec::with_capacity(count);
    for size in sizes {
        if size > block.len() {
            return Err(malformed("a laced frame that reaches out of its block"));
        }
        frames.push(block.split_to(size));
    }
    frames.push(block);
    Ok(frames)
}

/// The sizes of all frames but the last.
fn xiph_sizes(block: &mut Bytes, count: usize) -> Result<Vec<usize>, Error> {
    let mut sizes = Vec::with_capacity(count);
    for _ in 1..count {
        let mut size = 0_usize;
        loop {
            let byte = block.try_get_u8().map_err(|_| malformed("laced sizes cut short"))?;
            size = size.saturating_add(byte.into());
            if byte != 0xff {
                break;
            }
        }
        sizes.push(size);
    }
    Ok(sizes)
}

/// The sizes of all frames but the last: the first as it is, the others by their difference to the one before, as a
/// variable-size integer from whose middle it counts.
fn ebml_sizes(block: &mut Bytes, count: usize) -> Result<Vec<usize>, Error> {
    let mut sizes: Vec<usize> = Vec::with_capacity(count);
    for _ in 1..count {
        let (marked, len) = ebml::vint(block, 8)?.ok_or_else(|| malformed("laced sizes cut short"))?;
        block.advance(len);
        let value = (marked & !(1 << (7 * len))) as i64;
        let size = match sizes.last() {
            None => value,
            Some(&before) => before as i64 + value - ((1 << (7 * len - 1)) - 1),
        };
        let size = usize::try_from(size).ok().filter(|&size| size <= block.len());
        sizes.push(size.ok_or_else(|| malformed("a laced size out of range"))?);
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lacing: Lacing, block: &[u8]) -> Result<Vec<Bytes>, Error> {
        frames(lacing, Bytes::copy_from_slice(block))
    }

    fn sizes(lacing: Lacing, block: &[u8]) -> Vec<usize> {
        read(lacing, block).unwrap().iter().map(Bytes::len).collect()
    }

    #[test]
    fn every_lacing_is_read() {
        // The example of RFC 9559, section 10.3: frames of 800, 500 and 1000 bytes.
        let data = vec![7; 2300];
        let xiph = [&[2, 0xff, 0xff, 0xff, 35, 0xff, 245][..], &data].concat();
        assert_eq!(sizes(Lacing::Xiph, &xiph), [800, 500, 1000]);
        let ebml = [&[2, 0x43, 0x20, 0x5e, 0xd3][..], &data].concat();
        assert_eq!(sizes(Lacing::Ebml, &ebml), [800, 500, 1000]);
        let fixed = [&[2][..], &data[..2100]].concat();
        assert_eq!(sizes(Lacing::FixedSize, &fixed), [700, 700, 700]);
        assert_eq!(sizes(Lacing::Xiph, &[0, 1, 2, 3]), [3], "one frame");
    }

    #[test]
    fn frames_take_a_byte_at_least() {
        assert!(sizes(Lacing::FixedSize, &[255]).is_empty());
        assert!(sizes(Lacing::FixedSize, &[255, 1]).is_empty());
        assert_eq!(sizes(Lacing::Xiph, &[1, 0]), [0, 0]);
    }

    #[test]
    fn broken_lacing_is_refused() {
        for (lacing, block) in [
            (Lacing::Xiph, &[1, 0xff][..]),
            (Lacing::Xiph, &[1, 9, 0]),
            (Lacing::FixedSize, &[1, 0, 0, 0]),
            (Lacing::Ebml, &[1]),
            (Lacing::Ebml, &[1, 0x89, 0]),
            (Lacing::Ebml, &[2, 0x81, 0x80, 0, 0]),
        ] {
            assert!(read(lacing, block).is_err(), "{lacing:?} {block:?}");
        }
    }
}
