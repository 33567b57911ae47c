//! What members and others see, and the content of events.

use protocol::{
    ErrorCode,
    party::{Access, ChangeParty, Command, EndReason, PartyState, Policy, Settings, Target},
};
use serde_json::{Map, Value};

use super::{
    super::{
        Event, Join, MAX_PEOPLE, Record, Refusal, TokenDigest, Viewer, Visitor,
        bounds::MAX_MEMBERS,
        changes::{Changes, changes},
        record::Entry,
    },
    support::{Party, guest, request, song, target},
};

/// A client's copy of a party, updated by events.
pub(super) struct Replayed {
    state: Map<String, Value>,
}

impl Replayed {
    pub(super) fn new(record: &Record) -> Self {
        Self { state: fields(&record.view(Viewer::Members)) }
    }

    /// Applies the events of a change, and compares the result with a snapshot.
    pub(super) fn follow(&mut self, old: &Record, new: &Record) {
        let Changes { changed, .. } = changes(old, new);
        let Some(mut changed) = changed else {
            assert_eq!(old.revision, new.revision);
            return;
        };
        let left = changed.changes.remove("left").unwrap_or(Value::Array(vec![]));
        let delta = changed.changes.remove("members").unwrap_or(Value::Array(vec![]));
        let members = self.state.get_mut("members").and_then(Value::as_array_mut).unwrap();
        members.retain(|member| !left.as_array().unwrap().contains(&member["member_id"]));
        for member in delta.as_array().unwrap() {
            match members.iter_mut().find(|known| known["member_id"] == member["member_id"]) {
                Some(known) => known.clone_from(member),
                None => members.push(member.clone()),
            }
        }
        for (name, value) in changed.changes {
            match value {
                Value::Null => self.state.remove(&name),
                value => self.state.insert(name, value),
            };
        }
        self.state.insert("revision".into(), changed.revision.into());
        let (mut expected, mut state) = (fields(&new.view(Viewer::Members)), self.state.clone());
        // Messages arrive as separate events.
        expected.remove("chat");
        state.remove("chat");
        assert_eq!(state, expected);
    }
}

fn fields(state: &PartyState) -> Map<String, Value> {
    match serde_json::to_value(state).unwrap() {
        Value::Object(fields) => fields,
        other => panic!("no object: {other}"),
    }
}

#[test]
fn a_client_that_applies_the_events_has_what_a_snapshot_says() {
    let mut party = Party::new(Policy::Vote, Settings::default());
    let mut client = Replayed::new(&party.record);
    let mut step = |party: &mut Party, act: &dyn Fn(&mut Party)| {
        let old = party.record.clone();
        act(party);
        client.follow(&old, &party.record);
    };
    step(&mut party, &|party| _ = party.join("Ann"));
    step(&mut party, &|party| _ = party.queue(Party::HOST, &song(1, "a")));
    step(&mut party, &|party| _ = party.queue(Party::HOST, &song(2, "b")));
    step(&mut party, &|party| party.vote(Party::HOST, &song(2, "b")));
    step(&mut party, &|party| party.away(Party::HOST));
    step(&mut party, &Party::play_out);
    step(&mut party, &|party| party.back(Party::HOST));
    let host = ChangeParty { policy: Some(Policy::Host), ..ChangeParty::default() };
    step(&mut party, &|party| _ = party.ask(Party::HOST, Command::Set(Box::new(host.clone()))).unwrap());
    step(&mut party, &|party| _ = party.apply(&Event::Leave { member: Party::HOST }));
    assert_eq!(client.state.get("round"), None);
}

