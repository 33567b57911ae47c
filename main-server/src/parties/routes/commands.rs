//! `POST /api/parties/{party_id}/commands` and `…/report`.

use std::sync::Arc;

use axum::{Json as Answer, extract::State, http::StatusCode};
use protocol::party::{Command, CommandDone, PartyCommand, ReportPlayback};

use super::{
    super::{Caller, Parties, party::Event, text},
    Api,
};
use crate::{
    api::{
        error::Error,
        extract::{Client, Json},
    },
    audit,
};

pub(super) async fn command(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    caller: Caller,
    Json(command): Json<PartyCommand>,
) -> Result<Answer<CommandDone>, Error> {
    let moderation = moderation(&command.command);
    let done = api.parties.command(&caller, text::command(command)?).await?;
    api.commands.inc();
    let operator = caller.person.as_ref().filter(|person| person.is_operator() && !caller.is_host);
    if let (Some(operator), Some(what)) = (operator, moderation) {
        audit::log(&operator.name, address, &format!("{what} the party {}", caller.party_id));
    }
    Ok(Answer(CommandDone { revision: done.revision }))
}

/// The name of a moderating command, for the audit log.
fn moderation(command: &Command) -> Option<&'static str> {
    match command {
        Command::End => Some("ended"),
        Command::Set(_) => Some("changed"),
        Command::Kick { .. } => Some("removed a member from"),
        Command::Mute { .. } => Some("muted a member of"),
        Command::HandOver { .. } => Some("made another member the host of"),
        _ => None,
    }
}

pub(super) async fn report(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Json(report): Json<ReportPlayback>,
) -> Result<StatusCode, Error> {
    let error_ms = report.error_ms.filter(|error_ms| error_ms.is_finite());
    api.parties.report(&caller, ReportPlayback { error_ms, ..report })?;
    Ok(StatusCode::NO_CONTENT)
}

impl Parties {
    fn report(&self, caller: &Caller, report: ReportPlayback) -> Result<(), super::super::Error> {
        let Caller { party_id, member, .. } = *caller;
        self.limits.report(party_id, member)?;
        let is_buffering = report.is_buffering;
        let is_waited_for = self.table.read(party_id, |record| record.waits_for(member)).unwrap_or(false);
        if self.reports.add(party_id, member, report, is_waited_for) {
            self.apply_later(party_id, Event::Buffering { member, is_buffering });
        }
        Ok(())
    }
}
