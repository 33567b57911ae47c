//! How the media of the library is looked after.

use std::time::Duration;

use clap::Args;
use main_server::Config;
use objects::Location;

use super::objects::{given, location};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Library")]
pub(crate) struct UpkeepOptions {
    /// Another copy of objects, from which `undead library verify --repair` restores: a bucket that replicates or the folder of a
    /// backup. Nothing is written there
    #[arg(long, value_name = "LOCATION", hide_env_values = true, value_parser = location)]
    objects_copy: Option<Location>,
    /// Hours for which media that no item names is kept, and again until it is deleted for good. At least 24: writers, nodes among
    /// them, rely on half of that
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(24..=8_760))]
    library_gc_grace_hours: u64,
}

impl UpkeepOptions {
    /// Puts the options into a main server's configuration.
    pub(crate) fn apply(&self, config: &mut Config) {
        config.objects_copy = given(&self.objects_copy);
        config.gc_grace = Duration::from_secs(self.library_gc_grace_hours * 3_600);
    }
}