#[test]
fn events_have_only_what_changed() {
    let mut party = Party::new(Policy::Vote, Settings::default());
    for number in 1..=3 {
        party.queue(Party::HOST, &song(number, "a"));
    }
    let old = party.record.clone();
    party.vote(Party::HOST, &song(2, "a"));
    let Changes { changed, chat, gone, ended } = changes(&old, &party.record);
    let changed = changed.unwrap();
    assert_eq!(changed.changes.keys().collect::<Vec<_>>(), ["round"]);
    assert_eq!((changed.revision, chat.len(), gone.len(), ended), (old.revision + 1, 0, 0, false));
    assert_eq!(changes(&old, &old), Changes::default());

    let old = party.record.clone();
    party.ask(Party::HOST, Command::Chat { text: "hello".into() }).unwrap();
    let Changes { changed, chat, .. } = changes(&old, &party.record);
    assert!(changed.unwrap().changes.is_empty());
    assert_eq!((chat[0].text.as_str(), chat[0].name.as_str()), ("hello", "Host"));
}

#[test]
fn members_that_are_removed_learn_why() {
    let mut party = Party::new(Policy::Host, Settings::default());
    let (ann, bob) = (party.join("Ann"), party.join("Bob"));
    let invited = Join { invitation: Some("1a".into()), ..guest("Eve") };
    party.apply(&Event::Join(invited.clone()));
    let eve = party.record.holder(&invited.digest).unwrap().id;
    let old = party.record.clone();
    party.apply(&Event::Leave { member: ann });
    party.ask(Party::HOST, Command::Kick { member_id: bob.to_string() }).unwrap();
    party.apply(&Event::InvitationRevoked { invitation: "1a".into() });
    assert!(!party.apply(&Event::InvitationRevoked { invitation: "1a".into() }).changed);
    party.ask(Party::HOST, Command::End).unwrap();
    let Changes { gone, ended, .. } = changes(&old, &party.record);
    assert_eq!(gone, [(ann, EndReason::Left), (bob, EndReason::Kicked), (eve, EndReason::Kicked)]);
    assert!(ended && party.record.is_ended());
    let late = Join { digest: TokenDigest::of("late"), ..invited };
    assert_eq!(party.try_apply(&Event::Join(late)), Err(Refusal::UnknownParty));
}

#[test]
fn an_onlooker_sees_neither_members_nor_messages_nor_whose_votes_are() {
    let mut party = Party::new(Policy::Vote, Settings { skip_percent: 100, ..Settings::default() });
    let ann = party.join("Ann");
    party.queue(Party::HOST, &song(1, "a"));
    party.queue(Party::HOST, &song(2, "b"));
    party.vote(ann, &song(2, "b"));
    party.ask(ann, Command::Skip).unwrap();
    party.ask(ann, Command::Chat { text: "secret".into() }).unwrap();
    let state = party.record.view(Viewer::Onlooker);
    assert_eq!((state.members.len(), state.chat.len(), state.people.len()), (0, 0, 0));
    let round = state.round.unwrap();
    assert_eq!((round.votes[0].count, round.votes[0].members.len(), round.skips.len()), (1, 0, 0));
    let summary = party.record.summary();
    assert_eq!((summary.present, summary.playing.as_deref()), (2, Some("Song 1")));
    assert_eq!(summary.host_name, "Host");
}

#[test]
fn no_view_and_no_event_has_tokens_and_only_the_host_and_operators_see_the_people() {
    let mut party = Party::new(Policy::Host, Settings::default());
    let ann = party.join("Ann");
    let old = party.record.clone();
    let people = Some(vec!["mallory".into()]);
    let change = ChangeParty { people, access: Some(Access::Private), ..ChangeParty::default() };
    party.ask(Party::HOST, Command::Set(Box::new(change))).unwrap();
    let sees = |id, is_operator| party.record.view(Viewer::Member { id, is_operator }).people.len();
    assert_eq!((sees(Party::HOST, false), sees(ann, false), sees(ann, true)), (1, 0, 1));
    let changed = changes(&old, &party.record).changed.unwrap();
    assert_eq!(changed.changes.keys().collect::<Vec<_>>(), ["access"]);

    let digest = serde_json::to_value(TokenDigest::of("Ann")).unwrap();
    let state =
        serde_json::to_string(&party.record.view(Viewer::Member { id: Party::HOST, is_operator: true }));
    assert!(!state.unwrap().contains(digest.as_str().unwrap()));
    assert!(!format!("{:?}", party.record).contains(digest.as_str().unwrap()));
}

