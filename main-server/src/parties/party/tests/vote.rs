//! Parties with voting.

use protocol::party::{ChangeParty, Command, HostLoss, Policy, Settings};

use super::{
    super::{Event, MAX_MEMBERS_OF_ACCOUNT, Refusal, Viewer},
    support::{Party, song, target},
};

fn party(settings: Settings) -> Party {
    Party::new(Policy::Vote, settings)
}

/// A party in which Song 1 plays; candidates are Songs 2 to 4, of which 3 has the first digest.
fn pool(settings: Settings) -> Party {
    let mut party = party(settings);
    for (number, hash) in [(1, "d"), (2, "c"), (3, "a"), (4, "b")] {
        party.queue(Party::HOST, &song(number, hash));
    }
    party
}

#[test]
fn most_votes_win_and_entries_stay_in_the_pool() {
    let mut party = pool(Settings::default());
    let (ann, bob) = (party.join("Ann"), party.join("Bob"));
    party.vote(ann, &song(2, "c"));
    party.vote(bob, &song(2, "c"));
    party.vote(Party::HOST, &song(3, "a"));
    assert_eq!(party.votes(), [(2, vec![ann.to_string(), bob.to_string()]), (1, vec!["m1".into()])]);
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 2"));
    assert_eq!(party.queued(), ["Song 1", "Song 2", "Song 3", "Song 4"]);
    let state = party.record.view(Viewer::Members);
    let closed = state.last_round.unwrap();
    assert_eq!((closed.round, closed.cast_at_random), (1, 0));
    assert_eq!(closed.votes[0].members, [ann.to_string(), bob.to_string()]);
    assert_eq!(state.round.unwrap().votes, []);
    assert_eq!(party.record.queue[2].lost, 1);
}

#[test]
fn a_vote_for_what_plays_is_refused_unless_it_is_the_only_one() {
    let mut party = pool(Settings::default());
    let refused = party.ask(Party::HOST, Command::Vote(target(&song(1, "d"))));
    assert!(matches!(refused, Err(Refusal::NotAllowed(_))));
    for number in 2..=4 {
        party.ask(Party::HOST, Command::Remove(target(&song(number, "")))).unwrap();
    }
    party.vote(Party::HOST, &song(1, "d"));
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 1"), "one member and one song: it works alone");
}

#[test]
fn an_item_is_in_the_pool_once() {
    let mut party = pool(Settings::default());
    let ann = party.join("Ann");
    assert!(!party.queue(ann, &song(2, "c")).changed);
}

#[test]
fn secret_votes_show_counts_and_a_member_its_own() {
    let mut party = pool(Settings { shows_votes: false, ..Settings::default() });
    let (ann, bob) = (party.join("Ann"), party.join("Bob"));
    party.vote(ann, &song(2, "c"));
    party.vote(bob, &song(2, "c"));
    assert_eq!(party.votes(), [(2, vec![])]);
    let own = party.record.view(Viewer::Member { id: ann, is_operator: false });
    assert_eq!(own.round.unwrap().votes[0].members, [ann.to_string()]);
}

#[test]
fn enough_present_members_skip_together_and_the_host_alone() {
    let mut party = pool(Settings::default());
    let (ann, bob, eve) = (party.join("Ann"), party.join("Bob"), party.join("Eve"));
    party.away(eve);
    assert_eq!(party.record.view(Viewer::Members).round.unwrap().skips_needed, 2, "51 % of three");
    party.vote(ann, &song(4, "b"));
    party.vote(bob, &song(4, "b"));
    party.ask(ann, Command::Skip).unwrap();
    party.ask(ann, Command::Skip).unwrap();
    assert_eq!(party.playing().as_deref(), Some("Song 1"));
    party.ask(bob, Command::Skip).unwrap();
    assert_eq!(party.playing().as_deref(), Some("Song 4"));
    assert!(party.record.view(Viewer::Members).round.unwrap().skips.is_empty());
    party.ask(Party::HOST, Command::Skip).unwrap();
    assert_ne!(party.playing().as_deref(), Some("Song 4"));
}

#[test]
fn a_skip_that_is_enough_because_others_went_away_counts() {
    let mut party = pool(Settings { skip_percent: 100, ..Settings::default() });
    let ann = party.join("Ann");
    party.ask(ann, Command::Skip).unwrap();
    assert_eq!(party.playing().as_deref(), Some("Song 1"));
    party.away(Party::HOST);
    assert_ne!(party.playing().as_deref(), Some("Song 1"));
}

