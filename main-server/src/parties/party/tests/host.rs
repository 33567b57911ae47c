//! Parties with a host.

use protocol::{
    ErrorCode,
    party::{Command, HostLoss, Policy, Settings, Target},
};

use super::{
    super::{
        Event, MAX_QUEUE, MAX_QUEUE_OF_MEMBER, Refusal,
        playback::{CLOSE_AHEAD_MS, LEAD_MS, LIVE_DELAY_MS, SKIP_LEAD_MS},
    },
    support::{Party, SONG_MS, START_MS, live, request, song, target},
};

fn party() -> Party {
    Party::new(Policy::Host, Settings::default())
}

/// A party with three songs: Song 2 is announced, and Song 1 is heard.
fn announcing() -> Party {
    let mut party = party();
    for number in 1..=3 {
        party.queue(Party::HOST, &song(number, "a"));
    }
    let due_ms = party.record.next_due_ms().unwrap();
    party.pass(due_ms - party.now_ms);
    assert_eq!(party.playing().as_deref(), Some("Song 2"), "it is announced, and Song 1 is heard");
    party
}

fn losing(on_host_loss: HostLoss) -> Party {
    Party::new(Policy::Host, Settings { on_host_loss, ..Settings::default() })
}

#[test]
fn the_queue_is_played_in_order_without_a_gap() {
    let mut party = party();
    for number in 1..=3 {
        party.queue(Party::HOST, &song(number, "a"));
    }
    assert_eq!(party.playing().as_deref(), Some("Song 1"), "the first one begins by itself");
    let first = party.timeline();
    assert_eq!((first.at_ms, first.position_ms), (START_MS + SKIP_LEAD_MS, 0));

    let due_ms = party.record.next_due_ms().unwrap();
    assert_eq!(due_ms, first.at_ms + SONG_MS - CLOSE_AHEAD_MS);
    party.pass(due_ms - party.now_ms);
    let second = party.timeline();
    assert_eq!(second.entry.unwrap().title, "Song 2");
    assert_eq!(second.at_ms, first.at_ms + SONG_MS, "it begins when the first one ends");

    party.play_out();
    party.play_out();
    assert_eq!(party.timeline().entry, None, "nothing plays at the end of the queue");
    assert_eq!(party.record.played.len(), 3);
    assert_eq!(party.record.next_due_ms(), None);
}

#[test]
fn pause_play_and_seek_are_announced_and_keep_the_position() {
    let mut party = party();
    party.queue(Party::HOST, &song(1, "a"));
    party.pass(SKIP_LEAD_MS + 10_000);
    party.ask(Party::HOST, Command::Pause).unwrap();
    let paused = party.timeline();
    assert_eq!((paused.position_ms, paused.at_ms), (10_000 + LEAD_MS, party.now_ms + LEAD_MS));
    assert!(paused.paused && party.record.next_due_ms().is_none());

    party.pass(60_000);
    party.ask(Party::HOST, Command::Play(Target::default())).unwrap();
    let playing = party.timeline();
    assert_eq!((playing.position_ms, playing.at_ms), (10_000 + LEAD_MS, party.now_ms + LEAD_MS));

    party.ask(Party::HOST, Command::Seek { position_ms: 10 * SONG_MS }).unwrap();
    assert_eq!(party.timeline().position_ms, SONG_MS, "not beyond the end");
}

#[test]
fn members_suggest_and_the_host_accepts() {
    let mut party = party();
    let ann = party.join("Ann");
    party.queue(ann, &song(1, "a"));
    assert!(party.record.queue[0].is_suggestion && party.playing().is_none());
    assert!(party.ask(ann, Command::Accept(target(&song(1, "a")))).is_err());
    party.ask(Party::HOST, Command::Accept(target(&song(1, "a")))).unwrap();
    assert_eq!(party.playing().as_deref(), Some("Song 1"));

    party.set(Settings { members_suggest: false, ..Settings::default() });
    let refused = party.ask(ann, Command::Queue(target(&song(2, "b"))));
    assert!(matches!(refused, Err(Refusal::NotAllowed(_))));
}

