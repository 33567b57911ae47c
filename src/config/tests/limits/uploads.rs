//! Bounds of uploads.

use main_server::bounds::{IDLE_MS, MAX_RECEIVING, MAX_UPLOADS, MAX_WRITERS, PART_BYTES};

use super::row::{Row, TOO_LARGE, TOO_MANY, fixed, kib, option};

pub(super) fn rows() -> Vec<Row> {
    const BOUNDED: &str = "an_upload_has_as_many_files_and_bytes_as_it_may";
    vec![
        option("bytes of an uploaded file", "upload_bytes", TOO_LARGE, BOUNDED),
        option("unfinished uploads of an account or address", "uploads_per_address", TOO_MANY, BOUNDED),
        fixed(
            "unfinished uploads of the cluster",
            MAX_UPLOADS,
            TOO_MANY,
            "unfinished_uploads_of_all_are_bounded",
        ),
        option(
            "hours without progress of an unfinished upload",
            "upload_keep_hours",
            "it is deleted",
            "an_upload_without_progress_expires_and_leaves_nothing",
        ),
        fixed(
            "minutes without progress after which an unfinished upload counts to quotas with the bytes that came, and no longer with its whole size",
            IDLE_MS / 60_000,
            "it goes on if there is room for the rest, else 507 `quota_exceeded`",
            "an_upload_of_which_nothing_comes_for_an_hour_holds_no_room_for_what_it_lacks, a_request_whose_upload_became_idle_needs_room_for_what_it_still_sends, uploads_that_are_made_or_go_on_in_the_same_moment_do_not_take_the_same_room",
        ),
        fixed(
            "requests that append to uploads at the same time, at one main server; an address gets at most nine times as many as are free",
            MAX_RECEIVING,
            "503 `no_capacity`, `Retry-After`",
            "a_server_receives_a_bounded_number_of_uploads_at_a_time",
        ),
        fixed(
            "bytes of an upload in memory",
            kib(PART_BYTES as usize),
            "the next ones are read once these are stored",
            "any_main_server_goes_on_after_another_died",
        ),
        fixed(
            "requests that append to one upload",
            MAX_WRITERS,
            TOO_MANY,
            "requests_that_append_to_an_upload_are_bounded",
        ),
    ]
}
