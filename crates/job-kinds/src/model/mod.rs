//! An operator's model, in ONNX, as the separator of vocals. Format of its input and output: `docs/jobs.md`.
//!
//! The model gets the song in chunks that overlap by half. Chunks are at the same places of the song whichever piece of it is separated, so
//! the kept parts of pieces are the same samples as those of the whole song, on machines with the same instructions.

mod chunks;
mod rate;

use std::{fs, path::Path, sync::Arc};

use rten::{Dimension, Model as Network, NodeId, RunOptions, ThreadPool, Value};
use rten_tensor::{NdTensor, prelude::*};
use stems::{CONTEXT_S, Stereo};

use crate::{Failed, Report, VocalsModel};

/// The name of the metadata that says how many samples a second the model takes.
const RATE_FIELD: &str = "sample_rate";
/// The rate of a model without that metadata.
const DEFAULT_RATE: u32 = 44_100;
/// If the length of the input is open, chunks are a multiple of this many samples: networks halve the length up to a dozen times.
const CHUNK_UNIT: usize = 8192;
/// The longest chunk, in seconds. Pieces of songs overlap by a little more.
const MOST_CHUNK_S: f64 = CONTEXT_S;

/// Why a file cannot be used as a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// It cannot be read.
    #[error("the model cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is not ONNX, or uses what is not supported.
    #[error("the model cannot be loaded: {0}")]
    Invalid(String),
    /// Its input or output has another form than is documented.
    #[error("the model does not fit: {0}")]
    Shape(String),
}

/// An operator's model, in ONNX, as the separator of vocals. The format of its input and output is documented in `docs/jobs.md`.
pub struct Model {
    network: Network,
    input: NodeId,
    output: NodeId,
    rate: u32,
    /// Samples of a chunk; even.
    chunk: usize,
    hash: String,
}

impl Model {
    /// Reads a model, and runs it once with silence.
    ///
    /// # Errors
    /// See [`ModelError`].
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        Self::from_bytes(fs::read(path)?)
    }

    /// As [`Self::load`], from the bytes of the file.
    ///
    /// # Errors
    /// See [`ModelError`].
    pub fn from_bytes(onnx: Vec<u8>) -> Result<Self, ModelError> {
        let hash = blake3::hash(&onnx).to_hex().to_string();
        let network = Network::load(onnx).map_err(|error| ModelError::Invalid(error.to_string()))?;
        let (&[input], &[output, ..]) = (network.input_ids(), network.output_ids()) else {
            return Err(ModelError::Shape("it needs exactly one input, and an output".into()));
        };
        let rate = rate(network.metadata().get(RATE_FIELD))?;
        let chunk = chunk(network.input_shape(0), rate)?;
        let model = Self { network, input, output, rate, chunk, hash };
        let silence = [vec![0.0; chunk], vec![0.0; chunk]];
        model.chunk_vocals(&silence, &one_thread()).map_err(ModelError::Shape)?;
        Ok(model)
    }

    /// The vocals of one chunk.
    fn chunk_vocals(&self, mix: &[Vec<f32>; 2], threads: &Arc<ThreadPool>) -> Result<[Vec<f32>; 2], String> {
        let input = NdTensor::from_data([1, 2, self.chunk], mix.concat());
        let mut options = RunOptions::default();
        options.thread_pool = Some(Arc::clone(threads));
        let ran = self.network.run(vec![(self.input, input.into())], &[self.output], Some(options));
        let output: Value = ran.map_err(|error| error.to_string())?.pop().ok_or("it has no output")?;
        let output: NdTensor<f32, 3> =
            output.try_into().map_err(|_| "its output is not [1, 2, N] of floats")?;
        if output.shape() != [1, 2, self.chunk] {
            return Err(format!("its output is {:?} instead of [1, 2, {}]", output.shape(), self.chunk));
        }
        // A model that normalises its input may divide by 0 in silence.
        let finite = |sample: &f32| if sample.is_finite() { *sample } else { 0.0 };
        let mut left: Vec<f32> = output.iter().map(finite).collect();
        let right = left.split_off(self.chunk);
        Ok([left, right])
    }
}

/// The thread on which a task runs the model. The task's own thread makes it, so it inherits the low priority.
fn one_thread() -> Arc<ThreadPool> {
    Arc::new(ThreadPool::with_num_threads(1))
}

/// The sample rate of the model, by its metadata.
fn rate(said: Option<&str>) -> Result<u32, ModelError> {
    let rate = said.map_or(Ok(DEFAULT_RATE), |said| said.trim().parse());
    let rate = rate.ok().filter(|rate| (8_000..=192_000).contains(rate));
    rate.ok_or_else(|| ModelError::Shape(format!("its {RATE_FIELD} is not a number from 8000 to 192000")))
}

/// Samples of a chunk, by the shape of the model's input.
fn chunk(shape: Option<Vec<Dimension>>, rate: u32) -> Result<usize, ModelError> {
    let most = (f64::from(rate) * MOST_CHUNK_S) as usize;
    let expected = |wanted: usize, dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => *size == wanted,
        Dimension::Symbolic(_) => true,
    };
    match shape.as_deref() {
        Some([one, two, samples]) if expected(1, one) && expected(2, two) => match samples {
            Dimension::Symbolic(_) => Ok(most / CHUNK_UNIT * CHUNK_UNIT),
            Dimension::Fixed(samples) if (2..=most).contains(samples) && samples % 2 == 0 => Ok(*samples),
            Dimension::Fixed(samples) => {
                let reason =
                    format!("its input has {samples} samples: the number has to be even, and at most {most}");
                Err(ModelError::Shape(reason))
            }
        },
        _ => Err(ModelError::Shape("its input is not [1, 2, N]".into())),
    }
}

impl VocalsModel for Model {
    fn hash(&self) -> &str {
        &self.hash
    }

    fn vocals(&self, mix: &Stereo, rate: u32, start: u64, report: &dyn Report) -> Result<Stereo, Failed> {
        let threads = one_thread();
        rate::at(self.rate, mix, rate, start, |mix, start| {
            chunks::overlap_add(mix, start, self.chunk, report, |chunk| self.chunk_vocals(chunk, &threads))
        })
    }
}
