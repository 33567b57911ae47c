//! Reads a bitstream bit by bit, highest bit of each byte first.

/// How many bits of eight bytes there are at least from any bit of the first one on.
const WINDOW_BITS: u32 = 57;

/// What is left of some bytes; every read is checked.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    /// The next bit; `None` at the end.
    pub(super) fn bit(&mut self) -> Option<bool> {
        let byte = self.data.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// A number of `count` bits, at most 64.
    pub(super) fn number(&mut self, count: u32) -> Option<u64> {
        if let (1..=WINDOW_BITS, Some(window)) = (count, self.window()) {
            self.position += count as usize;
            return Some(window >> (u64::BITS - count));
        }
        let (mut value, mut left) = (0, count as usize);
        while left > 0 {
            let (byte, read) = (self.data.get(self.position / 8)?, self.position % 8);
            let taken = left.min(8 - read);
            value = value << taken | u64::from(byte << read >> (8 - taken));
            self.position += taken;
            left -= taken;
        }
        Some(value)
    }

    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        self.position = self.position.checked_add(count)?;
        (self.position <= self.data.len() * 8).then_some(())
    }

    /// An unsigned Exp-Golomb number (ITU-T H.264, section 9.1) of under 32 bits.
    pub(super) fn exp_golomb(&mut self) -> Option<u32> {
        if let Some(window) = self.window()
            && let length = 2 * window.leading_zeros() + 1
            && length <= WINDOW_BITS
        {
            self.position += length as usize;
            return Some((window >> (u64::BITS - length)) as u32 - 1);
        }
        self.exp_golomb_by_bits()
    }

    /// The next bits, of which [`WINDOW_BITS`] count, highest first; `None` near the end.
    fn window(&self) -> Option<u64> {
        let &eight = self.data.get(self.position / 8..)?.first_chunk()?;
        Some(u64::from_be_bytes(eight) << (self.position % 8))
    }

    fn exp_golomb_by_bits(&mut self) -> Option<u32> {
        let mut leading_zeros = 0;
        while !self.bit()? {
            leading_zeros += 1;
            if leading_zeros > 31 {
                return None;
            }
        }
        let value = 1_u64 << leading_zeros | self.number(leading_zeros)?;
        u32::try_from(value - 1).ok()
    }

    /// A signed Exp-Golomb number (section 9.1.1).
    pub(super) fn signed_exp_golomb(&mut self) -> Option<i64> {
        let code = i64::from(self.exp_golomb()?);
        Some(if code % 2 == 1 { (code + 1) / 2 } else { -code / 2 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_count_up() {
        // 1, 010, 011, 00100, 00101: section 9.1, table 9-1.
        let data = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut bits = Bits::new(&data);
        let numbers: Vec<u32> = (0..5).map(|_| bits.exp_golomb().unwrap()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn exp_golomb_codes_are_read_alike_wherever_they_begin() {
        for start in 0..8 {
            for zeros in 0..=31_u32 {
                let (value, length) = (1_u128 << zeros | 0x2aaa_aaaa & ((1 << zeros) - 1), 2 * zeros + 1);
                let data = (value << (128 - start - length)).to_be_bytes();
                for end in [16, (start + length).div_ceil(8) as usize] {
                    let mut bits = Bits::new(&data[..end]);
                    bits.skip(start as usize).unwrap();
                    assert_eq!(bits.exp_golomb(), Some((value - 1) as u32), "{zeros} zeros from {start}");
                    assert_eq!(bits.position as u32, start + length);
                }
            }
        }
    }

    #[test]
    fn numbers_of_any_length_begin_at_any_bit() {
        let data: [u8; 9] = [0x5a, 0xc3, 0x0f, 0x96, 0xe1, 0x78, 0x24, 0xbd, 0x6b];
        let whole = data.iter().fold(0_u128, |whole, &byte| whole << 8 | u128::from(byte));
        for start in 0..8 {
            for count in 0..=64 {
                let mut bits = Bits::new(&data);
                bits.skip(start).unwrap();
                let expected = whole >> (72 - start - count) & ((1 << count) - 1);
                assert_eq!(bits.number(count as u32).map(u128::from), Some(expected), "{count} from {start}");
                assert_eq!(bits.position, start + count);
            }
        }
    }

    #[test]
    fn the_end_and_numbers_out_of_range_are_refused() {
        assert_eq!(Bits::new(&[0, 0, 0, 0, 0xff]).exp_golomb(), None);
        assert_eq!(Bits::new(&[0]).exp_golomb(), None);
        assert_eq!(Bits::new(&[0xff]).number(9), None);
        assert_eq!(Bits::new(&[0xff]).skip(9), None);
        let mut bits = Bits::new(&[0b1100_0001]);
        assert_eq!(
            (bits.number(3), bits.skip(4), bits.bit(), bits.bit()),
            (Some(6), Some(()), Some(true), None)
        );
    }
}