#[test]
fn a_private_party_reveals_nothing_to_the_uninvited() {
    let mut party = Party::new(Policy::Host, Settings::default());
    let change = ChangeParty {
        people: Some(vec!["ann".into()]),
        access: Some(Access::Private),
        ..ChangeParty::default()
    };
    party.ask(Party::HOST, Command::Set(Box::new(change))).unwrap();
    assert_eq!(party.record.admits(&guest("ann")), Err(Refusal::UnknownParty), "a guest called like her");
    let ann = Join { account_since_ms: Some(7), ..guest("ann") };
    assert_eq!(party.record.admits(&ann), Ok(()));
    assert_eq!(party.record.admits(&Join { invitation: Some("1a".into()), ..guest("Bob") }), Ok(()));
    assert_eq!(
        party.record.admits(&Join { is_operator: true, account_since_ms: Some(1), ..guest("op") }),
        Ok(())
    );

    party.apply(&Event::Join(ann.clone()));
    let id = party.record.holder(&ann.digest).unwrap().id;
    party.ask(Party::HOST, Command::Kick { member_id: id.to_string() }).unwrap();
    let again = Join { digest: TokenDigest::of("again"), ..ann };
    assert_eq!(party.record.admits(&again), Err(Refusal::UnknownParty));
    assert_eq!(Refusal::UnknownParty.code(), ErrorCode::UnknownParty);
}

#[test]
fn a_list_of_people_admits_the_accounts_that_were_there_when_it_was_made() {
    let mut party = Party::new(Policy::Host, Settings::default());
    let set = |people: &[&str], accounts: &[(&str, u64)]| {
        let people = Some(people.iter().map(|name| (*name).to_owned()).collect());
        let change = ChangeParty { people, access: Some(Access::Private), ..ChangeParty::default() };
        let mut request = request(Party::HOST, Command::Set(Box::new(change)), None);
        request.accounts = accounts.iter().map(|(name, since_ms)| ((*name).to_owned(), *since_ms)).collect();
        Event::Request(Box::new(request))
    };
    let join = |name: &str, since_ms| Join { account_since_ms: Some(since_ms), ..guest(name) };
    party.apply(&set(&["bob", "cy"], &[("bob", 7)]));
    assert_eq!(party.record.admits(&join("bob", 7)), Ok(()));
    assert_eq!(party.record.admits(&join("bob", 8)), Err(Refusal::UnknownParty), "another bob");
    assert_eq!(party.record.admits(&join("cy", 8)), Ok(()), "who had no account then");

    party.apply(&set(&["bob", "cy", "di"], &[("bob", 8), ("cy", 9), ("di", 9)]));
    assert_eq!(party.record.admits(&join("bob", 7)), Ok(()), "a name that stays is the same person");
    assert_eq!(party.record.admits(&join("bob", 8)), Err(Refusal::UnknownParty));
    party.apply(&set(&["cy"], &[]));
    party.apply(&set(&["bob"], &[("bob", 8)]));
    assert_eq!(party.record.admits(&join("bob", 8)), Ok(()), "it was taken off and listed again");

    let member = join("bob", 8);
    party.apply(&Event::Join(member));
    party.apply(&set(&[], &[]));
    let shown = |since_ms| Visitor { account: Some(("bob", since_ms)), ..Visitor::default() };
    assert!(party.record.is_shown_to(shown(8)), "it is a member");
    assert!(!party.record.is_shown_to(shown(9)) && !party.record.is_shown_to(Visitor::default()));
}

