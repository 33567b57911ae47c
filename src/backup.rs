//! `undead backup` and `undead restore`: the main server's store as a text file.

use std::path::Path;

use main_server::{Persistence, backup};

use crate::{
    cli::{BackupArgs, StoreArgs},
    failure::Failure,
};

/// Writes the store to a file.
pub(crate) async fn run(args: BackupArgs) -> Result<(), Failure> {
    let persistence = persistence(&args.store)?;
    let entries = backup::backup(&persistence, &args.store.data_dir, &args.file).await;
    said(
        "backed up to",
        &args.file,
        entries.map_err(Failure::run(format!("nothing was backed up to {}", args.file.display())))?,
    );
    Ok(())
}

/// Writes a file into an empty store.
pub(crate) async fn restore(args: BackupArgs) -> Result<(), Failure> {
    let persistence = persistence(&args.store)?;
    let entries = backup::restore(&persistence, &args.store.data_dir, &args.file).await;
    said(
        "restored from",
        &args.file,
        entries.map_err(|error| {
            let context = format!("{} was not restored", args.file.display());
            match error {
                backup::Error::DataFolder(_) => Failure::config(context)(error),
                error => Failure::run(context)(error),
            }
        })?,
    );
    Ok(())
}

fn persistence(args: &StoreArgs) -> Result<Persistence, Failure> {
    args.store.parse().map_err(Failure::config("--store"))
}

fn said(what: &str, file: &Path, entries: usize) {
    println!("{entries} entries {what} {}", file.display());
}
