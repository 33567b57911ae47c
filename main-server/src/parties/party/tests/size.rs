//! A record stays below the store's limit, whatever its texts are.

use protocol::{
    ItemId,
    party::{ChangeParty, Command, MAX_MESSAGE_CHARS, MAX_NAME_CHARS, Policy, Settings},
    title,
};
use store::MAX_VALUE_BYTES;

use super::{
    super::{
        Event, Join, MAX_QUEUE, MemberId, NewEntry, Record, TokenDigest,
        bounds::{MAX_MEMBERS, MAX_MUTED, MEMBER_BYTES, member_bytes},
        id::{EntryId, MessageId, PersonId},
    },
    support::{Party, START_MS, guest, request, song},
};

/// Texts of as many characters as they may have, each of which takes `character`'s bytes.
#[derive(Clone, Copy)]
struct Texts(char, Option<usize>);

impl Texts {
    fn of(self, most: usize) -> String {
        self.0.to_string().repeat(self.1.unwrap_or(most).min(most))
    }
}

fn entry(number: usize, texts: Texts) -> NewEntry {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    NewEntry {
        item_id: Some(ItemId::from_bytes(id)),
        title: texts.of(title::MAX_CHARS),
        artist: Some(texts.of(title::MAX_CHARS)),
        poster_url: Some(format!("/library/{}/poster?v=0123456789abcdef", "0".repeat(32))),
        is_video: true,
        account: Some(texts.of(64)),
        ..song(0, "a")
    }
}

/// A party that is full in every respect.
fn full(texts: Texts) -> Party {
    let mut party = Party::new(Policy::Vote, Settings { skip_percent: 100, ..Settings::default() });
    let change = ChangeParty {
        title: Some(texts.of(title::MAX_CHARS)),
        people: Some((0..100).map(|number| format!("{number:064}")).collect()),
        ..ChangeParty::default()
    };
    let mut set = request(Party::HOST, Command::Set(Box::new(change.clone())), None);
    set.accounts = change.people.into_iter().flatten().map(|name| (name, START_MS)).collect();
    party.apply(&Event::Request(Box::new(set)));
    // Bans first: each replaces a former member.
    for number in 0..210 {
        let digest = TokenDigest::of(&format!("banned {number}"));
        let name = format!("{number:064}");
        let invitation = Some(format!("{number:016}"));
        let join =
            Join { digest: digest.clone(), account_since_ms: Some(START_MS), invitation, ..guest(&name) };
        party.apply(&Event::Join(join));
        let member_id = party.record.holder(&digest).unwrap().id.to_string();
        party.ask(Party::HOST, Command::Kick { member_id }).unwrap();
    }
    let (name, invitation) = (texts.of(MAX_NAME_CHARS), "fedcba9876543210");
    // Up to the limit, without asking for it each time.
    let admit = |record: &mut Record| {
        let digest = TokenDigest::of(&record.members.len().to_string());
        record.admit(digest, name.clone(), None, Some(invitation.into()), START_MS);
        record.members.last().map_or(0, member_bytes)
    };
    let maker_bytes: usize = party.record.members.iter().map(member_bytes).sum();
    let each_bytes = admit(&mut party.record);
    let most = MAX_MEMBERS.min((MEMBER_BYTES - maker_bytes) / each_bytes + 1);
    while party.record.members.len() < most {
        admit(&mut party.record);
    }
    assert!(!party.record.has_room_for_member(&name, Some(invitation)));
    // Plays rounds, so that entries have lost some, members have votes, and everything playable has been
    // played.
    for number in 0.. {
        let entry = entry(number, texts);
        if !party.record.has_room_for_entry(&entry) {
            break;
        }
        let mut entry = party.record.entry_of(entry, Party::HOST);
        (entry.request, entry.lost, entry.plays) = (Some(u64::MAX), 9_999, 9_999);
        entry.person = Some(PersonId::of("", None, &TokenDigest::of(&number.to_string())));
        party.record.queue.push(entry);
    }
    for _ in 0..110 {
        let text = texts.of(MAX_MESSAGE_CHARS);
        let mut chat = request(Party::HOST, Command::Chat { text }, None);
        chat.command.request_id = Some(party.record.revision.to_string());
        party.record.apply(&Event::Request(Box::new(chat)), party.now_ms).unwrap();
    }
    party.play_out();
    party.record.played = party.record.queue.clone();
    party.record.bound_played();
    let places: Vec<EntryId> = party.record.queue.iter().map(|entry| entry.id).collect();
    for (place, member) in party.record.members.iter_mut().enumerate() {
        member.vote = Some(places[place % places.len()]);
        member.last_vote = member.vote;
        (member.skips, member.is_muted) = (true, true);
        member.account_since_ms = Some(START_MS);
        member.away_since_ms = Some(party.now_ms);
    }
    let muted = |number: usize| PersonId::of(&number.to_string(), Some(START_MS), &TokenDigest::of(""));
    party.record.muted = (0..MAX_MUTED).map(muted).collect();
    party.record.numbers += 10_000_000;
    party
}

#[test]
fn the_largest_records_of_any_texts_fit_the_store() {
    for (character, chars) in [('\u{1f600}', None), ('"', Some(40)), ('a', Some(8))] {
        let party = full(Texts(character, chars));
        let bytes = serde_json::to_vec(&party.record).unwrap().len();
        assert!(bytes < MAX_VALUE_BYTES, "{bytes} bytes with {character:?} times {chars:?}");
        let again: Record = serde_json::from_slice(&serde_json::to_vec(&party.record).unwrap()).unwrap();
        assert_eq!(again, party.record);
    }
}

#[test]
fn with_usual_texts_the_counts_are_reached_before_the_bytes() {
    let party = full(Texts('a', Some(16)));
    assert_eq!(party.record.members.len(), MAX_MEMBERS);
    assert_eq!(party.record.queue.len(), MAX_QUEUE);
    assert_eq!((party.record.played.len(), party.record.chat.len()), (50, 100));
    let newest = party.record.chat.last().map(|message| message.id);
    assert!(newest > Some(MessageId(0)) && party.record.members[1].id > MemberId(1));
}

#[test]
fn in_a_full_party_the_member_that_was_away_longest_makes_room() {
    let mut party = full(Texts('a', Some(16)));
    for member in &mut party.record.members {
        member.away_since_ms = None;
    }
    assert!(party.try_apply(&Event::Join(guest("late"))).is_err());
    let (first, second) = (party.record.members[5].id, party.record.members[3].id);
    party.away(first);
    party.now_ms += 1;
    party.away(second);
    party.apply(&Event::Join(guest("late")));
    assert!(party.record.member(first).is_none() && party.record.member(second).is_some());
}