#[test]
fn in_a_fair_party_an_entry_gains_by_losing_and_nobody_has_three_in_a_row() {
    let mut party = party(Settings { is_fair: true, ..Settings::default() });
    let (ann, bob) = (party.join("Ann"), party.join("Bob"));
    party.queue(ann, &song(1, "a"));
    for (number, hash) in [(2, "b"), (3, "c")] {
        party.queue(ann, &song(number, hash));
    }
    party.queue(bob, &song(4, "d"));
    for member in [Party::HOST, ann, bob] {
        party.vote(member, &song(2, "b"));
    }
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 2"));
    for member in [Party::HOST, ann, bob] {
        party.vote(member, &song(3, "c"));
    }
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 4"), "Ann's entries played twice in a row");
    // Song 3 has lost two rounds, which count as one vote.
    assert_eq!(party.record.queue[2].lost, 2);
    party.away(bob);
    party.vote(Party::HOST, &song(1, "a"));
    party.vote(ann, &song(3, "c"));
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 3"));
}

#[test]
fn nobody_present_hears_every_entry_in_turn() {
    let mut party = pool(Settings::default());
    party.away(Party::HOST);
    assert!(party.record.empty_since_ms().is_some());
    let mut heard = Vec::new();
    for _ in 0..3 {
        party.play_out();
        heard.push(party.playing().unwrap());
    }
    assert_eq!(heard, ["Song 3", "Song 4", "Song 2"], "those that played least, by their digest");
}

#[test]
fn votes_that_were_cast_as_secret_ones_stay_secret() {
    let mut party = pool(Settings { shows_votes: false, ..Settings::default() });
    let ann = party.join("Ann");
    party.vote(ann, &song(2, "c"));
    party.set(Settings::default());
    assert_eq!(party.votes(), [(1, vec![])]);
    let own = party.record.view(Viewer::Member { id: ann, is_operator: false });
    assert_eq!(own.round.unwrap().votes[0].members, [ann.to_string()]);
    party.play_out();
    let closed = party.record.view(Viewer::Members).last_round.unwrap();
    assert!(closed.votes.iter().all(|votes| votes.members.is_empty()), "{closed:?}");
    party.vote(ann, &song(4, "b"));
    assert_eq!(party.votes(), [(1, vec![ann.to_string()])], "the next round is not secret");
}

#[test]
fn a_skip_at_the_end_of_an_entry_does_not_hit_the_next_one() {
    let mut party = pool(Settings::default());
    let ann = party.join("Ann");
    let due_ms = party.record.next_due_ms().unwrap();
    party.pass(due_ms - party.now_ms);
    assert!(matches!(party.ask(ann, Command::Skip), Err(Refusal::Conflict(_))));
    party.pass(party.timeline().at_ms - party.now_ms);
    party.ask(ann, Command::Skip).unwrap();
}

#[test]
fn an_account_has_one_vote_and_one_skip_however_often_it_joins() {
    let mut party = pool(Settings::default());
    let mut joins = |token: &str| {
        let mut join = super::support::guest(token);
        (join.name, join.account_since_ms) = ("ann".into(), Some(1));
        party.apply(&Event::Join(join));
        party.record.members.last().unwrap().id
    };
    let [first, second, third] = ["1", "2", "3"].map(&mut joins);
    let bob = party.join("Bob");
    party.vote(first, &song(2, "c"));
    party.vote(second, &song(4, "b"));
    assert_eq!(party.votes(), [(1, vec![second.to_string()])], "its newest one");
    party.vote(Party::HOST, &song(2, "c"));
    party.vote(bob, &song(2, "c"));
    party.ask(second, Command::Skip).unwrap();
    party.ask(third, Command::Skip).unwrap();
    let round = party.record.view(Viewer::Members).round.unwrap();
    assert_eq!((round.skips_needed, party.playing().as_deref()), (2, Some("Song 1")), "51 % of three");
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 2"));
    let closed = party.record.view(Viewer::Members).last_round.unwrap();
    assert_eq!(closed.votes.iter().map(|votes| votes.count).sum::<u32>(), 3);
}