#[test]
fn previous_restarts_an_entry_or_goes_back_to_the_one_before() {
    let mut party = party();
    party.queue(Party::HOST, &song(1, "a"));
    party.queue(Party::HOST, &song(2, "b"));
    party.play_out();
    party.pass(5_000);
    party.ask(Party::HOST, Command::Previous).unwrap();
    assert_eq!((party.playing().as_deref(), party.timeline().position_ms), (Some("Song 2"), 0));
    party.pass(1_000);
    party.ask(Party::HOST, Command::Previous).unwrap();
    assert_eq!(party.playing().as_deref(), Some("Song 1"));
    assert_eq!(party.queued(), ["Song 2"], "it comes next again");
    assert!(party.record.played.is_empty());
}

#[test]
fn a_live_stream_plays_behind_its_capture_until_it_ends() {
    let mut party = party();
    party.queue(Party::HOST, &live("camera"));
    party.queue(Party::HOST, &song(1, "a"));
    assert_eq!(party.timeline().position_ms, LIVE_DELAY_MS);
    assert_eq!(party.record.next_due_ms(), None);
    party.pass(3_600_000);
    let stream_id = live("camera").stream_id.unwrap();
    party.apply(&Event::StreamEnded { stream_id });
    assert_eq!(party.playing().as_deref(), Some("Song 1"));
    assert!(!party.apply(&Event::StreamEnded { stream_id }).changed);
}

#[test]
fn the_item_plays_to_its_end_when_the_host_is_lost_and_then_nothing_until_it_is_back() {
    let mut party = losing(HostLoss::Wait);
    let ann = party.join("Ann");
    party.queue(Party::HOST, &song(1, "a"));
    party.queue(Party::HOST, &song(2, "b"));
    party.pass(10_000);
    party.away(Party::HOST);
    assert_eq!(party.playing().as_deref(), Some("Song 1"));
    party.play_out();
    assert_eq!(party.playing(), None);
    assert!(party.ask(ann, Command::Next).is_err());
    party.pass(100_000);
    party.back(Party::HOST);
    assert_eq!(party.playing().as_deref(), Some("Song 2"));
}

#[test]
fn the_queue_goes_on_without_the_host() {
    let mut party = losing(HostLoss::Continue);
    party.join("Ann");
    party.queue(Party::HOST, &song(1, "a"));
    party.queue(Party::HOST, &song(2, "b"));
    party.away(Party::HOST);
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 2"));
}

#[test]
fn the_longest_member_acts_as_host_until_the_host_is_back() {
    let mut party = losing(HostLoss::HandOver);
    let (ann, bob) = (party.join("Ann"), party.join("Bob"));
    party.queue(Party::HOST, &song(1, "a"));
    party.queue(Party::HOST, &song(2, "b"));
    party.away(Party::HOST);
    assert_eq!(party.record.acting_host, None, "the entry plays to its end");
    party.play_out();
    assert_eq!(party.record.acting_host, Some(ann));
    party.ask(ann, Command::Pause).unwrap();
    assert!(party.ask(ann, Command::End).is_err());
    assert!(party.ask(ann, Command::HandOver { member_id: ann.to_string() }).is_err());

    party.away(ann);
    assert_eq!(party.record.acting_host, Some(bob));
    party.back(Party::HOST);
    assert_eq!((party.record.host, party.record.acting_host), (Some(Party::HOST), None));
    assert!(party.ask(bob, Command::Play(Target::default())).is_err());
}

#[test]
fn members_vote_until_the_host_is_back() {
    let mut party = losing(HostLoss::Vote);
    let ann = party.join("Ann");
    for number in 1..=4 {
        party.queue(Party::HOST, &song(number, "a"));
    }
    party.away(Party::HOST);
    assert!(party.ask(ann, Command::Vote(target(&song(4, "a")))).is_err());
    party.play_out();
    assert_eq!(party.record.acting_policy(), Policy::Vote);
    party.vote(ann, &song(4, "a"));
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 4"));
    assert_eq!(party.queued(), ["Song 3"], "it has left the queue");
    party.back(Party::HOST);
    assert_eq!(party.record.acting_policy(), Policy::Host);
}

