//! A person that leaves and joins again has what it had, and no more than others may have.

use protocol::party::{Command, Policy, Settings};

use super::{
    super::{
        Event, Join, MAX_QUEUE_OF_FORMER, MAX_QUEUE_OF_MEMBER, MemberId, NewEntry, Refusal, TokenDigest,
    },
    support::{Party, guest, request, song, target},
};

/// The join of an account, with this token.
fn account(name: &str, token: &str) -> Join {
    Join { digest: TokenDigest::of(token), account_since_ms: Some(1), ..guest(name) }
}

fn enter(party: &mut Party, join: &Join) -> MemberId {
    party.apply(&Event::Join(join.clone()));
    party.record.holder(&join.digest).unwrap().id
}

fn mute(party: &mut Party, member: MemberId, on: bool) {
    party.ask(Party::HOST, Command::Mute { member_id: member.to_string(), on }).unwrap();
}

fn leave(party: &mut Party, member: MemberId) {
    party.apply(&Event::Leave { member });
}

fn may_speak(party: &mut Party, member: MemberId) -> bool {
    party.ask(member, Command::Chat { text: "hello".into() }).is_ok()
}

fn adds(party: &mut Party, member: MemberId, entry: &NewEntry) -> Result<(), Refusal> {
    let queue = request(member, Command::Queue(target(entry)), Some(entry.clone()));
    party.try_apply(&Event::Request(Box::new(queue))).map(drop)
}

/// How many further entries a member can add, of `numbers`.
fn adds_all(party: &mut Party, member: MemberId, numbers: std::ops::Range<u8>) -> usize {
    numbers.take_while(|number| adds(party, member, &song(*number, "a")).is_ok()).count()
}

#[test]
fn a_mute_outlasts_leaving_until_it_is_lifted() {
    for (first, again) in [
        (account("ann", "first"), account("ann", "second")),
        (guest("Eve"), Join { name: "Eva".into(), ..guest("Eve") }),
    ] {
        let mut party = Party::new(Policy::Host, Settings::default());
        let member = enter(&mut party, &first);
        mute(&mut party, member, true);
        leave(&mut party, member);
        let other = enter(&mut party, &guest("Bob"));
        assert!(may_speak(&mut party, other));
        for _ in 0..2 {
            let member = enter(&mut party, &again);
            assert!(!may_speak(&mut party, member), "{}", again.name);
            leave(&mut party, member);
        }
        let member = enter(&mut party, &again);
        mute(&mut party, member, false);
        leave(&mut party, member);
        let member = enter(&mut party, &first);
        assert!(may_speak(&mut party, member));
    }
}

#[test]
fn a_mute_holds_for_all_members_of_an_account() {
    let mut party = Party::new(Policy::Host, Settings::default());
    let phone = enter(&mut party, &account("ann", "phone"));
    let laptop = enter(&mut party, &account("ann", "laptop"));
    let later = Join { account_since_ms: Some(2), ..account("ann", "another person") };
    let other = enter(&mut party, &later);
    mute(&mut party, phone, true);
    assert!(!may_speak(&mut party, laptop) && may_speak(&mut party, other));
    let third = enter(&mut party, &account("ann", "third"));
    assert!(!may_speak(&mut party, third));
    for member in [phone, laptop, third] {
        leave(&mut party, member);
    }
    let again = enter(&mut party, &account("ann", "again"));
    assert!(!may_speak(&mut party, again));
    mute(&mut party, again, false);
    let more = enter(&mut party, &account("ann", "more"));
    assert!(may_speak(&mut party, again) && may_speak(&mut party, more));
}

#[test]
fn a_person_has_its_entries_again_and_adds_no_more_than_before() {
    let joins: [fn(usize) -> Join; 2] = [|turn| account("ann", &turn.to_string()), |_| guest("Eve")];
    for (policy, join) in [(Policy::Host, joins[0]), (Policy::Vote, joins[0]), (Policy::Vote, joins[1])] {
        let mut party = Party::new(policy, Settings::default());
        party.queue(Party::HOST, &song(200, "f"));
        let member = enter(&mut party, &join(0));
        assert_eq!(adds_all(&mut party, member, 0..30), MAX_QUEUE_OF_MEMBER);
        leave(&mut party, member);
        let member = enter(&mut party, &join(1));
        assert_eq!(adds_all(&mut party, member, 30..60), 0);
        party.ask(member, Command::Remove(target(&song(0, "a")))).expect("it is its own");
        assert_eq!(adds_all(&mut party, member, 30..60), 1);
        assert!(
            party.record.queue.iter().filter(|entry| entry.added_by == member).count() >= MAX_QUEUE_OF_MEMBER
        );
    }
}

#[test]
fn entries_of_a_device_that_leaves_are_those_of_the_other_devices() {
    let mut party = Party::new(Policy::Vote, Settings::default());
    party.queue(Party::HOST, &song(200, "f"));
    let phone = enter(&mut party, &account("ann", "phone"));
    let laptop = enter(&mut party, &account("ann", "laptop"));
    assert_eq!(adds_all(&mut party, phone, 0..30), MAX_QUEUE_OF_MEMBER);
    assert_eq!(adds_all(&mut party, laptop, 30..60), 0);
    party.ask(laptop, Command::Remove(target(&song(0, "a")))).expect("it is its own");
    leave(&mut party, phone);
    let of_laptop = party.record.queue.iter().filter(|entry| entry.added_by == laptop).count();
    assert_eq!(of_laptop, MAX_QUEUE_OF_MEMBER - 1);
}

