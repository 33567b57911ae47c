//! Bounds of a node.

use super::row::{NO_CAPACITY, Row, TOO_MANY, fixed, option};

pub(super) fn rows() -> Vec<Row> {
    vec![
        option(
            "connections of a node; Socket.IO sessions count from their first request on",
            "max_media_connections",
            NO_CAPACITY,
            "connections_are_bounded_together_and_counted_apart, node_without_room_for_connections_says_no_capacity_on_every_transport, sessions_of_an_address_that_never_join_are_bounded_and_others_get_in",
        ),
        fixed(
            "Socket.IO sessions beyond those, which only learn that the node is full; a sixteenth of them for an address",
            cdn::MAX_REFUSED_SESSIONS,
            "503 `no_capacity`",
            "sessions_of_an_address_that_never_join_are_bounded_and_others_get_in",
        ),
        option(
            "connections of an address to a node",
            "max_media_connections_per_address",
            NO_CAPACITY,
            "connections_of_an_address_are_bounded_over_all_transports",
        ),
        option(
            "viewers of a node; an eighth more of those that lost another node",
            "max_viewers",
            NO_CAPACITY,
            "viewers_are_bounded_per_node_and_relays_per_stream, full_node_answers_no_capacity_on_every_transport",
        ),
        option(
            "viewers of an address on a node",
            "max_viewers_per_address",
            NO_CAPACITY,
            "viewers_of_an_address_are_bounded_and_relays_are_not",
        ),
        option(
            "streams of a node",
            "max_streams",
            NO_CAPACITY,
            "full_node_answers_no_capacity_on_every_transport",
        ),
        option(
            "streams that one connection watches, and publishes",
            "max_streams_per_connection",
            "`limit_reached`",
            "streams_at_the_same_time_are_bounded_per_connection",
        ),
        option(
            "nodes that pull one stream",
            "max_relays",
            NO_CAPACITY,
            "viewers_are_bounded_per_node_and_relays_per_stream",
        ),
        option(
            "bytes of a segment",
            "segment_bytes",
            "`payload_too_large`",
            "limits_are_answered_with_a_code",
        ),
        option(
            "bytes a second of a stream; four times that at once",
            "ingest_limit",
            "`limit_reached`",
            "a_burst_passes_and_then_the_rate_holds, what_a_segment_of_tiny_elements_took_is_paid_off_by_its_stream_alone",
        ),
        option(
            "segments a second of a stream; four times that at once",
            "max_segments_per_second",
            "`limit_reached`",
            "segments_a_second_are_bounded_and_only_their_stream_notices",
        ),
        option(
            "processor use beyond which no viewers are admitted",
            "max_cpu",
            NO_CAPACITY,
            "full_node_answers_no_capacity_on_every_transport",
        ),
        option(
            "bytes of all windows",
            "window_bytes",
            "the stream that holds most loses its oldest groups",
            "a_stream_that_fills_the_memory_takes_nothing_from_the_windows_of_others",
        ),
        option(
            "bytes of recordings that wait on the disk of a node",
            "recording_spool_bytes",
            "the oldest fragments are lost, counted in `undead_cdn_recording_groups_lost_total`, and logged once",
            "beyond_the_bound_the_oldest_is_lost_and_counted, a_group_that_does_not_fit_the_bound_is_lost_and_the_next_one_is_not",
        ),
        fixed(
            "recordings of a node that only grants of broadcasters name, and no answer of a main server yet",
            cdn::MAX_GRANTED_RECORDINGS,
            "the stream is recorded once a main server answers",
            "grants_name_a_bounded_number_of_recordings",
        ),
        option(
            "bytes of a group",
            "group_bytes",
            "it loses its start",
            "group_larger_than_its_bound_loses_its_start_and_joiners_wait_for_the_next_keyframe",
        ),
        option(
            "answers with media of the library at once; each holds 512 KiB at most",
            "max_library_responses",
            "503 `no_capacity`, `Retry-After`",
            "answers_at_once_are_bounded_and_a_refused_client_is_told_to_try_another_node, a_client_that_takes_nothing_holds_one_piece_and_goes_on_where_it_was",
        ),
        option(
            "requests a second of an address to a node's library, health and metrics; ten times that at once",
            "library_requests_per_address",
            TOO_MANY,
            "requests_of_an_address_to_a_node_are_bounded_and_only_it_notices",
        ),
        option(
            "bytes of the library's media in memory",
            "library_cache_bytes",
            "the least recently used are dropped",
            "memory_is_bounded_and_the_least_recently_used_goes_first",
        ),
        fixed(
            "files of an object folder that a node keeps open; closed when not used for a minute",
            "an eighth of the open files, 2560 at most; nodes in one process share them",
            "the least recently used is closed; if answers need all, media is read into memory",
            "the_least_recently_used_file_that_no_answer_needs_makes_room, files_are_closed_when_they_were_not_used_for_a_while, some_descriptors_are_kept_for_everything_else",
        ),
        option(
            "bytes of the library's media on a node's disk",
            "library_disk_cache_bytes",
            "the least recently used are deleted",
            "least_recently_used_files_are_deleted_beyond_the_bound_also_after_a_restart",
        ),
        fixed(
            "fragments in WebM whose sound a node rewrites for players of HLS at the same time; 64 with those that wait; 16,384 packets and 512 KiB of sound each",
            cdn::MAX_REWRITTEN,
            "they wait for up to 10 s, else 503 `no_capacity`, `Retry-After`; 406 `unsupported_format` for a fragment with more sound",
            "four_are_rewritten_at_once_and_sixty_four_asked_for_also_if_their_requests_are_cancelled, rewritten_sound_is_bounded, a_fragment_without_sound_has_no_samples_and_one_with_too_many_packets_is_refused",
        ),
        fixed(
            "fragments of one answer; 64 MiB, or one fragment",
            cdn::MAX_FRAGMENTS,
            "the answer has fewer",
            "several_fragments_are_one_body_from_a_time_on_within_a_take",
        ),
    ]
}
