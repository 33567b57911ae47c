//! The failure cases of an earlier two-phase protocol for agreeing on the next song, by name.

use protocol::party::{Command, HostLoss, Policy, Settings};

use super::{
    super::{Event, Refusal, Viewer},
    support::{Party, song, target},
};

fn pool() -> Party {
    let mut party = Party::new(Policy::Vote, Settings::default());
    for (number, hash) in [(1, "d"), (2, "c"), (3, "a"), (4, "b")] {
        party.queue(Party::HOST, &song(number, hash));
    }
    party
}

#[test]
fn tie_goes_to_the_entry_whose_hash_is_first() {
    let mut party = pool();
    let ann = party.join("Ann");
    party.vote(Party::HOST, &song(2, "c"));
    party.vote(ann, &song(4, "b"));
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 4"));
}

#[test]
fn random_votes_are_cast_for_present_members_and_are_the_same_everywhere() {
    let mut party = pool();
    let ann = party.join("Ann");
    for name in ["Bob", "Cat", "Dan", "Eve"] {
        party.join(name);
    }
    party.vote(ann, &song(2, "c"));
    let mut replica = party.clone();
    replica.pass(500);
    party.play_out();
    replica.play_out();
    let closed = party.record.view(Viewer::Members).last_round.unwrap();
    assert_eq!(closed.cast_at_random, 5);
    assert_eq!(closed.votes.iter().map(|votes| votes.count).sum::<u32>(), 6);
    assert_eq!(replica.record.view(Viewer::Members).last_round.unwrap(), closed);
    assert_eq!(replica.playing(), party.playing());
}

#[test]
fn changed_vote_counts_once_for_the_last_entry() {
    let mut party = pool();
    for number in [2, 3, 4] {
        party.vote(Party::HOST, &song(number, ""));
    }
    assert_eq!(party.votes(), [(1, vec!["m1".into()])]);
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 4"));
}

#[test]
fn member_dies_before_preparing_its_vote_does_not_count_and_the_round_closes() {
    let mut party = pool();
    let ann = party.join("Ann");
    party.vote(Party::HOST, &song(2, "c"));
    // The member dies before it votes, so none is cast for it. No answer of it is needed.
    party.away(ann);
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 2"));
    let closed = party.record.view(Viewer::Members).last_round.unwrap();
    assert_eq!((closed.votes.len(), closed.cast_at_random), (1, 0));
}

#[test]
fn member_dies_after_its_vote_was_acknowledged_which_counts_unless_the_member_leaves() {
    let mut party = pool();
    let (ann, bob, cy) = (party.join("Ann"), party.join("Bob"), party.join("Cy"));
    for member in [ann, bob, cy] {
        party.vote(member, &song(2, "c"));
    }
    party.vote(Party::HOST, &song(3, "a"));
    for member in [ann, bob, cy] {
        party.away(member);
    }
    assert_eq!(party.votes().iter().map(|(count, _)| *count).collect::<Vec<_>>(), [3, 1]);
    let mut left = party.clone();
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 2"));
    let closed = party.record.view(Viewer::Members).last_round.unwrap();
    assert_eq!((closed.votes[0].count, closed.cast_at_random), (3, 0));

    for member in [ann, bob, cy] {
        left.apply(&Event::Leave { member });
    }
    left.play_out();
    assert_eq!(left.playing().as_deref(), Some("Song 3"));
}

#[test]
fn member_dies_after_preparing_the_decision_stands() {
    let mut party = pool();
    let ann = party.join("Ann");
    party.vote(ann, &song(2, "c"));
    party.vote(Party::HOST, &song(2, "c"));
    let due_ms = party.record.next_due_ms().unwrap();
    party.pass(due_ms - party.now_ms);
    let decided = party.timeline();
    // The member dies between the decision and the start of the entry.
    party.away(ann);
    assert_eq!(party.timeline(), decided);
    party.back(ann);
    assert_eq!(party.timeline(), decided);
}

#[test]
fn host_dies_after_a_request_which_holds_once_it_is_acknowledged() {
    let mut party = Party::new(Policy::Host, Settings::default());
    let ann = party.join("Ann");
    party.queue(Party::HOST, &song(1, "a"));
    party.queue(Party::HOST, &song(2, "b"));
    party.ask(Party::HOST, Command::Next).unwrap();
    party.away(Party::HOST);
    assert_eq!(party.playing().as_deref(), Some("Song 2"));
    party.apply(&Event::Leave { member: Party::HOST });
    assert_eq!((party.record.host, party.playing().as_deref()), (Some(ann), Some("Song 2")));
}

#[test]
fn host_dies_before_the_commit_any_server_closes_the_round() {
    let mut party = pool();
    let (ann, bob) = (party.join("Ann"), party.join("Bob"));
    party.vote(ann, &song(2, "c"));
    party.vote(bob, &song(2, "c"));
    party.away(Party::HOST);
    // Two servers close it: the second one finds the record of the first one.
    let due_ms = party.record.next_due_ms().unwrap();
    party.now_ms = due_ms;
    assert!(party.apply(&Event::Tick).changed);
    assert!(!party.apply(&Event::Tick).changed);
    assert_eq!((party.playing().as_deref(), party.timeline().round), (Some("Song 2"), 2));
}

#[test]
fn votes_while_the_host_changes_are_kept() {
    let mut party = pool();
    let (ann, bob) = (party.join("Ann"), party.join("Bob"));
    party.vote(ann, &song(2, "c"));
    party.ask(Party::HOST, Command::HandOver { member_id: ann.to_string() }).unwrap();
    party.vote(bob, &song(2, "c"));
    party.vote(Party::HOST, &song(3, "a"));
    party.apply(&Event::Leave { member: ann });
    party.away(bob);
    party.back(bob);
    assert_eq!(party.record.host, Some(Party::HOST));
    assert_eq!(party.votes(), [(1, vec![bob.to_string()]), (1, vec!["m1".into()])]);
}

#[test]
fn skip_of_a_round_that_is_over_does_not_skip_the_next_entry() {
    let mut party =
        Party::new(Policy::Vote, Settings { on_host_loss: HostLoss::Continue, ..Settings::default() });
    party.queue(Party::HOST, &song(1, "a"));
    party.queue(Party::HOST, &song(2, "b"));
    let ann = party.join("Ann");
    let mut skip = super::support::request(ann, Command::Skip, None);
    skip.seen_round = Some(1);
    party.ask(Party::HOST, Command::Skip).unwrap();
    let refused = party.try_apply(&Event::Request(Box::new(skip)));
    assert!(matches!(refused, Err(Refusal::Conflict(_))));
    assert!(party.ask(ann, Command::Vote(target(&song(1, "a")))).is_ok());
}
