//! Where the media of the library is kept.

use std::path::{Path, PathBuf};

use clap::Args;
use objects::Location;

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Library")]
pub(crate) struct ObjectsOptions {
    /// Where recordings and uploads are kept: a folder, or s3://bucket?endpoint=URL&region=REGION with credentials in
    /// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; objects in the data folder if not set, for a node its main servers
    #[arg(long, value_name = "LOCATION", hide_env_values = true, value_parser = location)]
    objects: Option<Location>,
}

impl ObjectsOptions {
    /// The location that was given, or a folder in the data folder.
    pub(crate) fn or_in(&self, data_dir: &Path) -> Location {
        self.given().unwrap_or_else(|| Location::Folder(data_dir.join("objects")))
    }

    /// The location that was given; an empty one counts as not given.
    pub(crate) fn given(&self) -> Option<Location> {
        given(&self.objects)
    }
}

/// The location of an option; an empty one counts as not given.
pub(super) fn given(option: &Option<Location>) -> Option<Location> {
    option.clone().filter(|location| *location != nowhere())
}

fn nowhere() -> Location {
    Location::Folder(PathBuf::new())
}

/// Reads a location.
pub(super) fn location(text: &str) -> Result<Location, String> {
    if text.is_empty() { Ok(nowhere()) } else { text.parse() }
}
