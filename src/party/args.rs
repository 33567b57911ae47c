//! What `undead party` takes.

use clap::{Args, ValueEnum};
use protocol::party::{Access, Policy};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::options::{TrustOptions, values};

#[derive(Debug, Args)]
pub(crate) struct PartyArgs {
    /// What to do
    #[arg(value_enum)]
    pub(super) action: PartyAction,
    /// For join, the id or link of the party; for create, its title; for queue, the id or link of an item, or the link of a stream;
    /// for play and vote, an entry: its number in show, its id, or the start of its title
    #[arg(
        value_name = "ARGUMENT",
        required_if_eq_any([("action", "join"), ("action", "vote"), ("action", "queue"), ("action", "create")])
    )]
    pub(super) argument: Option<String>,
    /// Print JSON: for show the state, for create the id and the link, for commands the revision that has the change
    #[arg(long)]
    pub(super) json: bool,
    /// For create: who may join: public, unlisted (with the link) or private (with an invitation)
    #[arg(long, value_name = "ACCESS", default_value = "unlisted", value_parser = word::<Access>)]
    pub(super) access: Access,
    /// For create: who decides what plays: host, or vote
    #[arg(long, value_name = "POLICY", default_value = "host", value_parser = word::<Policy>)]
    pub(super) policy: Policy,
    /// For join: write the media of what plays to standard output, for a player such as `mpv -`
    #[arg(long)]
    pub(super) audio: bool,
    #[command(flatten)]
    pub(super) options: MemberOptions,
    #[command(flatten)]
    pub(super) trust: TrustOptions,
}

/// Who the member is, and where.
#[derive(Debug, Args)]
#[command(next_help_heading = "Party")]
pub(crate) struct MemberOptions {
    /// URL of a main server; that of the link or of the membership if not set, or else http://localhost:5000
    #[arg(long, value_name = "URL", value_parser = values::server_url)]
    pub(super) server: Option<String>,
    /// Id of the party; the one that was joined last if not set
    #[arg(long, value_name = "PARTY_ID")]
    pub(super) party: Option<String>,
    /// What the member is called, to create a party or to join one for the first time
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Invitation to a private party, if the link has none
    #[arg(long, value_name = "INVITATION", hide_env_values = true)]
    pub(super) invitation: Option<String>,
}

/// What to do in a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartyAction {
    /// Print members, queue, votes and what plays
    Show,
    /// Go on, or play an entry now
    Play,
    /// Stop the position
    Pause,
    /// Play the next entry
    Next,
    /// Vote for an entry
    Vote,
    /// Add an item or a stream
    Queue,
    /// Ask to skip what plays
    Skip,
    /// Create a party, and print its link
    Create,
    /// Join a party, and print or play what plays until Ctrl-C
    Join,
    /// Leave for good
    Leave,
}

/// A word of the protocol.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, &'static str> {
    serde_json::from_value(json!(text)).map_err(|_| "no such choice")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(arguments: &[&str]) -> Option<PartyArgs> {
        let cli = Cli::try_parse_from(["undead", "party"].iter().chain(arguments)).ok()?;
        match cli.command {
            Command::Party(args) => Some(args),
            _ => None,
        }
    }

    #[test]
    fn actions_take_what_they_need() {
        let join = parse(&["join", "https://host/party/7a", "--name", "Ann", "--audio"]).unwrap();
        assert!(join.action == PartyAction::Join && join.audio && !join.json);
        assert_eq!(join.argument.as_deref(), Some("https://host/party/7a"));
        let vote = parse(&["vote", "night drive", "--party", "7a", "--server", "http://a:5000"]).unwrap();
        assert_eq!(
            (vote.options.party.as_deref(), vote.options.server.as_deref()),
            (Some("7a"), Some("http://a:5000"))
        );
        let create = parse(&["create", "Friday", "--access", "private", "--policy", "vote"]).unwrap();
        assert_eq!((create.access, create.policy), (Access::Private, Policy::Vote));
        let queue = parse(&["queue", "7a"]).unwrap();
        assert_eq!((queue.argument.as_deref(), queue.access), (Some("7a"), Access::Unlisted));
        for alone in ["show", "play", "pause", "next", "skip", "leave"] {
            assert!(parse(&[alone]).is_some_and(|args| args.argument.is_none()), "{alone}");
        }
        let [access, policy] = [["create", "a", "--access", "all"], ["create", "a", "--policy", "me"]];
        for wrong in [
            &access[..],
            &policy,
            &["join"],
            &["vote"],
            &["queue"],
            &["create"],
            &["sing"],
            &["show", "--server", "host"],
            &[],
        ] {
            assert!(parse(wrong).is_none(), "{wrong:?}");
        }
    }
}
