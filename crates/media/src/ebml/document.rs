//! The start of a WebM document.

use super::{id, write_bytes, write_master, write_uint, write_unknown_size};

/// The EBML header (RFC 8794, section 11.2) of a file of this type: `webm` or `matroska`.
pub(crate) fn write_ebml_header(out: &mut Vec<u8>, doc_type: &str) {
    write_master(out, id::EBML, |out| {
        write_uint(out, id::EBML_VERSION, 1);
        write_uint(out, id::EBML_READ_VERSION, 1);
        write_uint(out, id::EBML_MAX_ID_LENGTH, 4);
        write_uint(out, id::EBML_MAX_SIZE_LENGTH, 8);
        write_bytes(out, id::DOC_TYPE, doc_type.as_bytes());
        write_uint(out, id::DOC_TYPE_VERSION, 4);
        write_uint(out, id::DOC_TYPE_READ_VERSION, 2);
    });
}

/// The start of a Segment that ends with the stream, and its Info (RFC 9559, section 5.1.2).
pub(crate) fn write_segment_start(out: &mut Vec<u8>, timestamp_scale: u64) {
    write_unknown_size(out, id::SEGMENT);
    write_master(out, id::INFO, |out| {
        write_uint(out, id::TIMESTAMP_SCALE, timestamp_scale);
        write_bytes(out, id::MUXING_APP, b"undead");
        write_bytes(out, id::WRITING_APP, b"undead");
    });
}
