//! `GET /api/jobs`: the jobs that the caller may see, newest first.

use std::{cmp::Reverse, sync::Arc};

use axum::{
    Json as Answer,
    extract::{Query, State, rejection::QueryRejection},
};
use protocol::{
    ItemId, JobId,
    job::{JobPage, State as JobState},
};
use serde::Deserialize;

use super::{
    super::{
        Jobs,
        job::{Phase, Record},
    },
    Api,
};
use crate::api::{
    caller::{Person, SignedIn},
    error::Error,
};

/// Default and largest page size.
const PAGE: usize = 50;
const MOST: usize = 100;

/// The query; all fields are optional.
#[derive(Deserialize)]
pub(super) struct Asked {
    state: Option<JobState>,
    item_id: Option<ItemId>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// A job's position in the list.
type Place = Reverse<(u64, JobId)>;

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    SignedIn(person): SignedIn,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Answer<JobPage>, Error> {
    let Query(asked) = asked.map_err(|error| Error::invalid(error.body_text()))?;
    let after = asked.cursor.as_deref().filter(|cursor| !cursor.is_empty()).map(place).transpose()?;
    let limit = asked.limit.unwrap_or(PAGE);
    if !(1..=MOST).contains(&limit) {
        return Err(Error::invalid(format!("limit must be from 1 to {MOST}")));
    }
    Ok(Answer(api.jobs.page(&asked, after, limit, &person)))
}

impl Jobs {
    fn page(&self, asked: &Asked, after: Option<Place>, limit: usize, person: &Person) -> JobPage {
        let is_found = |record: &Record| {
            asked.item_id.is_none_or(|item_id| record.item_id == item_id)
                && asked.state.is_none_or(|state| may_be(record.phase, state))
                && self.may_see(record, person)
        };
        let mut found: Vec<Place> = self.records.with(|records| {
            let found = records.iter().filter(|(_, record)| is_found(record));
            found.map(|(job_id, record)| Reverse((record.created_at_ms, *job_id))).collect()
        });
        let view = |Reverse((_, job_id)): &Place| {
            self.records.get(job_id).map(|record| self.view(*job_id, &record, false))
        };
        if matches!(asked.state, Some(JobState::Waiting | JobState::Running)) {
            // Only the queue knows whether work has begun.
            found.retain(|place| view(place).is_some_and(|job| Some(job.state) == asked.state));
        }
        let total = found.len() as u64;
        found.retain(|place| after.is_none_or(|after| *place > after));
        found.sort_unstable();
        let last = found.len().checked_sub(limit + 1).and_then(|_| found.get(limit - 1));
        let next_cursor = last.map(|Reverse((at_ms, job_id))| format!("{at_ms}-{job_id}"));
        found.truncate(limit);
        JobPage { jobs: found.iter().filter_map(view).collect(), total, next_cursor }
    }
}

/// Whether a job of that phase can have the state.
fn may_be(phase: Phase, state: JobState) -> bool {
    match phase {
        Phase::Open => matches!(state, JobState::Waiting | JobState::Running),
        Phase::Done => state == JobState::Done,
        Phase::Failed => state == JobState::Failed,
        Phase::Cancelled => state == JobState::Cancelled,
    }
}

fn place(cursor: &str) -> Result<Place, Error> {
    let parts = cursor.split_once('-');
    let place = parts.and_then(|(at_ms, job_id)| Some(Reverse((at_ms.parse().ok()?, job_id.parse().ok()?))));
    place.ok_or_else(|| Error::invalid("cursor is not that of an answer"))
}
