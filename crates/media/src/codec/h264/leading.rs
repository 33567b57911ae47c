//! What stands in a frame before its first slice.

use super::{
    sei,
    units::{NAL_IDR, NAL_SEI, NAL_SLICE, NAL_SPS, PrefixedUnits, unit_type},
};

/// How many units are looked at before a slice: a delimiter, SEI, and as many parameter sets as there may be (31 and 255).
pub(super) const MAX_LEADING_UNITS: usize = 512;

/// The units of a frame up to its first slice.
#[derive(Debug, Default)]
pub(in crate::codec) struct Leading<'a> {
    /// Whether a recovery point says that all from this picture on is right.
    pub(super) recovers: bool,
    /// The last sequence parameter set, with its header.
    pub(in crate::codec) sps: Option<&'a [u8]>,
    /// The first slice, with its header; `None` where none is found.
    pub(in crate::codec) slice: Option<&'a [u8]>,
    /// How many units were looked at, with that of the slice.
    pub(in crate::codec) units: u64,
}

impl<'a> Leading<'a> {
    /// Reads a frame whose units have four-byte lengths, up to where it is damaged.
    pub(in crate::codec) fn of(frame: &'a [u8]) -> Self {
        let mut leading = Self::default();
        for unit in PrefixedUnits::new(frame, 4).take(MAX_LEADING_UNITS).map_while(Result::ok) {
            leading.units += 1;
            match unit_type(unit) {
                Some(NAL_SLICE..=NAL_IDR) => {
                    leading.slice = Some(unit);
                    break;
                }
                Some(NAL_SEI) => leading.recovers |= sei::recovers_at_once(unit),
                Some(NAL_SPS) => leading.sps = Some(unit),
                _ => {}
            }
        }
        leading
    }

    /// Whether it was given up before a slice.
    pub(in crate::codec) fn is_cut(&self) -> bool {
        self.slice.is_none() && self.units == MAX_LEADING_UNITS as u64
    }
}
