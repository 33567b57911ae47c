//! Invariants for any sequence of commands, whatever JSON members send.

use std::collections::BTreeMap;

use protocol::{
    ItemId, PartyId,
    party::{Access, CreateParty, PartyCommand, Policy},
};

pub(crate) use super::party::Record;
use super::{
    party::{Event, Join, Member, NewEntry, NewParty, Request, TokenDigest, Viewer, changes},
    text,
};

/// Most commands per input.
const MOST: usize = 64;
/// Time between two commands, in ms.
const STEP_MS: u64 = 700;
const START_MS: u64 = 1_700_000_000_000;

fn party() -> Record {
    let create = CreateParty {
        title: "Evening".into(),
        policy: Policy::Vote,
        access: Access::Public,
        name: "Host".into(),
        settings: None,
    };
    let party_id = PartyId::from_bytes([7; 16]);
    let digest = TokenDigest::of("host");
    let mut record =
        Record::new(NewParty { party_id, create, default: None, digest, account_since_ms: None }, START_MS);
    for name in ["Ann", "Bob"] {
        let join = Join::guest(name, TokenDigest::of(name), usize::MAX);
        record.apply(&Event::Join(join), START_MS).expect("a public party admits guests");
    }
    record
}

fn entry(number: usize) -> NewEntry {
    let number = u8::try_from(number % 8).unwrap_or(0);
    NewEntry {
        item_id: Some(ItemId::from_bytes([number; 16])),
        stream_id: None,
        title: format!("Song {number}"),
        artist: None,
        poster_url: None,
        duration_ms: Some(u64::from(number) * STEP_MS),
        is_video: false,
        hash: format!("{number:064}"),
        account: None,
    }
}

/// Applies commands, one per line. A refused command changes nothing, an accepted one makes one revision, and
/// the serialised record can be read back.
pub(crate) fn commands(input: &[u8]) {
    let mut record = party();
    let mut now_ms = START_MS;
    for (number, line) in input.split(|byte| *byte == b'\n').take(MOST).enumerate() {
        now_ms += STEP_MS;
        // Only an ended party refuses the passing of time.
        let _ = record.apply(&Event::Tick, now_ms);
        let command = serde_json::from_slice::<PartyCommand>(line).ok();
        let Some(command) = command.and_then(|command| text::command(command).ok()) else { continue };
        let members: Vec<_> = record.members.iter().map(|member: &Member| member.id).collect();
        let Some(member) = members.get(number % members.len().max(1)).copied() else { return };
        let request = Request {
            member,
            is_operator: false,
            command,
            entry: Some(entry(number)),
            accounts: BTreeMap::new(),
            seen_round: None,
        };
        let before = record.clone();
        match record.apply(&Event::Request(Box::new(request)), now_ms) {
            Ok(applied) if applied.changed => assert_eq!(record.revision, before.revision + 1),
            Ok(_) | Err(_) => assert!(record == before, "nothing changed"),
        }
        let told = changes(&before, &record).changed;
        assert_eq!(told.is_some(), record.revision != before.revision);
    }
    let written = serde_json::to_vec(&record).expect("a record is JSON");
    assert!(written.len() < store::MAX_VALUE_BYTES);
    assert!(serde_json::from_slice::<Record>(&written).expect("what is written is read") == record);
    assert_eq!(record.view(Viewer::Onlooker).members.len(), 0);
}
