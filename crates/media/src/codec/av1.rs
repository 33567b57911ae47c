//! AV1 bitstreams (*AV1 Bitstream & Decoding Process Specification*, and *AV1 Codec ISO Media File Format Binding*, here
//! "AV1 in ISOBMFF").

/// `av01.P.LLT.DD` (AV1 in ISOBMFF, section 5) from an `av1C` (section 2.3.3): profile, level, tier, bits per sample.
pub(crate) fn codec_string(av1c: &[u8]) -> Option<String> {
    let &[_, level, shape, ..] = av1c else { return None };
    let (profile, level, tier) = (level >> 5, level & 0x1f, if shape & 0x80 == 0 { 'M' } else { 'H' });
    let bits = match (shape & 0x40 != 0, shape & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Some(format!("av01.{profile}.{level:02}{tier}.{bits:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codec_string_names_profile_level_tier_and_depth() {
        assert_eq!(codec_string(&[0x81, 0x09, 0x0c, 0x00]).as_deref(), Some("av01.0.09M.08"));
        assert_eq!(codec_string(&[0x81, 0x28, 0xc0, 0x00]).as_deref(), Some("av01.1.08H.10"));
        assert_eq!(codec_string(&[0x81]), None);
    }
}
