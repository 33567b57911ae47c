//! Sample tables (ISO 14496-12, sections 8.6 and 8.7), read from where they are: nothing is expanded, and each sample costs a step
//! in every table.

use bytes::Bytes;
use media::boxes::{Fields, Kind, expect, find};

use crate::Error;

/// A sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Where its bytes are in the file.
    pub(super) at: u64,
    pub(super) bytes: u32,
    /// When it is decoded and when it is shown, in ticks.
    pub(super) decoded: i64,
    pub(super) shown: i64,
    /// Ticks to the next one.
    pub(super) duration: u32,
}

/// The samples of a track, in the order of decoding.
#[derive(Debug)]
pub(super) struct Samples {
    durations: Runs,
    offsets: Option<Runs>,
    sizes: Sizes,
    chunks: Chunks,
    decoded: i64,
}

impl Samples {
    /// The samples that `stbl`, a part of `moov`, tells of a file of so many bytes.
    pub(super) fn new(moov: &Bytes, stbl: &[u8], file_bytes: u64) -> Result<Self, Error> {
        let table = |kind| Table::of(moov, expect(stbl, kind)?, 8);
        let offsets = find(stbl, b"ctts")?.map(|ctts| Table::of(moov, ctts, 8)).transpose()?;
        Ok(Self {
            durations: Runs::new(table(b"stts")?),
            offsets: offsets.map(Runs::new),
            sizes: Sizes::new(moov, stbl, file_bytes)?,
            chunks: Chunks::new(moov, stbl)?,
            decoded: 0,
        })
    }
}

/// Ends where one of the tables does.
impl Iterator for Samples {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        let bytes = self.sizes.next()?;
        let duration = self.durations.next()?;
        // Unsigned in version 0, but no offset is as large as to tell the difference.
        let offset = self.offsets.as_mut().and_then(Runs::next).unwrap_or(0) as i32;
        let at = self.chunks.next(bytes)?;
        let decoded = self.decoded;
        self.decoded = decoded.checked_add(duration.into())?;
        Some(Sample { at, bytes, decoded, shown: decoded.checked_add(offset.into())?, duration })
    }
}

/// Entries of equal size behind a count.
#[derive(Debug)]
struct Table {
    entries: Bytes,
    entry_bytes: usize,
}

impl Table {
    /// Those of a full box with a count in front; as many as there really are.
    fn of(moov: &Bytes, payload: &[u8], entry_bytes: usize) -> Result<Self, Error> {
        let (_, _, mut fields) = Fields::full(payload)?;
        let count = fields.u32()?;
        Ok(Self::counted(moov, fields.rest(), count, entry_bytes))
    }

    fn counted(moov: &Bytes, rest: &[u8], count: u32, entry_bytes: usize) -> Self {
        let bytes = (count as usize).saturating_mul(entry_bytes).min(rest.len());
        Self { entries: moov.slice_ref(&rest[..bytes]), entry_bytes }
    }

    fn len(&self) -> usize {
        self.entries.len() / self.entry_bytes
    }

    /// The number at `field` bytes into entry `index`.
    fn u32(&self, index: usize, field: usize) -> Option<u32> {
        let at = index.checked_mul(self.entry_bytes)?.checked_add(field)?;
        Some(u32::from_be_bytes(*self.entries.get(at..)?.first_chunk()?))
    }

    fn u64(&self, index: usize) -> Option<u64> {
        let at = index.checked_mul(self.entry_bytes)?;
        Some(u64::from_be_bytes(*self.entries.get(at..)?.first_chunk()?))
    }
}

/// Values that are the same for a number of samples (`stts`, `ctts`).
#[derive(Debug)]
struct Runs {
    table: Table,
    index: usize,
    /// How many samples of entry `index` there were.
    used: u32,
}

impl Runs {
    fn new(table: Table) -> Self {
        Self { table, index: 0, used: 0 }
    }

    fn next(&mut self) -> Option<u32> {
        while self.table.u32(self.index, 0)? <= self.used {
            (self.index, self.used) = (self.index + 1, 0);
        }
        self.used += 1;
        self.table.u32(self.index, 4)
    }
}

/// `stsz` and `stz2` (section 8.7.3).
#[derive(Debug)]
enum Sizes {
    Same {
        bytes: u32,
        left: u32,
    },
    Told {
        table: Table,
        index: usize,
    },
    /// Of 4 or 8 bits.
    Small {
        table: Table,
        bits: u8,
        index: u32,
        count: u32,
    },
}

