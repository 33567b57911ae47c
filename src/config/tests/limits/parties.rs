//! Bounds of parties.

use main_server::bounds::{
    PARTIES_INVITATIONS, PARTIES_MADE, PARTY_COMMANDS, PARTY_ENTRY_LOOK_UPS, PARTY_INVITATIONS, PARTY_JOINS,
    PARTY_LOOK_UPS, PARTY_MEMBERS_OF_ACCOUNT, PARTY_MESSAGES, PARTY_PEOPLE, PARTY_QUESTIONS, PARTY_QUEUE,
    PARTY_QUEUE_OF_FORMER, PARTY_QUEUE_OF_MEMBER, PARTY_READS,
};

use super::row::{Row, TOO_MANY, fixed, option};

pub(super) fn rows() -> Vec<Row> {
    const PLACES: &str = "parties_are_bounded_and_an_address_gets_its_share";
    const PACE_OF_ADDRESS: &str = "an_address_makes_and_joins_parties_at_a_bounded_pace";
    const PACE: &str = "a_member_asks_and_writes_at_a_bounded_pace";
    const PACE_OF_WRITING: &str =
        "a_member_asks_and_writes_at_a_bounded_pace, joining_again_gives_a_person_no_further_burst";
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
            "one_member_does_not_fill_the_queue, a_person_has_its_entries_again_and_adds_no_more_than_before",
        ),
        fixed(
            "entries in the queue of a party of all members that have left it, apart from those that a leader added or accepted",
            PARTY_QUEUE_OF_FORMER,
            "the one that left with most of them loses its newest",
            "guests_that_leave_do_not_fill_the_queue_and_the_entries_of_a_host_stay",
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
        fixed("messages of a member", pace(PARTY_MESSAGES), TOO_MANY, PACE_OF_WRITING),
        fixed(
            "other calls of a member, for the state, events, grants to play and invitations",
            pace(PARTY_READS),
            TOO_MANY,
            "a_member_reads_at_a_bounded_pace_and_only_it_notices",
        ),
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
