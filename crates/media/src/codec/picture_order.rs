//! What is known of the order of a track's pictures, and how H.264 numbers them (ITU-T H.264, section 7.3.3).

/// The order of pictures in a track's configuration. Reading it costs as much as the configuration is long, so
/// it is kept between packets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PictureOrder {
    /// How many pictures may be decoded before one that is shown earlier, where it says so.
    pub(crate) reordered: Option<usize>,
    /// How the headers of H.264 slices are read, where that is known.
    pub(super) sequence: Option<Sequence>,
}

/// The fields of a sequence parameter set about slice headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    /// `seq_parameter_set_id`: 0 to 31.
    pub(super) id: u32,
    /// Bits of `frame_num`: 4 to 16.
    pub(super) number_bits: u32,
    /// Bits of `pic_order_cnt_lsb`: 4 to 16, or 0 where pictures are shown in the order of decoding.
    pub(super) order_bits: u32,
    /// Of a picture.
    pub(super) macroblocks: u32,
}

/// The most macroblocks of a picture (annex A).
const MAX_MACROBLOCKS: u32 = 139_264;

impl Sequence {
    pub(super) fn checked(self) -> Option<Self> {
        let Self { id, number_bits, order_bits, macroblocks } = self;
        let is_order = order_bits == 0 || (4..=16).contains(&order_bits);
        let is_whole = id < 32 && (4..=16).contains(&number_bits) && is_order;
        (is_whole && (1..=MAX_MACROBLOCKS).contains(&macroblocks)).then_some(self)
    }

    /// `frame_num` after that of a reference picture.
    pub(super) fn next_number(self, number: u32) -> u32 {
        (number + 1) & mask(self.number_bits)
    }

    /// From one `frame_num` to a later one.
    pub(super) fn distance(self, from: u32, to: u32) -> u32 {
        to.wrapping_sub(from) & mask(self.number_bits)
    }

    /// Whether a picture with this `pic_order_cnt_lsb` is shown after one with the other.
    pub(super) fn is_later(self, order: u32, than: u32) -> bool {
        let later = order.wrapping_sub(than) & mask(self.order_bits);
        self.order_bits == 0 || (later > 0 && later <= mask(self.order_bits) / 2)
    }

    /// As a number, for [`Self::of_number`].
    pub(super) fn number(self) -> u64 {
        let Self { id, number_bits, order_bits, macroblocks } = self;
        u64::from(id | number_bits << 5 | order_bits << 10) | u64::from(macroblocks) << 15
    }

    /// `None` where it is no such number.
    pub(super) fn of_number(number: u64) -> Option<Self> {
        let field = |shift: u32| (number >> shift) as u32 & 31;
        let macroblocks = u32::try_from(number >> 15).ok()?;
        Self { id: field(0), number_bits: field(5), order_bits: field(10), macroblocks }.checked()
    }
}

/// The lowest bits.
fn mask(bits: u32) -> u32 {
    (1 << bits) - 1
}
