//! `undead backup` and `undead restore`: the main server's store as a text file.

use std::path::Path;

use main_server::backup;

use crate::{cli::BackupArgs, failure::Failure, output};

/// Writes the store to a file.
pub(crate) async fn run(args: BackupArgs) -> Result<(), Failure> {
    let engine = args.store.engine()?;
    let entries = backup::backup(&engine, &args.store.data_dir, &args.file).await;
    report(
        "backed up to",
        &args.file,
        entries.map_err(Failure::run(format!("cannot back up to {}", args.file.display())))?,
    )
}

/// Writes a file into an empty store.
pub(crate) async fn restore(args: BackupArgs) -> Result<(), Failure> {
    let engine = args.store.engine()?;
    let entries = backup::restore(&engine, &args.store.data_dir, &args.file).await;
    report(
        "restored from",
        &args.file,
        entries.map_err(|error| {
            let context = format!("cannot restore {}", args.file.display());
            match error {
                backup::Error::DataFolder(_) => Failure::config(context)(error),
                error => Failure::run(context)(error),
            }
        })?,
    )
}

fn report(what: &str, file: &Path, entries: usize) -> Result<(), Failure> {
    output::line(format_args!("{entries} entries {what} {}", file.display()))
}
