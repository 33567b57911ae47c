//! WAV (RIFF, RF64): samples in, frames of FLAC out. Only what FLAC keeps exactly is taken: whole numbers of up to 24 bits, and those of
//! 32 bits, floating point too, that are no more than that.

use media::Rendition;

use crate::{
    Error, Tags,
    flac::{FlacEncoder, FlacShape},
    input::Input,
    source::{Opened, Packet, Source, SourceTrack, samples_us},
};

/// How many chunks are looked at before the samples.
const MAX_CHUNKS: usize = 1000;

/// Samples of a frame.
const BLOCK_SAMPLES: u16 = 4096;

/// What a sample is stored as, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sample {
    /// 8 bits, of which 128 is silence.
    Byte,
    /// 16 bits.
    Short,
    /// 24 bits.
    Triple,
    /// 32 bits, the lowest eight of them 0.
    Long,
    /// Floating point, a multiple of 2⁻²³.
    Float,
}

/// How the samples of a file are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    sample: Sample,
    channels: u16,
    sample_rate: u32,
    /// Where the samples are, and how many of each channel.
    at: u64,
    samples: u64,
    /// Whether the file says that there are more.
    is_cut_short: bool,
}

impl Sample {
    fn bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Short => 2,
            Self::Triple => 3,
            Self::Long | Self::Float => 4,
        }
    }

    /// As FLAC has them.
    fn bits(self) -> u8 {
        match self {
            Self::Byte => 8,
            Self::Short => 16,
            Self::Triple | Self::Long | Self::Float => 24,
        }
    }

    /// The number at the start of `bytes`; `None` where FLAC cannot keep it.
    fn read(self, bytes: &[u8]) -> Option<i32> {
        Some(match (self, bytes) {
            (Self::Byte, &[a, ..]) => i32::from(a) - 128,
            (Self::Short, &[a, b, ..]) => i16::from_le_bytes([a, b]).into(),
            (Self::Triple, &[a, b, c, ..]) => i32::from_le_bytes([0, a, b, c]) >> 8,
            (Self::Long, &[0, b, c, d, ..]) => i32::from_le_bytes([0, b, c, d]) >> 8,
            (Self::Float, &[a, b, c, d, ..]) => {
                let scaled = f32::from_le_bytes([a, b, c, d]) * (1 << 23) as f32;
                let is_exact = scaled.fract() == 0.0 && (-8_388_608.0..=8_388_607.0).contains(&scaled);
                is_exact.then_some(scaled as i32)?
            }
            _ => return None,
        })
    }
}

/// Opens a file.
pub(crate) fn open(mut input: Input) -> Result<Opened, Error> {
    let layout = read_layout(&mut input)?;
    if matches!(layout.sample, Sample::Long | Sample::Float) {
        check_exact(&mut input, layout)?;
    }
    let Layout { sample_rate, channels, samples, .. } = layout;
    let bits = layout.sample.bits();
    let shape = FlacShape { sample_rate, channels, bits, block_samples: block_samples(samples), samples };
    let encoder = FlacEncoder::new(shape)?;
    Ok(Opened {
        tracks: vec![SourceTrack::new(encoder.track())],
        source: Box::new(WavSource { input, layout, shape, encoder, given: 0 }),
        prefers: Rendition::Mp4,
        duration_us: Some(samples_us(samples as i64, sample_rate).unsigned_abs()),
        tags: Tags::default(),
        late_us: 0,
    })
}

/// Finds the format and the samples.
fn read_layout(input: &mut Input) -> Result<Layout, Error> {
    let (mut at, mut format, mut long_bytes) = (12, None, None);
    for _ in 0..MAX_CHUNKS {
        let mut chunk = [0; 8 + 40];
        let read = input.read_at(at, &mut chunk)?;
        let Some((&[k0, k1, k2, k3, s0, s1, s2, s3], body)) = chunk[..read].split_first_chunk() else {
            break;
        };
        let bytes = u64::from(u32::from_le_bytes([s0, s1, s2, s3]));
        match (&[k0, k1, k2, k3], format) {
            (b"fmt ", _) => format = Some(read_format(&body[..body.len().min(bytes as usize)])?),
            (b"ds64", _) => long_bytes = body.get(8..16).and_then(|size| size.first_chunk()).copied(),
            (b"data", Some(format)) => {
                let told = match (bytes, long_bytes) {
                    (0xffff_ffff, Some(long)) => u64::from_le_bytes(long),
                    // Programs that write to a pipe do not know.
                    (0 | 0xffff_ffff, None) => u64::MAX,
                    _ => bytes,
                };
                return with_samples(format, at + 8, told, input.len());
            }
            (b"data", None) => return Err(Error::Damaged("its samples come before their format".into())),
            _ => {}
        }
        at += 8 + bytes + bytes % 2;
    }
    Err(Error::Damaged("it has no samples".into()))
}

