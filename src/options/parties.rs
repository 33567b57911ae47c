//! How many parties there may be, of how many members, and how long they are kept.

use std::time::Duration;

use clap::Args;
use main_server::{Config, PartyLimits};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Parties")]
pub(crate) struct PartyOptions {
    /// Most parties of the cluster
    #[arg(long, value_name = "COUNT", default_value_t = PartyLimits::default().parties)]
    parties: usize,
    /// Most parties that an address (or IPv6 /64) made at a main server; besides, an address gets at most nine times as many as are free
    #[arg(long, value_name = "COUNT", default_value_t = PartyLimits::default().per_address)]
    parties_per_address: usize,
    /// Most members of a party
    #[arg(long, value_name = "COUNT", default_value_t = 2_000, value_parser = clap::value_parser!(u16).range(1..=2_000))]
    party_members: u16,
    /// Most open event streams of members of parties at a main server
    #[arg(long, value_name = "COUNT", default_value_t = PartyLimits::default().listeners)]
    party_listeners: usize,
    /// Hours after which a party is deleted in which no member was present
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=8_760))]
    party_idle_hours: u64,
}

impl PartyOptions {
    /// Puts the options into a main server's configuration.
    pub(super) fn apply(&self, config: &mut Config) {
        config.parties = PartyLimits {
            parties: self.parties,
            per_address: self.parties_per_address,
            members: self.party_members.into(),
            listeners: self.party_listeners,
            idle: Duration::from_secs(self.party_idle_hours * 60 * 60),
        };
    }
}
