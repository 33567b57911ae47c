//! `GET /api/jobs/{job_id}/events`: the job, now and after changes, as Server-Sent Events, until the job or the login ends.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, response::IntoResponse};
use bytes::Bytes;
use per_address::Share;
use protocol::{
    JobId,
    job::{Job, State as JobState},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{super::Jobs, Api, extract::ShownJob, no_listener};
use crate::{
    api::{
        caller::Person,
        error::Error,
        extract::Client,
        login::{Login, Within},
    },
    events::{Event, sse},
};

/// Shortest time between two events of one stream.
const PACE: Duration = Duration::from_millis(250);

struct Listener {
    api: Arc<Api>,
    job_id: JobId,
    person: Person,
    /// Notified of changes of the job and its tasks.
    changed: [watch::Receiver<()>; 3],
    /// The last sent job; none of its fields changes with time alone.
    sent: Option<Job>,
    /// When the next event may be sent.
    next_at: Instant,
    is_over: bool,
    _share: Share,
}

pub(super) async fn listen(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    login: Login,
    ShownJob { job_id, person, .. }: ShownJob,
) -> Result<impl IntoResponse, Error> {
    let share = api.jobs.listeners.take(address).ok_or_else(no_listener)?;
    let [plain, ffmpeg] = api.jobs.tasks.changed();
    let changed = [api.jobs.records.host().changed(), plain, ffmpeg];
    let (closing, next_at) = (api.closing.clone(), Instant::now());
    let events =
        Listener { api, job_id, person, changed, sent: None, next_at, is_over: false, _share: share };
    Ok(sse::answer(Within { login, events }, closing))
}

impl sse::Listener for Listener {
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        let job = self.news().await?;
        self.is_over = !matches!(job.state, JobState::Waiting | JobState::Running);
        let mut text = String::new();
        Event::new("job", &job).write(&mut text);
        Some(text.into())
    }
}

impl Listener {
    /// The job as soon as it differs from the last sent one; `None` if it is gone, or the person may no
    /// longer see it.
    async fn news(&mut self) -> Option<Job> {
        loop {
            sleep_until(self.next_at).await;
            self.changed.iter_mut().for_each(watch::Receiver::mark_unchanged);
            let job = shown(&self.api.jobs, self.job_id, &self.person)?;
            let is_news = self.sent.as_ref().is_none_or(|sent| is_other(sent, &job));
            self.next_at = Instant::now() + PACE;
            if is_news {
                self.sent = Some(job.clone());
                return Some(job);
            }
            let [records, plain, ffmpeg] = &mut self.changed;
            tokio::select! {
                changed = records.changed() => changed.ok()?,
                changed = plain.changed() => changed.ok()?,
                changed = ffmpeg.changed() => changed.ok()?,
            }
        }
    }
}

fn shown(jobs: &Jobs, job_id: JobId, person: &Person) -> Option<Job> {
    let record = jobs.records.get(&job_id).filter(|record| jobs.may_see(record, person))?;
    Some(jobs.view(job_id, &record, true))
}

/// Whether anything besides the time left has changed.
fn is_other(sent: &Job, job: &Job) -> bool {
    let without_time = |job: &Job| Job { left_ms: None, ..job.clone() };
    without_time(sent) != without_time(job)
}
