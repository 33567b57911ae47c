//! The extractors of the handlers of jobs. A job that the caller may not see gets the same answer as one that
//! does not exist.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use protocol::JobId;
use serde::Deserialize;

use super::{
    super::{Error, Key, job::Record},
    Api,
};
use crate::api::{
    caller::{Person, SignedIn, forbidden},
    error::Error as ApiError,
};

#[derive(Deserialize)]
struct JobIdText {
    job_id: String,
}

/// A job that the caller may see ([`Jobs::may_see`](super::super::Jobs::may_see)).
pub(super) struct ShownJob {
    pub(super) job_id: JobId,
    pub(super) record: Record,
    pub(super) person: Person,
}

impl FromRequestParts<Arc<Api>> for ShownJob {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let SignedIn(person) = SignedIn::from_request_parts(parts, api).await?;
        let path = Path::<JobIdText>::from_request_parts(parts, api).await;
        let job_id = path.ok().and_then(|Path(path)| path.job_id.parse().ok()).ok_or(Error::Unknown)?;
        let record = api.jobs.find_for(job_id, &person).await?;
        Ok(Self { job_id, record, person })
    }
}

/// A job that the caller may cancel and retry: operators, and accounts that requested it.
pub(super) struct ChangedJob {
    pub(super) job_id: JobId,
    pub(super) record: Record,
    pub(super) person: Person,
}

impl FromRequestParts<Arc<Api>> for ChangedJob {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let ShownJob { job_id, person, .. } = ShownJob::from_request_parts(parts, api).await?;
        // Read from the store, because another main server may have just restarted it.
        api.jobs.records.look_up(&job_id).await?;
        let record = api.jobs.find_for(job_id, &person).await?;
        if !api.jobs.may_change(&record, &person) {
            return Err(forbidden("only accounts that asked for the job and operators may do this"));
        }
        Ok(Self { job_id, record, person })
    }
}

/// The task in the path. A malformed key gets the same answer as a task that the worker has lost.
pub(super) struct TaskPath(pub(super) Key);

impl<S: Send + Sync> FromRequestParts<S> for TaskPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let key = path.ok().and_then(|Path(text)| text.parse().ok());
        key.map(Self).ok_or_else(|| Error::Lost.into())
    }
}
