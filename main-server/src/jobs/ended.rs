//! Limits the ended jobs that are kept: the newest ones of each starter, and in total.

use std::cmp::Reverse;

use protocol::JobId;

use super::{
    Error, Jobs,
    bounds::{JOBS_KEPT, JOBS_KEPT_PER_ACCOUNT},
    job::{Record, Starter},
};

impl Jobs {
    /// Removes the oldest ended jobs beyond the limit. Called before a job is created, so that requests
    /// cannot create more records than that.
    ///
    /// # Errors
    /// Those of the stores.
    pub(super) async fn forget_oldest(&self, starter: &Starter) -> Result<(), Error> {
        for (job_id, record) in self.surplus(starter) {
            self.forget(job_id, &record).await?;
        }
        Ok(())
    }

    /// Removes the record of an ended job and its leftovers, unless it was restarted.
    ///
    /// # Errors
    /// Those of the stores.
    pub(super) async fn forget(&self, job_id: JobId, record: &Record) -> Result<(), Error> {
        // Cleaned up first, because nothing would without the record.
        self.clear(job_id, record).await?;
        // The queue remembers done tasks, and the same job, created again, has tasks with the same keys.
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

/// The number of ended jobs kept for a starter.
fn most_kept(starter: &Starter) -> usize {
    match starter {
        Starter::Account(_) | Starter::Command => JOBS_KEPT_PER_ACCOUNT,
        // As long as its failed job is known, an item is not measured again automatically.
        Starter::Server => JOBS_KEPT / 2,
    }
}
