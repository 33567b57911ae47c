//! `undead party`: takes part in a party from a terminal, over HTTP, as a member.

mod args;
mod audio;
mod client;
mod events;
mod follow;
mod fragment;
mod link;
mod memberships;
mod place;
mod schedule;
mod show;
mod source;

use std::{io, os::fd::AsFd};

use protocol::{
    PartyId,
    party::{
        Command, CommandDone, CreateParty, JoinParty, Membership, PartyCommand, PartyCreated, PartyState,
        Target,
    },
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::fs::File;

pub(crate) use self::args::PartyArgs;
use self::{
    args::{MemberOptions, PartyAction},
    audio::Audio,
    client::{Client, Party, json_of, send},
    follow::follow,
    link::Link,
    memberships::Memberships,
    schedule::Clock,
    show::Show,
};
use crate::{failure::Failure, output};

/// The main server on this machine.
const LOCAL: &str = "http://localhost:5000";

/// Runs the action.
pub(crate) async fn run(args: PartyArgs) -> Result<(), Failure> {
    let mut memberships = Memberships::open()?;
    match args.action {
        PartyAction::Join => return join(&args, &mut memberships).await,
        PartyAction::Create => return create(&args, &mut memberships).await,
        _ => {}
    }
    let party = member_of(&args, &memberships)?;
    match args.action {
        PartyAction::Show => return show(&party, args.json).await,
        PartyAction::Leave => return leave(&party, &mut memberships).await,
        _ => {}
    }
    let command = command(&args, &party).await?;
    let command = PartyCommand { command, if_revision: None, request_id: None };
    let done: CommandDone = json_of(party.request(Method::POST, "/commands").json(&command)).await?;
    if args.json { output::line(json!(done)) } else { Ok(()) }
}

/// The party that was joined, with the token.
fn member_of(args: &PartyArgs, memberships: &Memberships) -> Result<Party, Failure> {
    let MemberOptions { server, party, .. } = &args.options;
    let party_id = party.as_deref().map(|text| Link::read(text).map(|link| link.party_id)).transpose()?;
    let party_id = party_id.or_else(|| memberships.last());
    let Some((party_id, kept)) = party_id.and_then(|id| Some((id, memberships.of(id)?))) else {
        return Err(Failure::Config("join a party first: undead party join LINK --name NAME".to_owned()));
    };
    let is_issuer = server.as_ref().is_none_or(|server| is_same_server(server, &kept.server));
    let client = Client::new(server.as_ref().unwrap_or(&kept.server), &args.trust)?;
    Ok(Party { client, party_id, token: kept.membership.token, is_issuer })
}

/// Leaves, and forgets the membership: also one that has ended already, because the member was removed or the party is over.
/// Only the server that issued the token can say so.
async fn leave(party: &Party, memberships: &mut Memberships) -> Result<(), Failure> {
    match send(party.request(Method::POST, "/leave")).await {
        Ok(_) => {}
        Err(error) if error.is_over() && party.is_issuer => {
            eprintln!("you are no member of this party any more");
        }
        Err(error) => return Err(error.into()),
    }
    memberships.forget(party.party_id)
}

async fn show(party: &Party, json: bool) -> Result<(), Failure> {
    let state = party.state().await?;
    if json {
        return output::line(state);
    }
    let now_ms = Clock::read(&party.client).await?.now_ms();
    output::line(Show { state: &read(state)?, now_ms }.to_string().trim_end_matches('\n'))
}

/// The command of an action that is one.
async fn command(args: &PartyArgs, party: &Party) -> Result<Command, Failure> {
    let target = match &args.argument {
        Some(text) if args.action == PartyAction::Queue => link::media(text)?,
        Some(text) => show::target(show::entry(&read(party.state().await?)?, text)?),
        None => Target::default(),
    };
    Ok(match args.action {
        PartyAction::Play => Command::Play(target),
        PartyAction::Vote => Command::Vote(target),
        PartyAction::Queue => Command::Queue(target),
        PartyAction::Pause => Command::Pause,
        PartyAction::Next => Command::Next,
        PartyAction::Skip => Command::Skip,
        PartyAction::Show | PartyAction::Create | PartyAction::Join | PartyAction::Leave => {
            unreachable!("see run")
        }
    })
}

fn read(state: Value) -> Result<PartyState, Failure> {
    serde_json::from_value(state).map_err(Failure::run("the answer cannot be read"))
}

/// Creates a party, of which this user is host.
async fn create(args: &PartyArgs, memberships: &mut Memberships) -> Result<(), Failure> {
    let server = args.options.server.clone().unwrap_or_else(|| LOCAL.to_owned());
    let client = Client::new(&server, &args.trust)?;
    let body = CreateParty {
        title: args.argument.clone().unwrap_or_default(),
        policy: args.policy,
        access: args.access,
        name: name(&args.options)?,
        settings: None,
    };
    let request = client.request(Method::POST, "api/parties").json(&body);
    let PartyCreated { party_id, member, .. } = json_of(request).await?;
    let party = Party { client, party_id, token: member.token.clone(), is_issuer: true };
    memberships.keep(party_id, &server, member)?;
    match args.json {
        true => output::line(json!({ "party_id": party_id, "url": party.page() })),
        false => output::line(party.page()),
    }
}

/// What the member is to be called.
fn name(options: &MemberOptions) -> Result<String, Failure> {
    let missing = || Failure::Config("say what you are called: --name NAME".to_owned());
    options.name.clone().ok_or_else(missing)
}

/// Joins, and follows what plays until Ctrl-C or the end of the party.
async fn join(args: &PartyArgs, memberships: &mut Memberships) -> Result<(), Failure> {
    let link = Link::read(args.argument.as_deref().unwrap_or_default())?;
    let party_id = link.party_id;
    let kept = memberships.of(party_id);
    let kept_server = kept.as_ref().map(|kept| kept.server.as_str());
    let server = server_to_join(args.options.server.as_deref(), link.server.as_deref(), kept_server)?;
    let is_issuer = kept_server.is_none_or(|kept| is_same_server(&server, kept));
    let party = |token| {
        let client = Client::new(&server, &args.trust)?;
        Ok::<_, Failure>(Party { client, party_id, token, is_issuer })
    };
    let mut membership = kept.map(|kept| kept.membership);
    if let Some(Membership { token, .. }) = &membership {
        match party(token.clone())?.state().await {
            Ok(_) => {}
            Err(error) if error.is_over() => membership = None,
            Err(error) => return Err(error.into()),
        }
    }
    let membership = match membership {
        Some(membership) => membership,
        None => enter(&Client::new(&server, &args.trust)?, party_id, link.invitation, &args.options).await?,
    };
    let party = party(membership.token.clone())?;
    memberships.keep(party_id, &server, membership)?;
    let mut audio = args.audio.then(output).transpose()?.map(Audio::new);
    // Standard output is the player's.
    if audio.is_some() {
        eprintln!("{}", party.page());
    } else {
        output::line(party.page())?;
    }
    tokio::select! {
        ended = follow(&party, audio.as_mut()) => {
            if ended? {
                memberships.forget(party_id)?;
            }
            Ok(())
        }
        stopped = tokio::signal::ctrl_c() => stopped.map_err(Failure::run("cannot wait for Ctrl-C")),
    }
}

/// The server at which to join: the one that the user `chose`, that of the link, or that which gave the `kept` token.
///
/// # Errors
/// The link is of another server than the one that gave the token: whoever made it could read the token.
fn server_to_join(chosen: Option<&str>, link: Option<&str>, kept: Option<&str>) -> Result<String, Failure> {
    if let (None, Some(link), Some(kept)) = (chosen, link, kept)
        && !is_same_server(link, kept)
    {
        return Err(Failure::Config(format!(
            "you are a member of this party at {kept}, and the link is of {link}: choose one of them with --server"
        )));
    }
    Ok(chosen.or(link).or(kept).unwrap_or(LOCAL).to_owned())
}

fn is_same_server(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// Standard output, for bytes.
fn output() -> Result<File, Failure> {
    let output = io::stdout().as_fd().try_clone_to_owned();
    Ok(std::fs::File::from(output.map_err(Failure::run("cannot write to standard output"))?).into())
}

/// Becomes a member.
async fn enter(
    client: &Client,
    party_id: PartyId,
    invitation: Option<String>,
    options: &MemberOptions,
) -> Result<Membership, Failure> {
    let invitation = options.invitation.clone().or(invitation);
    let body = JoinParty { name: name(options)?, invitation, token: None };
    let request = client.request(Method::POST, &format!("api/parties/{party_id}/join")).json(&body);
    Ok(json_of(request).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_of_another_server_does_not_get_the_token() {
        let [real, evil] = ["https://real", "https://evil"].map(Some);
        assert!(server_to_join(None, evil, real).is_err());
        assert_eq!(server_to_join(None, real, Some("https://real/")).unwrap(), "https://real");
        assert_eq!(server_to_join(evil, real, real).unwrap(), "https://evil", "the user says so");
        assert_eq!(server_to_join(None, None, real).unwrap(), "https://real");
        assert_eq!(server_to_join(None, None, None).unwrap(), LOCAL);
    }
}
