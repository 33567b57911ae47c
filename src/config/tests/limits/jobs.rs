//! Bounds of jobs and workers.

use main_server::bounds::{
    JOB_LISTENERS, JOB_PIECES, JOBS_KEPT, JOBS_KEPT_PER_ACCOUNT, JOBS_MEASURING, JOBS_PICTURING, WORKER_BYTES,
};

use super::row::{Row, TOO_LARGE, TOO_MANY, fixed, kib, option};

pub(super) fn rows() -> Vec<Row> {
    const COUNTS: &str = "unfinished_jobs_of_an_account_and_of_all_are_bounded, unfinished_jobs_that_are_started_at_the_same_time_are_bounded_too";
    const WAITS_FOR_ROOM: &str = "the other items wait until one of them ends";
    vec![
        option(
            "unfinished jobs of an account; operators may start more",
            "jobs_per_account",
            TOO_MANY,
            COUNTS,
        ),
        option("unfinished jobs of the cluster", "jobs_waiting", TOO_MANY, COUNTS),
        option(
            "minutes of an item that is separated or encoded again",
            "job_max_minutes",
            "400 `invalid_request`",
            "what_cannot_be_done_is_refused_at_once",
        ),
        fixed(
            "unfinished measurements that main servers start themselves (`auto_waveform`)",
            JOBS_MEASURING,
            WAITS_FOR_ROOM,
            "jobs_that_servers_start_themselves_are_bounded",
        ),
        fixed(
            "the same of jobs for pictures of videos",
            JOBS_PICTURING,
            WAITS_FOR_ROOM,
            "jobs_that_servers_start_themselves_are_bounded",
        ),
        fixed(
            "pieces of a song",
            JOB_PIECES,
            "the job fails",
            "sound_that_is_empty_or_too_long_fails_the_job, the_largest_record_and_the_largest_task_fit_the_store",
        ),
        fixed(
            "ended jobs of an account",
            JOBS_KEPT_PER_ACCOUNT,
            "the oldest one is forgotten, with its file",
            "ended_jobs_that_are_kept_are_bounded",
        ),
        fixed(
            "ended jobs of the cluster",
            JOBS_KEPT,
            "the oldest one is forgotten, with its file",
            "ended_jobs_that_are_kept_are_bounded",
        ),
        fixed(
            "open event streams of jobs at a main server",
            JOB_LISTENERS,
            TOO_MANY,
            "event_streams_of_jobs_are_bounded",
        ),
        fixed(
            "report of a worker",
            kib(WORKER_BYTES),
            TOO_LARGE,
            "a_report_of_a_worker_over_its_limit_is_refused",
        ),
        option(
            "tasks that a worker does at once",
            "concurrency",
            "tasks wait for another worker",
            "no_more_threads_run_than_asked_for_even_if_lost_tasks_do_not_stop",
        ),
    ]
}