#[test]
fn the_longest_present_member_succeeds_a_host_that_leaves_for_good() {
    let mut party = party();
    let (ann, bob) = (party.join("Ann"), party.join("Bob"));
    party.away(ann);
    party.apply(&Event::Leave { member: Party::HOST });
    assert_eq!(party.record.host, Some(bob));
    party.away(bob);
    party.apply(&Event::Leave { member: bob });
    assert_eq!(party.record.host, None, "no member is present");
    party.back(ann);
    assert_eq!(party.record.host, Some(ann));
}

#[test]
fn a_host_that_is_lost_while_nothing_moves_is_replaced_at_once() {
    let mut party = losing(HostLoss::HandOver);
    let ann = party.join("Ann");
    party.queue(Party::HOST, &song(1, "a"));
    party.pass(5_000);
    party.ask(Party::HOST, Command::Pause).unwrap();
    party.away(Party::HOST);
    assert_eq!(party.record.acting_host, Some(ann));
}

#[test]
fn one_member_does_not_fill_the_queue() {
    for policy in [Policy::Host, Policy::Vote] {
        let mut party = Party::new(policy, Settings::default());
        let ann = party.join("Ann");
        party.queue(Party::HOST, &song(200, "f"));
        let suggest = |number: usize| {
            let entry = song(u8::try_from(number).unwrap(), "a");
            Event::Request(Box::new(request(ann, Command::Queue(target(&entry)), Some(entry))))
        };
        for number in 0..MAX_QUEUE_OF_MEMBER {
            assert!(party.apply(&suggest(number)).changed);
            assert!(!party.apply(&suggest(number)).changed, "it is there already");
        }
        let refused = party.try_apply(&suggest(MAX_QUEUE_OF_MEMBER));
        assert!(matches!(refused, Err(Refusal::Limit(_))), "{refused:?}");
        let queued = party.record.queue.len();
        for number in 0..=MAX_QUEUE_OF_MEMBER {
            party.queue(Party::HOST, &song(u8::try_from(100 + number).unwrap(), "b"));
        }
        assert_eq!(party.record.queue.len(), queued + MAX_QUEUE_OF_MEMBER + 1, "the host may add more");
        let bob = party.join("Bob");
        party.queue(bob, &song(90, "c"));

        party.ask(Party::HOST, Command::Kick { member_id: ann.to_string() }).unwrap();
        let left = party.record.queue.iter().filter(|entry| entry.added_by == ann).count();
        assert_eq!(
            left,
            if policy == Policy::Host { 0 } else { MAX_QUEUE_OF_MEMBER },
            "suggestions go with it"
        );
    }
}

#[test]
fn commands_for_a_member_that_has_left_are_a_conflict() {
    let mut party = party();
    let ann = party.join("Ann");
    party.apply(&Event::Leave { member: ann });
    let member_id = ann.to_string();
    for command in [
        Command::Kick { member_id: member_id.clone() },
        Command::Mute { member_id: member_id.clone(), on: true },
        Command::HandOver { member_id },
        Command::Kick { member_id: "nobody".into() },
    ] {
        let refused = party.ask(Party::HOST, command).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Conflict, "the caller is a member still");
    }
}

#[test]
fn a_kicked_member_is_gone_and_does_not_come_back() {
    let mut party = party();
    let join = super::super::Join { account_since_ms: Some(1), ..super::support::guest("ann") };
    party.apply(&Event::Join(join.clone()));
    let ann = party.record.holder(&join.digest).unwrap().id;
    party.ask(Party::HOST, Command::Kick { member_id: ann.to_string() }).unwrap();
    assert!(party.record.member(ann).is_none());
    let again = super::super::Join { digest: super::super::TokenDigest::of("other"), ..join };
    assert!(matches!(party.try_apply(&Event::Join(again)), Err(Refusal::NotAllowed(_))));
}

