//! `PUT /api/streams/{stream_id}/recording`: its broadcaster, its owner or an operator has a stream recorded, or not.

use std::sync::Arc;

use axum::{Json as Answer, extract::State};
use protocol::{
    item::{RecordPolicy, SetRecording},
    stream::StreamInfo,
};
use serving::Forwarded;

use super::{addresses, api::Api, extract::Manager};
use crate::{
    api::{
        caller::{Person, forbidden},
        error::Error,
        extract::{Client, Json},
    },
    clock::Now,
};

pub(super) async fn switch(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    manager: Manager,
    forwarded: Forwarded,
    Json(SetRecording { on }): Json<SetRecording>,
) -> Result<Answer<StreamInfo>, Error> {
    check_policy(api.record, on, manager.person.as_ref())?;
    let stream = api.streams.switch_recording(manager.stream_id, on, Now::read()).await?;
    manager.log(address, if on { "began to record" } else { "ceased to record" });
    Ok(Answer(addresses::stream(stream, forwarded.prefix())))
}

/// Whether the operator's policy lets `person`, or the holder of a publish grant, switch recording on or off.
///
/// # Errors
/// `forbidden`.
pub(super) fn check_policy(policy: RecordPolicy, on: bool, person: Option<&Person>) -> Result<(), Error> {
    match policy {
        RecordPolicy::Off if on => Err(forbidden("streams are not recorded here (record = off)")),
        RecordPolicy::All if !on && !person.is_some_and(Person::is_operator) => {
            Err(forbidden("every stream is recorded here (record = all): ask an operator"))
        }
        _ => Ok(()),
    }
}
