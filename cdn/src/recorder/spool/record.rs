//! The records that a file of the spool consists of.
//!
//! ```text
//! file    magic, head, run, run, … , end
//! record  length (u32) of what follows the checksum │ CRC-32 (u32) of that │ kind (u8), body
//! ```
//!
//! The end has an index of the groups, and its own length in its last four bytes: a finished file is known from its first record and
//! its last one, without its media. Numbers are big-endian. A record that was not written whole, or was damaged since, has a wrong checksum; the file ends before it.

use std::io::{self, Read, Seek, SeekFrom};

use bytes::{Buf, BufMut, Bytes};
use protocol::{
    ItemId, StreamId,
    event::{ChunkHead, FrameName},
    message::MAX_CHUNK_BYTES,
};
use serde::{Deserialize, Serialize};

use super::super::{fragments::Group, groups::Finish};

/// What a file begins with. Another layout gets another number.
pub(super) const MAGIC: [u8; 8] = *b"undspl02";
/// Length and checksum.
const PREFIX_BYTES: usize = 8;
/// Most bytes of a record that is read: a chunk, and what is told about it.
const MOST_RECORD_BYTES: usize = MAX_CHUNK_BYTES + (1 << 20);
/// Bytes of what is told about a run, behind the kind.
const RUN_HEAD_BYTES: usize = 48;
/// Length of a record, at its end.
const LENGTH_BYTES: usize = 4;
/// Most bytes of a file's end that are read.
const MOST_END_BYTES: u32 = 4 << 20;
/// A capture time that is not known.
const UNKNOWN: i64 = i64::MIN;

const HEAD: u8 = 1;
const RUN: u8 = 2;
const END: u8 = 3;

/// What a file is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileHead {
    pub(super) item_id: ItemId,
    pub(super) stream_id: StreamId,
    pub(super) take: u64,
    pub(super) mime: String,
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// The first one, with the take's init segment.
    Head(FileHead, Bytes),
    /// A run as a chunk.
    Run(ChunkHead, Bytes),
    /// The last one.
    End(Ending),
}

/// The end of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ending {
    pub(super) finish: Finish,
    pub(super) groups: Vec<Group>,
}

/// The first record.
pub(super) fn encode_head(head: &FileHead, init: &[u8]) -> Vec<u8> {
    let json = json(head);
    encode(HEAD, &[&(json.len() as u32).to_be_bytes(), &json, init])
}

/// A run as a chunk.
pub(super) fn encode_run(head: &ChunkHead, data: &[u8]) -> Vec<u8> {
    let mut about = Vec::with_capacity(RUN_HEAD_BYTES);
    about.put_u64(head.name.take);
    about.put_u64(head.name.group);
    about.put_u32(head.name.index);
    about.put_u32(head.frames);
    about.put_u64(head.pts_ms);
    about.put_u64(head.duration_ms);
    about.put_i64(head.captured_at_ms.unwrap_or(UNKNOWN));
    encode(RUN, &[&about, data])
}

/// The last record.
pub(super) fn encode_end(finish: Finish, groups: &[Group]) -> Vec<u8> {
    let json = json(&Ending { finish, groups: groups.to_vec() });
    let bytes = PREFIX_BYTES + 1 + json.len() + LENGTH_BYTES;
    encode(END, &[&json, &(bytes as u32).to_be_bytes()])
}

/// The last record of a file of so many bytes, and where it begins; none if the file is not finished, or damaged there.
///
/// # Errors
/// Those of reading.
pub(super) fn read_end(file: &mut (impl Read + Seek), file_bytes: u64) -> io::Result<Option<(Ending, u64)>> {
    let Some(at) = file_bytes.checked_sub(LENGTH_BYTES as u64) else { return Ok(None) };
    let mut length = [0; LENGTH_BYTES];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    let Some(begin) = file_bytes.checked_sub(u64::from(length)).filter(|_| length <= MOST_END_BYTES) else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(begin))?;
    Ok(match read(&mut io::BufReader::new(file))? {
        Some((Record::End(ending), bytes)) if bytes == u64::from(length) => Some((ending, begin)),
        _ => None,
    })
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("numbers, texts and booleans can be written")
}

fn encode(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let bytes = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(PREFIX_BYTES + bytes);
    // No record is longer than MOST_RECORD_BYTES.
    out.put_u32(bytes as u32);
    out.put_u32(0);
    out.put_u8(kind);
    parts.iter().for_each(|part| out.put_slice(part));
    let checksum = crc32fast::hash(&out[PREFIX_BYTES..]);
    out[4..PREFIX_BYTES].copy_from_slice(&checksum.to_be_bytes());
    out
}

