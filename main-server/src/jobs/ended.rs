//! Which ended jobs are kept: the newest ones of each starter, and of all.

use std::cmp::Reverse;

use protocol::JobId;

use super::{
    Error, Jobs,
    bounds::{JOBS_KEPT, JOBS_KEPT_PER_ACCOUNT},
    job::{Record, Starter},
};

impl Jobs {
    /// Removes the oldest ended jobs beyond the number that is kept. It is called before a job is made, so that requests cannot make
    /// more records than that.
    ///
    /// # Errors
    /// The stores'.
    pub(super) async fn forget_oldest(&self, starter: &Starter) -> Result<(), Error> {
        for (job_id, record) in self.surplus(starter) {
            self.forget(job_id, &record).await?;
        }
        Ok(())
    }

    /// Removes the record of an ended job, unless it has begun again, and what the job has left.
    ///
    /// # Errors
    /// The stores'.
    pub(super) async fn forget(&self, job_id: JobId, record: &Record) -> Result<(), Error> {
        // Without the record nothing would clear up.
        self.clear(job_id, record).await?;
        // The queue remembers tasks that are done. The same job, made anew, has tasks with the same keys.
        self.cancel_tasks(job_id, record, record.task_numbers()).await?;
        Ok(self.records.remove_if(&job_id, |now| now.is_same_run(record) && !now.is_open()).await?)
    }

    /// Ended jobs of the starter, and of all, beyond the newest ones.
    fn surplus(&self, starter: &Starter) -> Vec<(JobId, Record)> {
        self.records.with(|records| {
            let ended =
                records.iter().filter_map(|(job_id, record)| Some((record.ended_at_ms?, *job_id, record)));
            let all: Vec<_> = ended.collect();
            let own = all.iter().filter(|(_, _, record)| record.starter.is_same(starter)).copied().collect();
            let oldest = [(all, JOBS_KEPT), (own, most_kept(starter))].map(|(mut ended, most)| {
                if ended.len() > most {
                    ended.sort_unstable_by_key(|(ended_at_ms, job_id, _)| Reverse((*ended_at_ms, *job_id)));
                }
                ended.into_iter().skip(most).map(|(_, job_id, record)| (job_id, record.clone()))
            });
            oldest.into_iter().flatten().collect()
        })
    }
}

/// How many ended jobs of a starter are kept.
fn most_kept(starter: &Starter) -> usize {
    match starter {
        Starter::Account(_) | Starter::Command => JOBS_KEPT_PER_ACCOUNT,
        // An item is not measured again by itself while its failed job is known.
        Starter::Server => JOBS_KEPT / 2,
    }
}
