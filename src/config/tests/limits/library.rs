//! Bounds of the library.

use main_server::bounds::ITEM_LISTENERS;

use super::row::{Row, TOO_MANY, fixed, option};

pub(super) fn rows() -> Vec<Row> {
    vec![
        option("items", "library_items", "507 `quota_exceeded`", "no_more_items_than_agreed_are_made"),
        option(
            "bytes of all items",
            "library_quota_bytes",
            "507 `quota_exceeded`; the oldest recordings are deleted",
            "beyond_the_quota_deleted_items_go_first_and_then_the_oldest_recordings",
        ),
        option(
            "bytes of the items of an account",
            "library_account_quota_bytes",
            "507 `quota_exceeded`",
            "an_account_has_no_more_bytes_than_its_share",
        ),
        fixed("bytes of an item's record", "5 KiB", "–", "the_largest_record_has_less_than_5_kib"),
        fixed(
            "manifests that a main server keeps in memory, by their fragments",
            "200,000 fragments",
            "the one that was not asked for longest is read again",
            "those_that_were_not_asked_for_longest_make_room",
        ),
        fixed(
            "pictures for the time line of an item",
            "240",
            "every second one goes",
            "pictures_are_bounded_and_cover_the_whole_time",
        ),
        fixed(
            "items of a page, and what a list or a search looks at",
            "100 items; each item and each known word once",
            "–",
            "lists_and_searches_look_at_no_more_than_they_have_to",
        ),
        fixed(
            "open streams of events of the items that a person may change, at a main server",
            ITEM_LISTENERS,
            TOO_MANY,
            "event_streams_of_the_library_are_bounded",
        ),
        fixed(
            "changed items of which such a stream has not told",
            "1,000",
            "it tells that there were more",
            "a_listener_that_is_slow_learns_that_it_missed_items",
        ),
        option(
            "invitations of an item that are neither revoked nor expired",
            "max_invitations",
            "429 `limit_reached`",
            "invitations_are_made_by_those_who_manage_the_stream_within_bounds",
        ),
    ]
}