/// The next record, and the bytes that it takes; none at the end of the input, or where it is torn or damaged.
///
/// # Errors
/// Those of reading, other than the end of the input.
pub(super) fn read(input: &mut impl Read) -> io::Result<Option<(Record, u64)>> {
    let mut prefix = [0; PREFIX_BYTES];
    if !fill(input, &mut prefix)? {
        return Ok(None);
    }
    let (bytes, checksum) = ((&prefix[..4]).get_u32() as usize, (&prefix[4..]).get_u32());
    if bytes == 0 || bytes > MOST_RECORD_BYTES {
        return Ok(None);
    }
    // The length may be wrong, so memory grows with what is there.
    let mut body = Vec::new();
    input.by_ref().take(bytes as u64).read_to_end(&mut body)?;
    if body.len() < bytes || crc32fast::hash(&body) != checksum {
        return Ok(None);
    }
    let record = parse(Bytes::from(body));
    Ok(record.map(|record| (record, (PREFIX_BYTES + bytes) as u64)))
}

/// Fills `buffer`; false at the end of the input.
///
/// # Errors
/// Those of reading, other than the end of the input.
pub(super) fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn parse(mut body: Bytes) -> Option<Record> {
    match body.try_get_u8().ok()? {
        HEAD => {
            let json_bytes = body.try_get_u32().ok()? as usize;
            let head = serde_json::from_slice(body.get(..json_bytes)?).ok()?;
            Some(Record::Head(head, body.slice(json_bytes..)))
        }
        RUN if body.len() >= RUN_HEAD_BYTES => {
            let name = FrameName { take: body.get_u64(), group: body.get_u64(), index: body.get_u32() };
            let frames = body.get_u32();
            let (pts_ms, duration_ms) = (body.get_u64(), body.get_u64());
            let captured_at_ms = Some(body.get_i64()).filter(|at_ms| *at_ms != UNKNOWN);
            let key = name.index == 0;
            Some(Record::Run(ChunkHead { name, frames, key, pts_ms, duration_ms, captured_at_ms }, body))
        }
        END => {
            let json = body.get(..body.len().checked_sub(LENGTH_BYTES)?)?;
            serde_json::from_slice(json).ok().map(Record::End)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a file, and their bytes.
    fn file() -> ([Record; 4], [Vec<u8>; 4]) {
        let item_id = ItemId::from_bytes([7; 16]);
        let head = FileHead { item_id, stream_id: StreamId::new("a", 1), take: 3, mime: "video/webm".into() };
        let run = |index, captured_at_ms| ChunkHead {
            name: FrameName { take: 3, group: 4, index },
            frames: 5,
            key: index == 0,
            pts_ms: 6000,
            duration_ms: 70,
            captured_at_ms,
        };
        let (first, second) = (run(0, Some(-8)), run(5, None));
        let finish = Finish { whole: true, ends_take: false, end_ms: 9000 };
        let group = Group { number: 4, start_ms: 6000, captured_at_ms: None, bytes: 4, extent: 1..9 };
        let end = Ending { finish, groups: vec![group] };
        let bytes = [
            encode_head(&head, b"init"),
            encode_run(&first, b"data"),
            encode_run(&second, b""),
            encode_end(finish, &end.groups),
        ];
        let records = [
            Record::Head(head, Bytes::from_static(b"init")),
            Record::Run(first, Bytes::from_static(b"data")),
            Record::Run(second, Bytes::new()),
            Record::End(end),
        ];
        (records, bytes)
    }

    fn read_all(mut bytes: &[u8]) -> Vec<Record> {
        std::iter::from_fn(|| read(&mut bytes).unwrap().map(|(record, _)| record)).collect()
    }

    #[test]
    fn records_read_back_as_written() {
        let (records, bytes) = file();
        assert_eq!(read_all(&bytes.concat()), records);
    }

    #[test]
    fn the_end_is_read_without_what_is_before_it() {
        let (records, bytes) = file();
        let whole = bytes.concat();
        let end = |bytes: &[u8]| read_end(&mut io::Cursor::new(bytes), bytes.len() as u64).unwrap();
        let (ending, begin) = end(&whole).unwrap();
        assert_eq!((Record::End(ending), begin as usize), (records[3].clone(), whole.len() - bytes[3].len()));
        for torn in 0..whole.len() {
            assert_eq!(end(&whole[..torn]), None, "{torn} bytes");
        }
    }

    #[test]
    fn torn_and_damaged_records_end_the_file() {
        let (records, encoded) = file();
        let bytes = encoded.concat();
        let (one, two) = (encoded[0].len(), encoded[0].len() + encoded[1].len());
        for torn in two..two + encoded[2].len() {
            assert_eq!(read_all(&bytes[..torn]), records[..2], "{torn} bytes");
        }
        for at in one..two {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            assert_eq!(read_all(&damaged), records[..1], "byte {at}");
        }
    }
}
