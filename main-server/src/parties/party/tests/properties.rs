//! Invariants for any sequence of events: a refusal changes nothing, a change is one revision, the events
//! describe it completely, a record can be read back, and there is always a host while a member is present.

use std::collections::BTreeSet;

use proptest::prelude::*;
use protocol::party::{Access, ChangeParty, Command, HostLoss, Policy, Settings, Target};

use super::{
    super::{Event, Join, MemberId, NewEntry, Record, TokenDigest, record::Member},
    support::{Party, guest, live, request, song, target},
    views::Replayed,
};

/// A random event; numbers select among the existing objects.
#[derive(Clone, Debug)]
enum Step {
    Join(u8),
    Leave(usize),
    Present(usize, bool),
    Ask { member: usize, is_operator: bool, command: Command, entry: Box<NewEntry>, is_late: bool },
    Buffering(usize, bool),
    Passes(u64),
    Gone(u8),
    Ended,
    Revoked(u8),
}

fn content() -> impl Strategy<Value = NewEntry> {
    let short = |(number, duration_ms): (u8, u64)| {
        let hash = format!("{}", number % 3);
        NewEntry { duration_ms: Some(duration_ms), ..song(number, &hash) }
    };
    prop_oneof![
        8 => (0_u8..8, prop_oneof![Just(0), Just(2_500), Just(30_000)]).prop_map(short),
        1 => Just(live("camera")),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let losses = [HostLoss::Wait, HostLoss::Continue, HostLoss::HandOver, HostLoss::Vote];
    let flags = prop::array::uniform5(any::<bool>());
    let default = prop::option::of(Just(song(0, "0").item_id.unwrap()));
    (flags, prop::sample::select(losses.to_vec()), 0_u8..=101, 0_u32..4_000, default).prop_map(
        |(
            [members_suggest, shows_votes, is_fair, keeps_entries, _],
            on_host_loss,
            skip_percent,
            wait_ms,
            default_item_id,
        )| {
            Settings {
                members_suggest,
                needs_account: false,
                on_host_loss,
                shows_votes,
                skip_percent,
                is_fair,
                keeps_entries,
                default_item_id,
                wait_ms,
            }
        },
    )
}

fn policy() -> impl Strategy<Value = Policy> {
    prop::sample::select(vec![Policy::Host, Policy::Vote])
}

fn change() -> impl Strategy<Value = ChangeParty> {
    let access = prop::sample::select(vec![Access::Public, Access::Unlisted, Access::Private]);
    (prop::option::of(policy()), prop::option::of(access), prop::option::of(settings())).prop_map(
        |(policy, access, settings)| ChangeParty { policy, access, settings, ..ChangeParty::default() },
    )
}

fn command() -> impl Strategy<Value = Command> {
    let one = content().prop_map(|entry| target(&entry)).boxed();
    let member = (0_u64..12).prop_map(|number| format!("m{number}"));
    prop_oneof![
        6 => one.clone().prop_map(Command::Vote),
        2 => one.clone().prop_map(Command::Play),
        2 => Just(Command::Play(Target::default())),
        2 => Just(Command::Pause),
        2 => (0_u64..40_000).prop_map(|position_ms| Command::Seek { position_ms }),
        2 => Just(Command::Next),
        2 => Just(Command::Previous),
        3 => Just(Command::Skip),
        1 => (one.clone(), 0_usize..9).prop_map(|(target, to)| Command::Move { target, to }),
        1 => one.clone().prop_map(Command::Remove),
        2 => one.prop_map(Command::Accept),
        1 => member.clone().prop_map(|member_id| Command::HandOver { member_id }),
        1 => member.clone().prop_map(|member_id| Command::Kick { member_id }),
        1 => (member, any::<bool>()).prop_map(|(member_id, on)| Command::Mute { member_id, on }),
        1 => Just(Command::Chat { text: "hello".into() }),
        1 => "[a-z]{1,9}".prop_map(|name| Command::Rename { name }),
        2 => change().prop_map(|change| Command::Set(Box::new(change))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let asks = |command: BoxedStrategy<Command>| {
        (0_usize..9, prop::bool::weighted(0.1), command, content(), any::<bool>()).prop_map(
            |(member, is_operator, command, entry, is_late)| Step::Ask {
                member,
                is_operator,
                command,
                entry: Box::new(entry),
                is_late,
            },
        )
    };
    prop_oneof![
        2 => any::<u8>().prop_map(Step::Join),
        1 => (0_usize..9).prop_map(Step::Leave),
        3 => (0_usize..9, any::<bool>()).prop_map(|(member, is_present)| Step::Present(member, is_present)),
        4 => asks(content().prop_map(|entry| Command::Queue(target(&entry))).boxed()),
        9 => asks(command().boxed()),
        2 => (0_usize..9, any::<bool>()).prop_map(|(member, waits)| Step::Buffering(member, waits)),
        4 => (0_u64..40_000).prop_map(Step::Passes),
        1 => (0_u8..8).prop_map(Step::Gone),
        1 => Just(Step::Ended),
        1 => (0_u8..4).prop_map(Step::Revoked),
    ]
}

fn member(record: &Record, choice: usize) -> MemberId {
    // Sometimes a member that does not exist.
    record.members.get(choice).map_or(MemberId(999), |member| member.id)
}

fn event(record: &Record, step: &Step) -> Event {
    match step {
        Step::Join(number) => Event::Join(Join {
            digest: TokenDigest::of(&number.to_string()),
            account_since_ms: (number % 3 == 0).then_some(1),
            invitation: (number % 2 == 0).then(|| (number % 4).to_string()),
            is_operator: number % 16 == 0,
            ..guest(&format!("guest {}", number % 8))
        }),
        Step::Leave(choice) => Event::Leave { member: member(record, *choice) },
        Step::Present(choice, true) => Event::Present { members: vec![member(record, *choice)] },
        Step::Present(choice, false) => Event::Away { members: vec![member(record, *choice)] },
        Step::Ask { member: choice, is_operator, command, entry, is_late } => {
            let mut request = request(member(record, *choice), command.clone(), Some((**entry).clone()));
            request.is_operator = *is_operator;
            request.seen_round = is_late.then(|| record.round());
            Event::Request(Box::new(request))
        }
        Step::Buffering(choice, is_buffering) => {
            Event::Buffering { member: member(record, *choice), is_buffering: *is_buffering }
        }
        Step::Passes(_) => Event::Tick,
        Step::Gone(number) => {
            let gone = record.entries().filter(|entry| entry.content.item_id == song(*number, "").item_id);
            Event::EntriesGone { entries: gone.map(|entry| entry.id).collect() }
        }
        Step::Ended => Event::StreamEnded { stream_id: live("camera").stream_id.unwrap() },
        Step::Revoked(number) => Event::InvitationRevoked { invitation: number.to_string() },
    }
}

/// The invariants of every record.
fn check(record: &Record, now_ms: u64) {
    let written = serde_json::to_vec(record).unwrap();
    assert_eq!(serde_json::from_slice::<Record>(&written).unwrap(), *record);

    let ids: BTreeSet<_> = record.members.iter().map(|member| member.id).collect();
    assert!(ids.iter().eq(record.members.iter().map(|member| &member.id)), "by id, each once");
    let present = record.members.iter().any(super::super::record::Member::is_present);
    assert!(!present || record.host.is_some_and(|host| ids.contains(&host)), "there is a host");
    assert_eq!(present, record.empty_since_ms().is_none());
    let acting = record.acting_host.and_then(|id| record.member(id));
    assert!(record.acting_host.is_none() || acting.is_some_and(|member| member.is_present()));

    let all = record.queue.iter().chain(&record.played);
    let entries: BTreeSet<_> = all.clone().map(|entry| entry.id).collect();
    assert_eq!(entries.len(), all.count(), "what was played is not in the queue");
    let is_muted = |member: &Member| member.is_muted == record.is_muted(member.person());
    assert!(record.members.iter().all(is_muted), "the members of a person are muted together");

    let timeline = &record.timeline;
    assert!(timeline.waiting_for.iter().all(|id| ids.contains(id)));
    assert!(timeline.waiting_for.is_empty() || timeline.paused);
    assert!(record.playing.is_some() || (!timeline.paused && timeline.position_ms == 0));
    // Something plays if there is an entry, and a host or the members allow it.
    let can_play = record.default.is_some() || record.queue.iter().any(|entry| !entry.is_suggestion);
    assert!(record.playing.is_some() || !can_play || record.loss == Some(HostLoss::Wait));
    let moves =
        record.playing.as_ref().is_some_and(|entry| entry.content.duration_ms.is_some()) && !timeline.paused;
    let waits = !timeline.waiting_for.is_empty();
    assert_eq!(record.next_due_ms().is_some(), moves || waits, "what has an end has something due");
    assert!(timeline.at_ms <= now_ms + 60_000);
}

proptest! {
    #[test]
    fn whatever_happens_the_record_is_whole(
        policy in policy(),
        settings in settings(),
        steps in prop::collection::vec((step(), 0_u64..2_000), 0..60),
    ) {
        let mut party = Party::new(policy, settings);
        let mut client = Replayed::new(&party.record);
        for (step, passes_ms) in steps {
            party.now_ms += passes_ms;
            let old = party.record.clone();
            let unmutes = matches!(&step, Step::Ask { command: Command::Mute { on: false, .. }, .. });
            match step {
                Step::Passes(ms) => party.pass(ms),
                step => _ = party.try_apply(&event(&old, &step)),
            }
            client.follow(&old, &party.record);
            check(&party.record, party.now_ms);
            let muted = old.members.iter().filter(|member| member.is_muted).map(Member::person);
            let mut muted = muted.chain(old.muted.iter().copied());
            prop_assert!(unmutes || muted.all(|person| party.record.is_muted(person)), "a mute holds until it is lifted");
        }
    }
}
