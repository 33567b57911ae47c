//! Bounds of streams, accounts and nodes of the cluster.

use super::row::{Row, TOO_MANY, fixed, option};

pub(super) fn rows() -> Vec<Row> {
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
