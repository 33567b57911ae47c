//! What a worker of jobs does, for `worker` and for the one that `up` runs.

use std::{
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use clap::Args;
use job_kinds::{Model, VocalsModel};
use objects::Hash;

use crate::failure::Failure;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Jobs")]
pub(crate) struct WorkerOptions {
    /// Most tasks of jobs that a worker does at once; as many as there are processors if not set, half of them with `up`
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(crate) concurrency: Option<u16>,
    /// The program ffmpeg, for jobs that need it; the one in PATH if not set, none if empty
    #[arg(long, value_name = "FILE")]
    pub(crate) ffmpeg: Option<PathBuf>,
    /// Model that separates vocals, in ONNX, instead of the built-in separator; main servers elsewhere need its stems_model_hash
    #[arg(long, value_name = "FILE")]
    pub(crate) stems_model: Option<PathBuf>,
    /// Folder for temporary files of tasks; scratch in the data folder if not set, data/scratch for a worker
    #[arg(long, value_name = "FOLDER")]
    pub(crate) scratch_dir: Option<PathBuf>,
}

impl WorkerOptions {
    /// How many tasks a worker does at once that has the machine for itself.
    pub(crate) fn concurrency(&self) -> u16 {
        self.concurrency.unwrap_or_else(processors)
    }

    /// The same for a worker on the machine of nodes.
    pub(crate) fn concurrency_beside_nodes(&self) -> u16 {
        self.concurrency.unwrap_or_else(|| (processors() / 2).max(1))
    }

    /// The program `ffmpeg`, if the worker has it.
    pub(crate) fn ffmpeg(&self) -> Option<PathBuf> {
        match &self.ffmpeg {
            None => worker::find_ffmpeg(),
            Some(path) => Some(path.clone()).filter(|path| !path.as_os_str().is_empty()),
        }
    }

    /// The model that separates vocals, if the worker has one.
    pub(crate) fn model(&self) -> Result<Option<Arc<dyn VocalsModel>>, Failure> {
        let load = |file: &Path| {
            let place = format!("the model {} cannot be used", file.display());
            Model::load(file).map_err(Failure::config(place))
        };
        Ok(self.model_file().map(load).transpose()?.map(|model| Arc::new(model) as _))
    }

    /// What names the model: main servers have to be given it.
    pub(crate) fn model_hash(&self) -> Result<Option<Hash>, Failure> {
        let read = |file: &Path| {
            let place = format!("the model {} cannot be read", file.display());
            fs::read(file).map_err(Failure::config(place))
        };
        Ok(self.model_file().map(read).transpose()?.map(|onnx| Hash::of(&onnx)))
    }

    fn model_file(&self) -> Option<&Path> {
        self.stems_model.as_deref().filter(|file| !file.as_os_str().is_empty())
    }

    /// The folder for temporary files, if one is given; an empty name counts as not given.
    pub(crate) fn scratch_dir(&self) -> Option<&Path> {
        self.scratch_dir.as_deref().filter(|folder| !folder.as_os_str().is_empty())
    }
}

fn processors() -> u16 {
    let count = thread::available_parallelism().map_or(1, NonZero::get);
    u16::try_from(count).unwrap_or(u16::MAX)
}
