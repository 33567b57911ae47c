//! The slots in which decoders of VP9 and AV1 keep pictures.

/// The first of the slots that `refresh_frame_flags` names.
pub(super) fn first_slot(kept: u8) -> Option<u8> {
    (kept != 0).then(|| kept.trailing_zeros() as u8)
}