impl Sizes {
    fn new(moov: &Bytes, stbl: &[u8], file_bytes: u64) -> Result<Self, Error> {
        if let Some(stz2) = find(stbl, b"stz2")? {
            return Self::compact(moov, stz2);
        }
        let (_, _, mut fields) = Fields::full(expect(stbl, b"stsz")?)?;
        let (bytes, count) = (fields.u32()?, fields.u32()?);
        Ok(match bytes {
            0 => Self::Told { table: Table::counted(moov, fields.rest(), count, 4), index: 0 },
            bytes => {
                // Such samples take no bytes in the table.
                let most = file_bytes / u64::from(bytes);
                Self::Same { bytes, left: u64::from(count).min(most) as u32 }
            }
        })
    }

    fn compact(moov: &Bytes, stz2: &[u8]) -> Result<Self, Error> {
        let (_, _, mut fields) = Fields::full(stz2)?;
        let (bits, count) = (fields.u32()? as u8, fields.u32()?);
        match bits {
            16 => Ok(Self::Small {
                table: Table::counted(moov, fields.rest(), count, 2),
                bits,
                index: 0,
                count,
            }),
            4 | 8 => Ok(Self::Small {
                table: Table::counted(moov, fields.rest(), count, 1),
                bits,
                index: 0,
                count,
            }),
            _ => Err(Error::Damaged(format!("sample sizes of {bits} bits"))),
        }
    }

    fn next(&mut self) -> Option<u32> {
        match self {
            Self::Same { bytes, left } => {
                *left = left.checked_sub(1)?;
                Some(*bytes)
            }
            Self::Told { table, index } => {
                *index += 1;
                table.u32(*index - 1, 0)
            }
            Self::Small { table, bits, index, count } => {
                let at = *index;
                *index = at.checked_add(1).filter(|_| at < *count)?;
                let byte = |at: u32| table.entries.get(at as usize).map(|&byte| u32::from(byte));
                match *bits {
                    4 => byte(at / 2).map(|pair| if at % 2 == 0 { pair >> 4 } else { pair & 15 }),
                    8 => byte(at),
                    _ => Some(byte(at.checked_mul(2)?)? << 8 | byte(at.checked_mul(2)? + 1)?),
                }
            }
        }
    }
}

/// Where samples are: `stco` or `co64` (section 8.7.5), and how many each chunk has: `stsc` (section 8.7.4).
#[derive(Debug)]
struct Chunks {
    places: Table,
    samples: Table,
    /// Entry of `samples` that holds for the current chunk.
    entry: usize,
    /// Index of the current chunk, and where its next sample is.
    chunk: usize,
    at: u64,
    /// How many samples it still has.
    left: u32,
    /// Whether `chunk` is the first one still to come.
    is_before: bool,
}

impl Chunks {
    fn new(moov: &Bytes, stbl: &[u8]) -> Result<Self, Error> {
        let places = match find(stbl, b"co64")? {
            Some(co64) => Table::of(moov, co64, 8)?,
            None => Table::of(moov, expect(stbl, b"stco")?, 4)?,
        };
        let samples = Table::of(moov, expect(stbl, b"stsc")?, 12)?;
        Ok(Self { places, samples, entry: 0, chunk: 0, at: 0, left: 0, is_before: true })
    }

    /// Where the next sample is, which has so many bytes.
    fn next(&mut self, bytes: u32) -> Option<u64> {
        while self.left == 0 {
            if !self.is_before {
                self.chunk += 1;
            }
            self.is_before = false;
            self.begin()?;
        }
        self.left -= 1;
        let at = self.at;
        self.at = at.checked_add(bytes.into())?;
        Some(at)
    }

    fn begin(&mut self) -> Option<()> {
        self.at = match self.places.entry_bytes {
            8 => self.places.u64(self.chunk)?,
            _ => self.places.u32(self.chunk, 0)?.into(),
        };
        // Chunks are counted from 1 there.
        let number = u32::try_from(self.chunk).ok()?.checked_add(1)?;
        while self.entry + 1 < self.samples.len() && self.samples.u32(self.entry + 1, 0)? <= number {
            self.entry += 1;
        }
        self.left = self.samples.u32(self.entry, 4)?;
        Some(())
    }
}

/// The `stbl` of a track.
pub(super) fn of_track(trak: &[u8]) -> Result<&[u8], Error> {
    const PATH: [&Kind; 3] = [b"mdia", b"minf", b"stbl"];
    PATH.iter().try_fold(trak, |payload, kind| Ok(expect(payload, kind)?))
}