/// `fmt `: sample format, channels, and rate.
fn read_format(body: &[u8]) -> Result<(Sample, u16, u32), Error> {
    const INTEGER: u16 = 1;
    const FLOAT: u16 = 3;
    const EXTENSIBLE: u16 = 0xfffe;
    let short = |at: usize| body.get(at..)?.first_chunk().map(|&bytes| u16::from_le_bytes(bytes));
    let long = |at: usize| body.get(at..)?.first_chunk().map(|&bytes| u32::from_le_bytes(bytes));
    let fields = || Some((short(0)?, short(2)?, long(4)?, short(12)?, short(14)?));
    let (mut tag, channels, sample_rate, block_bytes, bits) =
        fields().ok_or_else(|| Error::Damaged("its format is cut short".into()))?;
    if tag == EXTENSIBLE {
        tag = short(24).unwrap_or(0);
    }
    let sample = match (tag, bits) {
        (INTEGER, 1..=8) => Sample::Byte,
        (INTEGER, 9..=16) => Sample::Short,
        (INTEGER, 17..=24) => Sample::Triple,
        (INTEGER, 25..=32) => Sample::Long,
        (FLOAT, 32) => Sample::Float,
        (FLOAT, bits) => return Err(Error::Unsupported(format!("samples in floating point of {bits} bits"))),
        (tag, _) => return Err(Error::Unsupported(format!("WAV with codec {tag:#06x}"))),
    };
    if !(1..=8).contains(&channels) || !(1..=FlacEncoder::MAX_SAMPLE_RATE).contains(&sample_rate) {
        return Err(Error::Unsupported(format!("{channels} channels at {sample_rate} Hz")));
    }
    if usize::from(block_bytes) != sample.bytes() * usize::from(channels) {
        return Err(Error::Damaged(format!("{bits} bits of {channels} channels in {block_bytes} bytes")));
    }
    Ok((sample, channels, sample_rate))
}

fn with_samples(
    (sample, channels, sample_rate): (Sample, u16, u32),
    at: u64,
    told_bytes: u64,
    file_bytes: u64,
) -> Result<Layout, Error> {
    let there = file_bytes.saturating_sub(at);
    let block_bytes = (sample.bytes() * usize::from(channels)) as u64;
    let samples = told_bytes.min(there) / block_bytes;
    let is_cut_short = told_bytes > there && told_bytes < u64::MAX;
    match samples {
        0 => Err(Error::Damaged("it has no samples".into())),
        FlacEncoder::MAX_SAMPLES.. => Err(Error::TooLarge {
            what: "number of samples",
            bytes: samples,
            limit: FlacEncoder::MAX_SAMPLES,
        }),
        _ => Ok(Layout { sample, channels, sample_rate, at, samples, is_cut_short }),
    }
}

/// Reads all samples, to see whether FLAC can keep them.
fn check_exact(input: &mut Input, layout: Layout) -> Result<(), Error> {
    let (mut at, end) = (layout.at, layout.at + layout.samples * layout.block_bytes() as u64);
    let mut piece = vec![0; 64 << 10];
    while at < end {
        let wanted = piece.len().min((end - at) as usize);
        let read = input.read_at(at, &mut piece[..wanted])?;
        if piece[..read].chunks_exact(4).any(|bytes| layout.sample.read(bytes).is_none()) {
            let what = if layout.sample == Sample::Float { "in floating point" } else { "of 32 bits" };
            let reason = "which cannot be kept without loss: save it with 24 bits";
            return Err(Error::Unsupported(format!("samples {what}, {reason}")));
        }
        if read < wanted {
            break;
        }
        at += read as u64;
    }
    Ok(())
}

impl Layout {
    /// Bytes of one sample of every channel.
    fn block_bytes(&self) -> usize {
        self.sample.bytes() * usize::from(self.channels)
    }
}

/// Samples of a frame, so that the last one is not too short.
fn block_samples(samples: u64) -> u16 {
    let fits = |&block: &u16| {
        let rest = samples % u64::from(block);
        rest == 0 || rest >= FlacEncoder::MIN_BLOCK_SAMPLES.into()
    };
    (BLOCK_SAMPLES..2 * BLOCK_SAMPLES).find(fits).unwrap_or(BLOCK_SAMPLES)
}

struct WavSource {
    input: Input,
    layout: Layout,
    shape: FlacShape,
    encoder: FlacEncoder,
    /// How many samples were given.
    given: u64,
}

impl WavSource {
    fn samples(&self, bytes: &[u8]) -> Vec<i32> {
        let sample = self.layout.sample;
        bytes.chunks_exact(sample.bytes()).map(|bytes| sample.read(bytes).unwrap_or(0)).collect()
    }
}

impl Source for WavSource {
    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        let left = self.layout.samples - self.given;
        if left == 0 {
            let is_cut_short = std::mem::take(&mut self.layout.is_cut_short);
            return if is_cut_short { Err(Error::Damaged("the file is cut short".into())) } else { Ok(None) };
        }
        let block_bytes = self.layout.block_bytes();
        let count = left.min(self.shape.block_samples.into());
        let mut bytes = vec![0; count as usize * block_bytes];
        let at = self.layout.at + self.given * block_bytes as u64;
        if self.input.read_at(at, &mut bytes)? < bytes.len() {
            return Err(Error::Damaged("the file is cut short".into()));
        }
        let samples = self.samples(&bytes);
        let data = self.encoder.encode(&samples)?;
        let us = |samples: u64| samples_us(samples as i64, self.layout.sample_rate);
        let (pts_us, end_us) = (us(self.given), us(self.given + count));
        self.given += count;
        Ok(Some(Packet { track: 0, pts_us, duration_us: Some(pts_us.abs_diff(end_us)), key: true, data }))
    }
}
