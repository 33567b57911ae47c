//! `docs/limits.md` is made of the table here, the defaults of the options and the constants of the code; the test fails where it is
//! stale, and where an option that bounds something has no row. `make configuration` writes it.

use std::{collections::BTreeSet, env, fmt::Write, fs};

use super::reference::{Entry, entries, path};

/// A bound.
struct Row {
    /// What is bounded.
    what: &'static str,
    /// The option that sets it, or its fixed value.
    by: By,
    /// What happens beyond it.
    beyond: &'static str,
    /// The tests of its edge.
    tests: &'static str,
}

/// Where a bound is defined.
enum By {
    /// The key of the option that sets it.
    Option(&'static str),
    /// A constant, as shown.
    Fixed(String),
}

const fn option(what: &'static str, key: &'static str, beyond: &'static str, tests: &'static str) -> Row {
    Row { what, by: By::Option(key), beyond, tests }
}

fn fixed(what: &'static str, value: impl ToString, beyond: &'static str, tests: &'static str) -> Row {
    Row { what, by: By::Fixed(value.to_string()), beyond, tests }
}

fn kib(bytes: usize) -> String {
    format!("{} KiB", bytes >> 10)
}

const CLOSED: &str = "the connection is closed";
const WAITS: &str = "the client waits; if it sends more, the connection is closed";
const TOO_MANY: &str = "429 `limit_reached`, `Retry-After`";
const TOO_LARGE: &str = "413 `payload_too_large`";
const NO_CAPACITY: &str = "`no_capacity`: clients try the next node";

fn connections() -> Vec<Row> {
    vec![
        option(
            "time of a request head, and of a TLS handshake; idle connection, also with HTTP/2",
            "request_timeout_ms",
            CLOSED,
            "a_request_head_that_never_comes_whole_ends_the_connection, a_handshake_that_is_not_finished_has_the_time_of_a_request_head, an_http2_connection_without_a_request_is_closed_and_one_with_a_running_request_is_not",
        ),
        fixed("bytes of a request head", kib(serving::MAX_HEAD_BYTES), "431", "a_request_head_has_32_kib"),
        fixed(
            "bytes of a request head with HTTP/2, decoded, with 32 for each field",
            kib(serving::MAX_HTTP2_HEAD_BYTES as usize),
            "431",
            "a_request_head_has_100_fields_and_16_kib_in_http2",
        ),
        fixed(
            "fields of a request head",
            serving::MAX_HEAD_FIELDS,
            "431",
            "a_request_head_has_100_fields, a_request_head_has_100_fields_and_16_kib_in_http2",
        ),
        fixed(
            "requests at the same time over one HTTP/2 connection",
            serving::MAX_HTTP2_REQUESTS,
            "the request is refused, and the client may repeat it",
            "requests_at_the_same_time_and_heads_are_bounded_in_http2",
        ),
        fixed(
            "requests of an HTTP/2 connection that its client resets before the server looks at them",
            serving::MAX_HTTP2_RESETS,
            CLOSED,
            "requests_that_a_client_resets_at_once_are_bounded_in_http2",
        ),
        fixed(
            "bytes of a request body with HTTP/2 that are sent before they are read",
            kib(serving::HTTP2_STREAM_WINDOW_BYTES as usize),
            WAITS,
            "bodies_that_are_not_read_are_bounded_in_http2",
        ),
        fixed(
            "the same of all bodies of a connection",
            kib(serving::HTTP2_CONNECTION_WINDOW_BYTES as usize),
            WAITS,
            "bodies_that_are_not_read_are_bounded_in_http2",
        ),
        option(
            "mean rate of a request body, after a first pause",
            "min_body_rate",
            "400 or 408 `invalid_request`, closed",
            "a_body_may_pause_and_be_slow_but_not_for_ever, a_body_that_stops_is_refused_and_its_connection_closed, an_http2_body_that_stops_is_refused",
        ),
        option(
            "time for which a client may leave a response unread",
            "unread_timeout_ms",
            "the connection is closed; with HTTP/2 only the response ends, if the client reads others",
            "viewers_that_never_read_delay_no_other_and_hold_no_memory, a_client_that_takes_nothing_of_an_http2_response_is_closed, an_http2_response_that_is_not_read_ends_alone_while_others_are_read",
        ),
        option(
            "connections of a port",
            "max_connections",
            "the oldest idle one makes room; if there are WebSockets only, the new one is closed",
            "connections_beyond_all_places_are_closed_at_once, some_descriptors_are_kept_for_everything_else",
        ),
        option(
            "connections that neither watch nor publish, with TLS handshakes that are not finished",
            "max_http_connections",
            "the one that is idle longest makes room",
            "half_open_handshakes_make_room_for_good_ones, idle_connections_make_room_and_others_do_not, half_sent_heads_keep_no_viewer_out_and_no_node_from_its_main_server",
        ),
        option(
            "connections of an address",
            "max_connections_per_address",
            "its oldest idle one makes room, else 429 `limit_reached`, `Retry-After`",
            "an_address_with_as_many_connections_as_it_may_have_gets_a_code_and_others_get_in, a_host_at_its_limit_displaces_its_own_idle_ones_and_then_is_refused",
        ),
    ]
}

fn requests() -> Vec<Row> {
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

fn streams() -> Vec<Row> {
    vec![
        option("streams of the cluster", "max_cluster_streams", TOO_MANY, "live_streams_are_bounded"),
        option(
            "streams of an address",
            "max_streams_per_address",
            TOO_MANY,
            "streams_of_an_address_are_bounded_and_only_it_notices, an_address_leaves_room_on_the_nodes_for_others",
        ),
        option(
            "streams without media yet",
            "max_waiting_streams",
            "the address with most of them loses its oldest",
            "an_address_that_creates_without_end_displaces_its_own_streams",
        ),
        option(
            "preview pictures together",
            "thumbnail_bytes",
            TOO_MANY,
            "pictures_are_bounded_together_and_freed_when_their_stream_ends",
        ),
        option(
            "invitations of a stream that are neither revoked nor expired",
            "max_invitations",
            "429 `limit_reached`",
            "invitations_are_made_by_those_who_manage_the_stream_within_bounds",
        ),
        fixed(
            "invitations of a stream, with revoked and expired ones",
            "ten times `max_invitations`",
            "429 `limit_reached`",
            "revoked_invitations_make_room_for_others_and_are_bounded_all_the_same",
        ),
        fixed(
            "requests that wait to count a use of the same invitation, at one main server",
            256,
            TOO_MANY,
            "an_invitation_does_not_wait_for_another_and_a_bounded_number_for_the_same",
        ),
        option(
            "stream keys of an account",
            "max_stream_keys",
            "429 `limit_reached`",
            "keys_are_bounded_per_account_and_have_names",
        ),
        option(
            "accounts",
            "max_accounts",
            "429 `limit_reached`",
            "accounts_are_bounded_and_kept_by_their_rules",
        ),
        option(
            "sessions of an account",
            "max_sessions",
            "the one that was not used for longest ends",
            "sessions_of_an_account_are_bounded_and_end_after_their_time",
        ),
        option("nodes of the cluster", "max_nodes", TOO_MANY, "no_more_nodes_than_agreed_are_known"),
    ]
}

fn nodes() -> Vec<Row> {
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
        option(
            "bytes of the library's media on a node's disk",
            "library_disk_cache_bytes",
            "the least recently used are deleted",
            "least_recently_used_files_are_deleted_beyond_the_bound_also_after_a_restart",
        ),
        fixed(
            "fragments of one answer; 64 MiB, or one fragment",
            cdn::MAX_FRAGMENTS,
            "the answer has fewer",
            "several_fragments_are_one_body_from_a_time_on_within_a_take",
        ),
    ]
}

fn library() -> Vec<Row> {
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
        option(
            "invitations of an item that are neither revoked nor expired",
            "max_invitations",
            "429 `limit_reached`",
            "invitations_are_made_by_those_who_manage_the_stream_within_bounds",
        ),
    ]
}

