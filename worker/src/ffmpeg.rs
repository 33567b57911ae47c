//! Finds the program `ffmpeg`.

use std::{env, path::PathBuf};

/// The program `ffmpeg`, if it is in one of the folders of the environment variable `PATH`.
pub fn find() -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join("ffmpeg")).find(|path| path.is_file())
}
