//! Bounds of connections and of what arrives over them.

use super::row::{CLOSED, Row, WAITS, fixed, kib, option};

pub(super) fn rows() -> Vec<Row> {
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
