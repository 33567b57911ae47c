//! Measures the peaks and the loudness of an item's sound (EBU R128, true peak by ITU-R BS.1770).

use ebur128::{Channel, EbuR128, Mode};
use protocol::job::{Output, Source, Waveform};

use crate::{
    Failed, Tools,
    blobs::put_json,
    decode::{self, Shape},
};

/// The most peaks of an item.
const MAX_PEAKS: u64 = 4_096;

/// The least time that a peak covers, in ms.
const MIN_PEAK_MS: u64 = 10;

/// Measures peaks, integrated loudness and true peak.
pub(crate) fn run(source: &Source, tools: &Tools<'_>) -> Result<Output, Failed> {
    let item = decode::open(source, tools)?;
    let mut peaks = Peaks::new(item.shape());
    let mut loudness = Loudness::new(item.shape())?;
    item.stream(tools, |samples| {
        peaks.push(samples);
        loudness.push(samples)
    })?;
    Ok(Output::Measured {
        waveform: put_json(&peaks.finish(), tools)?,
        loudness_centi_lufs: loudness.integrated(),
        true_peak_centi_db: loudness.true_peak(),
    })
}

/// Finds the largest amplitude of each interval.
struct Peaks {
    shape: Shape,
    waveform: Waveform,
    /// Samples of each channel that were pushed.
    samples: u64,
    /// The sample at which the newest interval ends.
    end: u64,
    /// The largest amplitude in the newest interval.
    largest: f32,
}

impl Peaks {
    fn new(shape: Shape) -> Self {
        let peak_ms = shape.duration_ms().div_ceil(MAX_PEAKS).max(MIN_PEAK_MS);
        let waveform = Waveform { peak_ms: u32::try_from(peak_ms).unwrap_or(u32::MAX), peaks: Vec::new() };
        let end = shape.samples_at(peak_ms);
        Self { shape, waveform, samples: 0, end, largest: 0.0 }
    }

    fn push(&mut self, samples: &[f32]) {
        for frame in samples.chunks_exact(self.shape.channels as usize) {
            self.largest = frame.iter().fold(self.largest, |largest, sample| largest.max(sample.abs()));
            self.samples += 1;
            if self.samples == self.end {
                self.end_interval();
            }
        }
    }

    fn end_interval(&mut self) {
        self.waveform.peaks.push((self.largest * 255.0).round() as u8);
        self.largest = 0.0;
        let next = self.waveform.peaks.len() as u64 + 1;
        self.end = self.shape.samples_at(next * u64::from(self.waveform.peak_ms));
    }

    fn finish(mut self) -> Waveform {
        let ended =
            self.shape.samples_at(self.waveform.peaks.len() as u64 * u64::from(self.waveform.peak_ms));
        if self.samples > ended && (self.waveform.peaks.len() as u64) < MAX_PEAKS {
            self.end_interval();
        }
        self.waveform
    }
}

/// Measures loudness and true peak.
struct Loudness {
    meter: EbuR128,
    channels: u32,
}

impl Loudness {
    fn new(shape: Shape) -> Result<Self, Failed> {
        let meter = EbuR128::new(shape.channels, shape.rate, Mode::I | Mode::TRUE_PEAK);
        let mut meter = meter.map_err(unmeasurable)?;
        if shape.channels == 1 {
            // Players play mono on both loudspeakers.
            meter.set_channel(0, Channel::DualMono).map_err(unmeasurable)?;
        }
        Ok(Self { meter, channels: shape.channels })
    }

    fn push(&mut self, samples: &[f32]) -> Result<(), Failed> {
        self.meter.add_frames_f32(samples).map_err(unmeasurable)
    }

    /// In hundredths of LUFS; `None` if the sound is below the absolute gate of −70 LUFS throughout.
    fn integrated(&self) -> Option<i32> {
        self.meter.loudness_global().ok().and_then(hundredths)
    }

    /// In hundredths of dBTP; `None` for silence.
    fn true_peak(&self) -> Option<i32> {
        let peaks = (0..self.channels).filter_map(|channel| self.meter.true_peak(channel).ok());
        hundredths(20.0 * peaks.fold(0.0, f64::max).log10())
    }
}

fn hundredths(decibels: f64) -> Option<i32> {
    decibels.is_finite().then(|| (decibels * 100.0).round() as i32)
}

fn unmeasurable(error: ebur128::Error) -> Failed {
    Failed::for_good(format!("the loudness cannot be measured: {error}"))
}