#[test]
fn members_that_buffer_are_waited_for_within_the_budget() {
    let mut party = party();
    let (ann, bob) = (party.join("Ann"), party.join("Bob"));
    let buffering = |member, is_buffering| Event::Buffering { member, is_buffering };
    party.queue(Party::HOST, &song(1, "a"));
    party.pass(SKIP_LEAD_MS + 500);
    party.apply(&buffering(ann, true));
    party.apply(&buffering(bob, true));
    let waiting = party.timeline();
    assert_eq!((waiting.position_ms, waiting.paused), (500 + LEAD_MS, true));
    assert_eq!(waiting.waiting_for, [ann.to_string(), bob.to_string()]);

    party.pass(1_000);
    party.apply(&buffering(ann, false));
    party.away(bob);
    let playing = party.timeline();
    assert_eq!((playing.position_ms, playing.at_ms), (waiting.position_ms, party.now_ms + LEAD_MS));
    assert!(!playing.paused && playing.waiting_for.is_empty());

    // 1,000 ms of 3,000 were used.
    party.pass(LEAD_MS);
    party.apply(&buffering(ann, true));
    assert_eq!(party.record.next_due_ms(), Some(party.timeline().at_ms + 2_000));
    party.pass(10_000);
    assert!(!party.timeline().paused, "the budget of the entry is used up");
    assert!(!party.apply(&buffering(ann, true)).changed);
}

#[test]
fn a_command_for_an_entry_that_is_over_does_not_hit_the_next_one() {
    let mut party = party();
    for number in 1..=3 {
        party.queue(Party::HOST, &song(number, "a"));
    }
    let mut next = super::support::request(Party::HOST, Command::Next, None);
    next.seen_round = Some(party.timeline().round);
    let next = Event::Request(Box::new(next));
    party.apply(&next);
    assert!(matches!(party.try_apply(&next), Err(Refusal::Conflict(_))));
    assert_eq!(party.playing().as_deref(), Some("Song 2"));
}

#[test]
fn a_pause_holds_while_the_host_is_away() {
    for on_host_loss in [HostLoss::Continue, HostLoss::Vote] {
        let mut party = losing(on_host_loss);
        let ann = party.join("Ann");
        party.queue(Party::HOST, &song(1, "a"));
        party.pass(5_000);
        party.away(Party::HOST);
        let mut pause = super::support::request(ann, Command::Pause, None);
        pause.is_operator = true;
        party.apply(&Event::Request(Box::new(pause)));
        assert!(party.timeline().paused, "an operator paused");
        party.join("Bob");
        assert!(party.timeline().paused, "and nothing else moves it");

        // The host calls without an event stream: that makes it present, and it pauses again.
        party.ask(Party::HOST, Command::Play(Target::default())).unwrap();
        party.ask(Party::HOST, Command::Pause).unwrap();
        assert!(party.timeline().paused && party.record.has_host());
        party.away(Party::HOST);
        assert!(!party.timeline().paused, "the host is lost while nothing moves");
    }
}

#[test]
fn a_member_that_is_away_is_back_with_a_call_unless_it_is_refused() {
    let mut party = party();
    let ann = party.join("Ann");
    party.away(ann);
    assert!(party.ask(ann, Command::Pause).is_err());
    assert!(party.record.member(ann).unwrap().away_since_ms.is_some());
    party.ask(ann, Command::Chat { text: "hello".into() }).unwrap();
    assert!(party.record.member(ann).unwrap().is_present());
    party.away(ann);
    party.queue(Party::HOST, &song(1, "a"));
    party.away(Party::HOST);
    party.play_out();
    let applied = party.ask(Party::HOST, Command::Next).unwrap();
    assert!(applied.changed && party.record.has_host() && party.record.loss.is_none());
}

#[test]
fn next_at_the_end_of_an_entry_begins_the_one_that_was_announced_for_it() {
    let mut party = announcing();
    party.ask(Party::HOST, Command::Next).unwrap();
    assert_eq!(party.playing().as_deref(), Some("Song 2"));
    assert_eq!(party.timeline().at_ms, party.now_ms + SKIP_LEAD_MS, "sooner");
    party.pass(SKIP_LEAD_MS);
    party.ask(Party::HOST, Command::Next).unwrap();
    assert_eq!(party.playing().as_deref(), Some("Song 3"));
}

