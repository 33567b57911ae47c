//! What a worker of jobs does, for `worker` and for the one that `up` runs.

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    thread,
};

use clap::Args;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Jobs")]
pub(crate) struct WorkerOptions {
    /// Most tasks of jobs that a worker does at once; as many as there are processors if not set, half of them with `up`
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(crate) concurrency: Option<u16>,
    /// The program ffmpeg, for jobs that need it; the one in PATH if not set, none if empty
    #[arg(long, value_name = "FILE")]
    pub(crate) ffmpeg: Option<PathBuf>,
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

    /// The folder for temporary files, if one is given; an empty name counts as not given.
    pub(crate) fn scratch_dir(&self) -> Option<&Path> {
        self.scratch_dir.as_deref().filter(|folder| !folder.as_os_str().is_empty())
    }
}

fn processors() -> u16 {
    let count = thread::available_parallelism().map_or(1, NonZero::get);
    u16::try_from(count).unwrap_or(u16::MAX)
}