fn uploads() -> Vec<Row> {
    use main_server::bounds::{MAX_RECEIVING, MAX_UPLOADS, MAX_WRITERS, PART_BYTES};
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

fn jobs() -> Vec<Row> {
    use main_server::bounds::{JOB_LISTENERS, JOB_PIECES, JOBS_KEPT, JOBS_KEPT_PER_ACCOUNT, WORKER_BYTES};
    const COUNTS: &str = "unfinished_jobs_of_an_account_and_of_all_are_bounded";
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

fn parties() -> Vec<Row> {
    use main_server::bounds::{
        PARTIES_INVITATIONS, PARTIES_MADE, PARTY_COMMANDS, PARTY_ENTRY_LOOK_UPS, PARTY_INVITATIONS,
        PARTY_JOINS, PARTY_LOOK_UPS, PARTY_MEMBERS_OF_ACCOUNT, PARTY_MESSAGES, PARTY_PEOPLE, PARTY_QUESTIONS,
        PARTY_QUEUE, PARTY_QUEUE_OF_MEMBER,
    };
    const PLACES: &str = "parties_are_bounded_and_an_address_gets_its_share";
    const PACE_OF_ADDRESS: &str = "an_address_makes_and_joins_parties_at_a_bounded_pace";
    const PACE: &str = "a_member_asks_and_writes_at_a_bounded_pace";
    let pace = |(per_second, at_once)| format!("{per_second} a second, {at_once} at once");
    vec![
        option("parties of the cluster", "parties", TOO_MANY, PLACES),
        option("parties that an address made at a main server", "parties_per_address", TOO_MANY, PLACES),
        option(
            "hours in which no member of a party is present",
            "party_idle_hours",
            "it is deleted",
            "a_party_with_nobody_in_it_is_deleted_with_its_invitations",
        ),
        option(
            "members of a party",
            "party_members",
            "the member that was away for longest leaves, else 429 `limit_reached`, `Retry-After`",
            "in_a_full_party_the_member_that_was_away_for_longest_makes_room",
        ),
        option(
            "open event streams of members at a main server; 8 of each member",
            "party_listeners",
            TOO_MANY,
            "event_streams_of_members_are_bounded",
        ),
        fixed(
            "entries in the queue of a party",
            PARTY_QUEUE,
            TOO_MANY,
            "the_largest_records_of_any_texts_fit_the_store",
        ),
        fixed(
            "entries in the queue of a party of a member that does not lead it",
            PARTY_QUEUE_OF_MEMBER,
            TOO_MANY,
            "one_member_does_not_fill_the_queue",
        ),
        fixed(
            "members of a party of one account",
            PARTY_MEMBERS_OF_ACCOUNT,
            "the one that was away for longest leaves, else 429 `limit_reached`, `Retry-After`",
            "an_account_has_a_bounded_number_of_members",
        ),
        fixed(
            "parties that an address makes at a main server",
            pace(PARTIES_MADE),
            TOO_MANY,
            PACE_OF_ADDRESS,
        ),
        fixed("attempts of an address to join a party", pace(PARTY_JOINS), TOO_MANY, PACE_OF_ADDRESS),
        fixed(
            "questions of an address to the store for parties that it may not see",
            pace(PARTY_QUESTIONS),
            TOO_MANY,
            "a_client_learns_nothing_of_a_private_party_from_the_store",
        ),
        fixed(
            "accounts that may join a private party",
            PARTY_PEOPLE,
            "400 `invalid_request`",
            "people_are_bounded_and_have_the_names_of_accounts",
        ),
        fixed("commands of a member", pace(PARTY_COMMANDS), TOO_MANY, PACE),
        fixed("messages of a member", pace(PARTY_MESSAGES), TOO_MANY, PACE),
        fixed(
            "invitations of a party that are neither revoked nor expired",
            PARTY_INVITATIONS,
            TOO_MANY,
            "invitations_of_a_party_are_few",
        ),
        fixed(
            "invitations of all parties, with revoked and expired ones",
            PARTIES_INVITATIONS,
            TOO_MANY,
            "invitations_to_parties_leave_room_for_the_others",
        ),
        fixed(
            "questions to the store for members of a party that a main server does not know",
            pace(PARTY_LOOK_UPS),
            TOO_MANY,
            "a_caller_hears_that_it_is_unknown_only_if_the_store_was_asked",
        ),
        fixed(
            "questions to the store for entries that a main server does not know, of a member",
            pace(PARTY_ENTRY_LOOK_UPS),
            TOO_MANY,
            "an_entry_that_another_server_added_just_now_can_be_played",
        ),
        fixed(
            "entries that a party without a present member plays, after a minute",
            "one a minute",
            "the next one begins later",
            "a_deserted_party_plays_short_entries_at_a_bounded_pace",
        ),
    ]
}

fn page() -> String {
    let options: Vec<Entry> = entries().into_iter().flat_map(|(_, entries)| entries).collect();
    let mut page = String::from(
        "# Limits\n\n\
         <!-- Generated from the code by `make configuration`. -->\n\n\
         Everything that a client can make grow has a bound. An address is an IPv4 address or a 64-bit IPv6 network; behind a trusted\n\
         proxy it is the client's. Where a default is \"by share\", an address gets at most nine times as many as are free, so that others\n\
         always find some. [configuration.md](configuration.md) says how to set an option; the other values are fixed.\n",
    );
    let sections = [
        ("Connections", connections()),
        ("Requests", requests()),
        ("Streams", streams()),
        ("Nodes", nodes()),
        ("Library", library()),
        ("Uploads", uploads()),
        ("Parties", parties()),
        ("Jobs", jobs()),
    ];
    for (title, rows) in sections {
        writeln!(
            page,
            "\n## {title}\n\n| what | default | option | beyond it | tests |\n|---|---|---|---|---|"
        )
        .unwrap();
        for Row { what, by, beyond, tests } in rows {
            let (default, key) = match by {
                By::Fixed(value) => (value, "–".to_owned()),
                By::Option(key) => (default(&options, key), format!("`{key}`")),
            };
            let tests: Vec<_> = tests.split(", ").map(|test| format!("`{test}`")).collect();
            writeln!(page, "| {what} | {default} | {key} | {beyond} | {} |", tests.join(", ")).unwrap();
        }
    }
    page
}

fn default(options: &[Entry], key: &str) -> String {
    let entry = options.iter().find(|entry| entry.option.get_id() == key);
    let entry = entry.unwrap_or_else(|| panic!("no option {key}"));
    let given: BTreeSet<_> = entry.commands.keys().flatten().collect();
    let derived = match key {
        "max_connections" => "open files less an eighth",
        "max_http_connections" => "a quarter of the open files",
        "max_connections_per_address" => "nine tenths of all",
        "max_viewers_per_address" => "nine tenths of `max_viewers`",
        "concurrency" => "processors; half of them with `up`",
        _ => "by share",
    };
    given.first().map_or_else(|| derived.to_owned(), |default| (*default).clone())
}

#[test]
fn the_page_of_limits_is_what_the_code_says() {
    let text = page();
    if env::var_os("WRITE_CONFIGURATION").is_some() {
        fs::write(path("limits.md"), &text).unwrap();
    }
    let kept = fs::read_to_string(path("limits.md")).unwrap_or_default();
    assert!(kept == text, "docs/limits.md is stale; `make configuration` writes it anew");
}

#[test]
fn every_option_that_bounds_something_has_a_row() {
    let text = page();
    for Entry { option, .. } in entries().into_iter().flat_map(|(_, entries)| entries) {
        let (key, help) = (option.get_id(), option.get_help().map(ToString::to_string).unwrap_or_default());
        let is_bound = help.starts_with("Most ") && key != "egress_limit"
            || key.as_str().starts_with("max_") && key != "max_lag_ms";
        assert!(!is_bound || text.contains(&format!("| `{key}` |")), "{key} has no row in docs/limits.md");
    }
}