#[test]
fn a_deserted_party_plays_short_entries_at_a_bounded_pace() {
    let mut short = song(1, "a");
    short.duration_ms = Some(1);
    let mut party = Party::new(Policy::Vote, Settings::default());
    party.queue(Party::HOST, &short);
    party.pass(1_000);
    party.away(Party::HOST);
    let before = party.record.revision;
    party.pass(3_600_000);
    let writes = party.record.revision - before;
    assert!((60..=130).contains(&writes), "{writes}: an hour has 3,600 entries of a second");
    party.back(Party::HOST);
    let before = party.record.revision;
    party.pass(10_000);
    assert!(party.record.revision - before >= 9, "a member hears them at their pace");
}

#[test]
fn a_revoked_invitation_does_not_remove_the_host() {
    let mut party = party();
    let mut bob = super::support::guest("Bob");
    bob.invitation = Some("i".into());
    party.apply(&Event::Join(bob.clone()));
    let id = party.record.members.last().unwrap().id;
    party.ask(Party::HOST, Command::HandOver { member_id: id.to_string() }).unwrap();
    let revoked = Event::InvitationRevoked { invitation: "i".into() };
    party.apply(&revoked);
    assert_eq!((party.record.host, party.record.members.len()), (Some(id), 2));
}

#[test]
fn going_back_again_and_again_does_not_grow_the_queue() {
    let mut party = party();
    let mut refused = None;
    for number in 0..500_u32 {
        let (id, by) = (u8::try_from(number / 2).unwrap(), Party::HOST);
        let command = if number % 2 == 0 { Command::Play(target(&song(id, "a"))) } else { Command::Previous };
        let request = request(by, command, Some(song(id, "a")));
        if let Err(refusal) = party.try_apply(&Event::Request(Box::new(request))) {
            refused = Some(refusal);
        }
    }
    assert_eq!(party.record.queue.len(), MAX_QUEUE);
    assert!(matches!(refused, Some(Refusal::Limit(_))), "{refused:?}");
}

#[test]
fn an_entry_that_is_gone_before_it_begins_does_not_cut_the_one_before() {
    let mut party = party();
    for number in 1..=3 {
        party.queue(Party::HOST, &song(number, "a"));
    }
    let ends_at_ms = party.timeline().at_ms + SONG_MS;
    let due_ms = party.record.next_due_ms().unwrap();
    party.pass(due_ms - party.now_ms);
    let announced = party.record.playing.as_ref().unwrap().id;
    party.apply(&Event::EntriesGone { entries: vec![announced] });
    assert_eq!((party.playing().as_deref(), party.timeline().at_ms), (Some("Song 3"), ends_at_ms));
    party.ask(Party::HOST, Command::Next).unwrap();
    assert_eq!(party.playing().as_deref(), Some("Song 3"), "it begins sooner");
}

#[test]
fn next_begins_what_was_added_at_the_end_of_the_last_entry() {
    let mut party = party();
    let ann = party.join("Ann");
    party.queue(Party::HOST, &song(1, "a"));
    let due_ms = party.record.next_due_ms().unwrap();
    party.pass(due_ms - party.now_ms);
    assert_eq!(party.playing(), None, "nothing follows");
    party.queue(Party::HOST, &song(2, "b"));
    assert_eq!(party.timeline().at_ms, party.now_ms + CLOSE_AHEAD_MS, "Song 1 is heard to its end");
    party.ask(Party::HOST, Command::Next).unwrap();
    assert_eq!(party.playing().as_deref(), Some("Song 2"));
    assert_eq!(party.timeline().at_ms, party.now_ms + SKIP_LEAD_MS, "sooner");
    assert!(party.ask(ann, Command::Next).is_err());
}

#[test]
fn with_a_member_that_is_removed_go_the_other_members_of_its_account() {
    let mut party = party();
    let join = |token: &str, name: &str| {
        let join = super::super::Join { account_since_ms: Some(1), ..super::support::guest(token) };
        Event::Join(super::super::Join { name: name.into(), ..join })
    };
    for token in ["phone", "laptop"] {
        party.apply(&join(token, "eve"));
        party.apply(&join(&format!("ann's {token}"), "ann"));
    }
    let ids: Vec<_> = party.record.members.iter().map(|member| member.id).collect();
    let [host, eve, ann, eves, anns] = ids[..] else { panic!("{ids:?}") };
    party.queue(eves, &song(1, "a"));
    party.ask(host, Command::Kick { member_id: eve.to_string() }).unwrap();
    assert!(party.record.member(eve).is_none() && party.record.member(eves).is_none());
    assert_eq!(party.queued(), Vec::<&str>::new(), "and what it suggested");

    party.ask(host, Command::HandOver { member_id: ann.to_string() }).unwrap();
    party.ask(ann, Command::Kick { member_id: anns.to_string() }).unwrap();
    assert!(party.record.member(ann).is_some(), "the host removed another device of its own");
    party.apply(&join("tablet", "ann"));
}

