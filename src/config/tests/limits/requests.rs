//! Bounds of requests to main servers.

use super::row::{Row, TOO_LARGE, TOO_MANY, fixed, kib, option};

pub(super) fn rows() -> Vec<Row> {
    vec![
        option(
            "requests a second of an address to pages and API; ten times that at once",
            "requests_per_address",
            TOO_MANY,
            "requests_of_an_address_are_bounded_and_only_it_notices",
        ),
        fixed(
            "time of a request from head to answer",
            format!("{} s", main_server::bounds::REQUEST_TIMEOUT.as_secs()),
            "408 `invalid_request`",
            "a_body_that_stops_is_refused_and_its_connection_closed",
        ),
        fixed(
            "request body",
            kib(main_server::bounds::BODY_BYTES),
            TOO_LARGE,
            "a_body_over_its_limit_is_refused",
        ),
        fixed(
            "heartbeat of a node",
            kib(main_server::bounds::HEARTBEAT_BYTES),
            TOO_LARGE,
            "a_body_over_its_limit_is_refused",
        ),
        fixed(
            "report of a recording",
            kib(main_server::bounds::REPORT_BYTES),
            TOO_LARGE,
            "a_report_over_its_limit_is_refused",
        ),
        fixed(
            "preview picture",
            kib(protocol::stream::MAX_THUMBNAIL_BYTES),
            TOO_LARGE,
            "a_picture_comes_back_as_it_was_sent",
        ),
        fixed(
            "lyrics of an item",
            kib(protocol::item::MAX_LYRICS_BYTES),
            TOO_LARGE,
            "lyrics_are_a_text_that_comes_back_as_it_was_sent",
        ),
        fixed(
            "blob of the library, part of an upload",
            kib(objects::MAX_BYTES as usize),
            TOO_LARGE,
            "a_blob_has_64_mib",
        ),
        fixed(
            "depth of JSON",
            main_server::bounds::JSON_DEPTH,
            "400 `invalid_request`",
            "json_is_read_to_a_depth_of_64",
        ),
        fixed(
            "title, in characters; control, invisible and direction characters are refused or removed",
            protocol::title::MAX_CHARS,
            "400 `invalid_title`",
            "a_title_has_120_characters_of_whatever_size, titles_are_cleaned_and_stay_as_they_are_then, what_shows_nothing_or_breaks_lines_is_no_title",
        ),
        fixed(
            "passphrase, in characters",
            main_server::bounds::PASSPHRASE_CHARS,
            "400 `invalid_request`",
            "titles_and_passphrases_are_checked",
        ),
        fixed("grant", kib(cdn::MAX_GRANT_BYTES), "`invalid_grant`", "a_grant_has_4_kib"),
        option(
            "attempts a second of an address at a stream's or item's passphrase or invitations",
            "passphrase_attempts_per_address",
            "they wait for up to 5 s, then 429 `limit_reached`, `Retry-After`",
            "a_burst_does_not_wait_and_what_exceeds_the_longest_wait_is_refused, many_guesses_at_a_passphrase_are_told_to_wait, many_guesses_at_an_invitation_are_told_to_wait",
        ),
        option(
            "event streams of a main server",
            "max_event_listeners",
            TOO_MANY,
            "one_address_gets_nine_tenths_and_others_find_a_place",
        ),
        option(
            "event streams of an address",
            "max_event_listeners_per_address",
            TOO_MANY,
            "a_fixed_bound_holds_for_each_address",
        ),
    ]
}