#[test]
fn a_record_of_an_earlier_version_is_read() {
    let mut party = Party::new(Policy::Vote, Settings::default());
    party.queue(Party::HOST, &song(1, "a"));
    // Without these fields it is as earlier versions wrote it.
    let text = serde_json::to_string(&party.record).unwrap();
    assert!(!text.contains(r#""muted""#) && !text.contains(r#""w""#), "{text}");
    assert_eq!(serde_json::from_str::<super::super::Record>(&text).unwrap(), party.record);
}

#[test]
fn a_stranger_does_not_get_the_entries_of_a_member_that_left() {
    let mut party = Party::new(Policy::Vote, Settings::default());
    party.queue(Party::HOST, &song(200, "f"));
    let member = enter(&mut party, &account("ann", "first"));
    adds(&mut party, member, &song(1, "a")).unwrap();
    leave(&mut party, member);
    for join in [guest("ann"), Join { account_since_ms: Some(2), ..account("ann", "another person") }] {
        let member = enter(&mut party, &join);
        assert!(party.ask(member, Command::Remove(target(&song(1, "a")))).is_err());
    }
}

#[test]
fn guests_that_leave_do_not_fill_the_queue_and_the_entries_of_a_host_stay() {
    for policy in [Policy::Host, Policy::Vote] {
        let mut party = Party::new(policy, Settings::default());
        for number in 100..160 {
            party.queue(Party::HOST, &song(number, "a"));
        }
        let ann = enter(&mut party, &guest("Ann"));
        adds(&mut party, ann, &song(60, "a")).unwrap();
        leave(&mut party, ann);
        for turn in 0..8_u8 {
            let eve = enter(&mut party, &guest(&format!("Eve {turn}")));
            let numbers = 161 + 10 * turn..171 + 10 * turn;
            assert!(adds_all(&mut party, eve, numbers) > 0);
            leave(&mut party, eve);
        }
        let bob = enter(&mut party, &guest("Bob"));
        let has = |party: &Party, number: u8| {
            let song = song(number, "");
            party.record.queue.iter().chain(&party.record.playing).any(|entry| entry.plays_the_same(&song))
        };
        let of_guests = party.record.queue.iter().filter(|entry| entry.added_by != Party::HOST).count();
        assert!(of_guests <= MAX_QUEUE_OF_FORMER, "{of_guests}");
        assert!(has(&party, 60), "those who left with most entries lose theirs");
        leave(&mut party, Party::HOST);
        leave(&mut party, bob);
        assert!((100..160).all(|number| has(&party, number)), "{policy:?}");
    }
}

#[test]
fn joining_again_does_not_help_to_play_three_times_in_a_row() {
    let mut party = Party::new(Policy::Vote, Settings { is_fair: true, ..Settings::default() });
    let join = |turn: u8| account("ann", &turn.to_string());
    let ann = enter(&mut party, &join(0));
    let bob = party.join("Bob");
    for number in 1..=3 {
        adds(&mut party, ann, &song(number, "a")).unwrap();
    }
    adds(&mut party, bob, &song(9, "f")).unwrap();
    let vote = |party: &mut Party, member, number| {
        party.ask(member, Command::Vote(target(&song(number, "a")))).unwrap();
    };
    assert_eq!(party.playing().as_deref(), Some("Song 1"));
    for member in [ann, bob, Party::HOST] {
        vote(&mut party, member, 2);
    }
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 2"));
    leave(&mut party, ann);
    let ann = enter(&mut party, &join(1));
    adds(&mut party, ann, &song(4, "a")).unwrap();
    for member in [ann, bob, Party::HOST] {
        vote(&mut party, member, 4);
    }
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 9"));
}

#[test]
fn suggestions_of_a_person_that_is_removed_go_also_if_it_had_joined_again() {
    let mut party = Party::new(Policy::Host, Settings::default());
    let ann = enter(&mut party, &account("ann", "first"));
    adds(&mut party, ann, &song(1, "a")).unwrap();
    leave(&mut party, ann);
    let ann = enter(&mut party, &account("ann", "second"));
    party.ask(Party::HOST, Command::Kick { member_id: ann.to_string() }).unwrap();
    assert!(party.record.queue.is_empty());
}

#[test]
fn a_ban_outlasts_any_number_of_guests_that_are_removed() {
    let mut party = Party::new(Policy::Host, Settings::default());
    let ann = enter(&mut party, &account("ann", "first"));
    let kick = |party: &mut Party, member: MemberId| {
        party.ask(Party::HOST, Command::Kick { member_id: member.to_string() }).unwrap();
    };
    kick(&mut party, ann);
    for turn in 0..300 {
        let eve = enter(&mut party, &guest(&turn.to_string()));
        kick(&mut party, eve);
    }
    for turn in 0..15 {
        let name = format!("name {turn}");
        for token in 0..16 {
            enter(&mut party, &account(&name, &format!("{turn} {token}")));
        }
        let last = party.record.members.last().unwrap().id;
        kick(&mut party, last);
    }
    let refused = party.try_apply(&Event::Join(account("ann", "second")));
    assert!(matches!(refused, Err(Refusal::NotAllowed(_))), "{refused:?}");
}
