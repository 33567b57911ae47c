//! What `undead party` takes.

use clap::{Args, ValueEnum};

use crate::options::{TrustOptions, values};

#[derive(Debug, Args)]
pub(crate) struct PartyArgs {
    /// What to do
    #[arg(value_enum)]
    pub(super) action: PartyAction,
    /// For join, the id or link of the party; for play and vote, an entry: its number in show, its id, or the start of its title
    #[arg(value_name = "ARGUMENT", required_if_eq_any([("action", "join"), ("action", "vote")]))]
    pub(super) argument: Option<String>,
    /// Print JSON: for show the state, for commands the revision that has the change
    #[arg(long)]
    pub(super) json: bool,
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
    /// What the member is called, to join a party for the first time
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
    /// Ask to skip what plays
    Skip,
    /// Join a party, and print or play what plays until Ctrl-C
    Join,
    /// Leave for good
    Leave,
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
        for alone in ["show", "play", "pause", "next", "skip", "leave"] {
            assert!(parse(&[alone]).is_some_and(|args| args.argument.is_none()), "{alone}");
        }
        for wrong in [&["join"][..], &["vote"], &["sing"], &["show", "--server", "host"], &[]] {
            assert!(parse(wrong).is_none(), "{wrong:?}");
        }
    }
}
