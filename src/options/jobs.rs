//! Who may start jobs on items of the library, how many, and what the server starts itself.

use std::time::Duration;

use clap::{
    ArgAction, Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use main_server::{Config, JobLimits};
use objects::Hash;
use protocol::account::JobPolicy;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Jobs")]
pub(crate) struct JobOptions {
    /// Who may start jobs: account (holders of an account, on items that they can play), owner (owners of items, and operators), or off
    #[arg(long, value_name = "WHO", default_value = "account", value_parser = policy())]
    jobs: JobPolicy,
    /// Most unfinished jobs of an account; operators may start more
    #[arg(long, value_name = "COUNT", default_value_t = JobLimits::default().per_account)]
    jobs_per_account: usize,
    /// Most unfinished jobs of the cluster
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    jobs_waiting: u16,
    /// Longest item, in minutes, that is separated into stems or encoded again
    #[arg(long, value_name = "MINUTES", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=140))]
    job_max_minutes: u64,
    /// Measure the wave form and loudness of each finished upload and recording, and make preview pictures of its video
    #[arg(long, value_name = "BOOL", default_value_t = JobLimits::default().auto_waveform, action = ArgAction::Set)]
    auto_waveform: bool,
    /// Model that separates vocals: the BLAKE3 of its file, which all workers have (stems_model); the built-in separator if not set
    #[arg(long, value_name = "HASH")]
    stems_model_hash: Option<Hash>,
}

fn policy() -> impl TypedValueParser<Value = JobPolicy> {
    PossibleValuesParser::new(["account", "owner", "off"]).map(|name| match name.as_str() {
        "account" => JobPolicy::Account,
        "owner" => JobPolicy::Owner,
        _ => JobPolicy::Off,
    })
}

impl JobOptions {
    /// Sets the model, unless the options name one.
    pub(crate) fn use_model(&mut self, model: Option<Hash>) {
        self.stems_model_hash = self.stems_model_hash.or(model);
    }

    /// Puts the options into a main server's configuration.
    pub(super) fn apply(&self, config: &mut Config) {
        config.jobs = JobLimits {
            policy: self.jobs,
            per_account: self.jobs_per_account,
            unfinished: self.jobs_waiting.into(),
            longest: Duration::from_secs(self.job_max_minutes * 60),
            auto_waveform: self.auto_waveform,
            stems_model: self.stems_model_hash,
        };
    }
}