#[test]
fn a_full_party_is_still_shown_to_those_who_may_join() {
    let mut party = Party::new(Policy::Host, Settings::default());
    let change =
        ChangeParty { people: Some(vec!["ann".into()]), access: Some(Access::Private), ..Default::default() };
    party.ask(Party::HOST, Command::Set(Box::new(change))).unwrap();
    let member = party.record.members[0].clone();
    party.record.members.resize(MAX_MEMBERS, member);
    let ann = Join { account_since_ms: Some(1), ..guest("ann") };
    assert!(matches!(party.record.admits(&ann), Err(Refusal::Limit(_))));
    assert!(party.record.is_shown_to(Visitor { account: Some(("ann", 1)), ..Visitor::default() }));
}

#[test]
fn a_request_with_the_id_of_an_earlier_one_changes_nothing() {
    let mut party = Party::new(Policy::Host, Settings::default());
    for command in [Command::Queue(target(&song(1, "a"))), Command::Chat { text: "hello".into() }] {
        let mut request = request(Party::HOST, command, Some(song(1, "a")));
        request.command.request_id = Some("r-1".into());
        let first = party.apply(&Event::Request(Box::new(request.clone())));
        let second = party.apply(&Event::Request(Box::new(request)));
        assert!(first.changed && !second.changed);
        assert_eq!(first.created, second.created);
    }
}

#[test]
fn if_revision_holds_off_changes_of_another_revision() {
    let mut party = Party::new(Policy::Host, Settings::default());
    let mut request = request(Party::HOST, Command::Chat { text: "hello".into() }, None);
    request.command.if_revision = Some(party.record.revision);
    let event = Event::Request(Box::new(request));
    assert!(party.apply(&event).changed);
    assert!(matches!(party.try_apply(&event), Err(Refusal::Conflict(_))));
}

#[test]
fn a_default_item_plays_while_there_is_nothing_else() {
    let mut party = Party::new(Policy::Vote, Settings::default());
    let settings = Settings { default_item_id: song(9, "f").item_id, ..Settings::default() };
    let change = Box::new(ChangeParty { settings: Some(settings), ..ChangeParty::default() });
    let command = Command::Set(change);
    let unknown = request(Party::HOST, command.clone(), Some(song(8, "f")));
    let refused = party.try_apply(&Event::Request(Box::new(unknown)));
    assert!(matches!(refused, Err(Refusal::Invalid(_))));
    party.apply(&Event::Request(Box::new(request(Party::HOST, command, Some(song(9, "f"))))));
    assert_eq!(party.playing().as_deref(), Some("Song 9"));
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 9"));
    party.queue(Party::HOST, &song(1, "a"));
    party.play_out();
    assert_eq!(party.playing().as_deref(), Some("Song 1"));

    let gone = |party: &Party, number| {
        let is_gone = |entry: &&Entry| entry.content.item_id == song(number, "").item_id;
        Event::EntriesGone { entries: party.record.entries().filter(is_gone).map(|entry| entry.id).collect() }
    };
    party.apply(&gone(&party, 1));
    assert_eq!(party.playing().as_deref(), Some("Song 9"));
    party.apply(&gone(&party, 9));
    assert_eq!(party.record.settings.default_item_id, None);
    assert_eq!(party.playing(), None);
}

#[test]
fn members_find_entries_by_any_name() {
    let mut party = Party::new(Policy::Host, Settings::default());
    party.queue(Party::HOST, &song(1, "a"));
    party.queue(Party::HOST, &song(2, "b"));
    let queued = party.record.entry(&target(&song(2, "b"))).unwrap();
    let by_id = Target { entry_id: Some(queued.id.to_string()), ..Target::default() };
    assert_eq!(party.record.entry(&by_id), Some(queued));
    assert_eq!(party.record.entry(&Target::default()), None);
    assert!(party.record.entry(&target(&song(1, "a"))).is_some(), "what plays");
}

#[test]
fn the_list_of_people_has_a_bound() {
    let mut party = Party::new(Policy::Host, Settings::default());
    let people = Some(vec!["ann".into(); MAX_PEOPLE + 1]);
    let change = Box::new(ChangeParty { people, ..ChangeParty::default() });
    assert!(matches!(party.ask(Party::HOST, Command::Set(change)), Err(Refusal::Limit(_))));
}
