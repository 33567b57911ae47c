//! Who may upload files, and how many of which size.

use std::time::Duration;

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use main_server::{Config, UploadLimits};
use protocol::account::UploadPolicy;

use super::units::Bytes;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Library")]
pub(crate) struct UploadOptions {
    /// Who may upload files: open (all clients), account (holders of an account), or off
    #[arg(long, value_name = "WHO", default_value = "account", value_parser = policy())]
    upload: UploadPolicy,
    /// Most bytes of an uploaded file
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(UploadLimits::default().bytes))]
    upload_bytes: Bytes,
    /// Hours after which an unfinished upload without progress is deleted
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=8_760))]
    upload_keep_hours: u64,
    /// Most unfinished uploads of an account; of an address (or IPv6 /64) where no account is needed
    #[arg(long, value_name = "COUNT", default_value_t = UploadLimits::default().per_address)]
    uploads_per_address: usize,
}

fn policy() -> impl TypedValueParser<Value = UploadPolicy> {
    PossibleValuesParser::new(["open", "account", "off"]).map(|name| match name.as_str() {
        "open" => UploadPolicy::Open,
        "account" => UploadPolicy::Account,
        _ => UploadPolicy::Off,
    })
}

impl UploadOptions {
    /// Puts the options into a main server's configuration.
    pub(super) fn apply(&self, config: &mut Config) {
        config.upload = self.upload;
        config.uploads = UploadLimits {
            bytes: self.upload_bytes.0,
            keep: Duration::from_secs(self.upload_keep_hours * 60 * 60),
            per_address: self.uploads_per_address,
        };
    }
}
