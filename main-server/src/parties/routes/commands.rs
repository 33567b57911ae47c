//! `POST /api/parties/{party_id}/commands` and `…/report`.

use std::sync::Arc;

use axum::{Json as Answer, extract::State, http::StatusCode};
use protocol::party::{CommandDone, PartyCommand, ReportPlayback};

use super::{
    super::{Caller, Parties, party::Event, text},
    Api,
};
use crate::api::{error::Error, extract::Json};

pub(super) async fn command(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Json(command): Json<PartyCommand>,
) -> Result<Answer<CommandDone>, Error> {
    let done = api.parties.command(&caller, text::command(command)?).await?;
    api.commands.inc();
    Ok(Answer(CommandDone { revision: done.revision }))
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
        if self.reports.add(party_id, member, report) {
            self.apply_later(party_id, Event::Buffering { member, is_buffering });
        }
        Ok(())
    }
}