#[test]
fn an_account_has_a_bounded_number_of_members() {
    let mut party = pool(Settings::default());
    let join = |token: usize| {
        let mut join = super::support::guest(&token.to_string());
        (join.name, join.account_since_ms) = ("ann".into(), Some(1));
        Event::Join(join)
    };
    let ids: Vec<_> = (0..MAX_MEMBERS_OF_ACCOUNT)
        .map(|token| {
            party.apply(&join(token));
            party.record.members.last().unwrap().id
        })
        .collect();
    assert!(matches!(party.try_apply(&join(99)), Err(Refusal::Limit(_))));
    assert!(!party.apply(&join(3)).changed, "an earlier call again");
    party.join("Bob");
    party.away(ids[2]);
    party.apply(&join(99));
    let own = party.record.members.iter().filter(|member| member.account() == Some("ann"));
    assert_eq!((own.count(), party.record.member(ids[2])), (MAX_MEMBERS_OF_ACCOUNT, None));
}

#[test]
fn what_a_round_decided_begins_when_the_host_for_which_all_wait_is_back() {
    let mut party = pool(Settings { on_host_loss: HostLoss::Wait, ..Settings::default() });
    let ann = party.join("Ann");
    party.vote(ann, &song(2, "c"));
    party.vote(Party::HOST, &song(2, "c"));
    party.away(Party::HOST);
    party.play_out();
    let winner = party.record.view(Viewer::Members).last_round.unwrap().winner;
    assert_eq!((party.playing(), &winner), (None, &Some(party.record.queue[1].id.to_string())));
    let mut gone = party.clone();
    party.back(Party::HOST);
    assert_eq!(party.playing().as_deref(), Some("Song 2"), "as the votes say");

    gone.ask(ann, Command::Chat { text: "hello".into() }).unwrap();
    gone.apply(&Event::EntriesGone { entries: vec![gone.record.queue[1].id] });
    gone.back(Party::HOST);
    assert_eq!(gone.playing().as_deref(), Some("Song 3"), "another one if the winner is gone");
}

#[test]
fn what_was_suggested_is_in_the_pool_when_it_is_added_in_a_vote() {
    let mut party = Party::new(Policy::Host, Settings::default());
    let ann = party.join("Ann");
    party.queue(Party::HOST, &song(1, "a"));
    party.queue(ann, &song(2, "b"));
    let vote = ChangeParty { policy: Some(Policy::Vote), ..ChangeParty::default() };
    party.ask(Party::HOST, Command::Set(Box::new(vote))).unwrap();
    assert!(party.ask(ann, Command::Vote(target(&song(2, "b")))).is_err());
    assert!(party.queue(ann, &song(2, "b")).changed);
    assert_eq!(party.queued(), ["Song 2"], "once");
    party.vote(ann, &song(2, "b"));
}

#[test]
fn members_that_vote_for_a_lost_host_add_an_item_once() {
    let settings = Settings { on_host_loss: HostLoss::Vote, ..Settings::default() };
    let mut party = Party::new(Policy::Host, settings);
    let ann = party.join("Ann");
    for number in 1..=3 {
        party.queue(Party::HOST, &song(number, "a"));
    }
    party.away(Party::HOST);
    party.play_out();
    assert_eq!(party.record.acting_policy(), Policy::Vote);
    assert!(!party.queue(ann, &song(3, "a")).changed, "its votes add up");
}

#[test]
fn the_devices_of_an_account_count_as_one_member_in_a_fair_party() {
    let mut party = party(Settings { is_fair: true, ..Settings::default() });
    let bob = party.join("Bob");
    let mut joins = |token: &str| {
        let mut join = super::support::guest(token);
        (join.name, join.account_since_ms) = ("ann".into(), Some(1));
        party.apply(&Event::Join(join));
        party.record.members.last().unwrap().id
    };
    let [phone, laptop] = ["1", "2"].map(&mut joins);
    party.queue(phone, &song(1, "a"));
    party.queue(laptop, &song(2, "b"));
    party.queue(phone, &song(3, "c"));
    party.queue(bob, &song(4, "d"));
    for number in [2, 3] {
        for member in [Party::HOST, bob, phone] {
            party.vote(member, &song(number, ""));
        }
        party.play_out();
    }
    assert_eq!(party.playing().as_deref(), Some("Song 4"), "two of Ann's played in a row");
}