#[test]
fn a_clock_that_was_ahead_for_a_moment_does_not_hold_a_party() {
    const HOUR_MS: u64 = 3_600_000;
    for (policy, plays) in [(Policy::Host, false), (Policy::Host, true), (Policy::Vote, true)] {
        let mut party = Party::new(policy, Settings::default());
        let ann = party.join("Ann");
        if plays {
            party.queue(Party::HOST, &song(1, "a"));
            party.queue(Party::HOST, &song(2, "b"));
            party.pass(10_000);
        }
        let now_ms = party.now_ms;
        party.now_ms += HOUR_MS;
        if plays {
            assert!(party.apply(&Event::Tick).changed, "by that clock the entry is over");
        } else {
            party.queue(Party::HOST, &song(1, "a"));
        }
        party.now_ms = now_ms;
        assert!(party.record.is_ahead(now_ms));
        assert!(party.apply(&Event::Tick).changed);
        let timeline = party.timeline();
        assert_eq!((timeline.at_ms, timeline.position_ms), (now_ms + LEAD_MS, 0), "{policy:?} {plays}");
        party.pass(LEAD_MS);
        assert!(!party.record.is_ahead(party.now_ms) && !party.apply(&Event::Tick).changed);
        if policy == Policy::Vote {
            party.ask(ann, Command::Skip).unwrap();
        }
    }
}

#[test]
fn what_was_announced_and_is_not_heard_comes_next_when_the_host_plays_something_else() {
    let mut party = announcing();
    let play = |number| {
        let play = Command::Play(target(&song(number, "a")));
        Event::Request(Box::new(request(Party::HOST, play, Some(song(number, "a")))))
    };
    party.apply(&play(3));
    assert_eq!((party.playing().as_deref(), party.queued()), (Some("Song 3"), vec!["Song 2"]));
    // Song 3 is not heard yet either.
    party.apply(&play(4));
    assert_eq!((party.playing().as_deref(), party.queued()), (Some("Song 4"), vec!["Song 3", "Song 2"]));
    let played = |party: &Party| {
        party.record.played.iter().map(|entry| entry.content.title.clone()).collect::<Vec<_>>()
    };
    assert_eq!(played(&party), ["Song 1"]);
    assert!(party.record.queue.iter().all(|entry| entry.plays == 0));
    party.pass(SKIP_LEAD_MS);
    party.apply(&play(3));
    assert_eq!(played(&party), ["Song 1", "Song 4"], "it was heard");
}

#[test]
fn what_was_announced_keeps_its_place_in_a_full_queue() {
    let mut party = party();
    let item = |number: usize| {
        let mut entry = song(0, "a");
        entry.item_id = Some(protocol::ItemId::from_bytes((number as u128).to_be_bytes()));
        entry
    };
    party.queue(Party::HOST, &song(1, "a"));
    party.pass(SKIP_LEAD_MS);
    for number in 0..MAX_QUEUE {
        party.queue(Party::HOST, &item(1_000 + number));
    }
    let due_ms = party.record.next_due_ms().unwrap();
    party.pass(due_ms - party.now_ms);
    party.queue(Party::HOST, &item(2_000));
    assert_eq!(party.record.queue.len(), MAX_QUEUE);
    let play = |number| {
        let play = Command::Play(target(&item(number)));
        Event::Request(Box::new(request(Party::HOST, play, Some(item(number)))))
    };
    let refused = party.try_apply(&play(3_000));
    assert!(matches!(refused, Err(Refusal::Limit(_))), "{refused:?}");
    party.apply(&play(2_000));
    assert_eq!(party.record.queue.len(), MAX_QUEUE);
    assert!(party.record.queue[0].plays_the_same(&item(1_000)));
}
