//! Lists and searches: what they find, in which order, page by page, and how much they look at.

use std::collections::BTreeMap;

use proptest::prelude::*;
use protocol::{
    ItemId,
    item::{Kind, State},
    stream::Visibility,
};
use store::{Replica, Revision};

use super::*;
use crate::library::record::{NewItem, Text};

/// The words that titles are made of.
const WORDS: [&str; 8] = ["night", "rain", "blue", "Ævintýri", "metallica", "live", "session", "東京"];

/// Records, and the index of them.
#[derive(Default)]
struct Library {
    records: Replica<Record>,
    index: Index,
    revision: u64,
}

impl Library {
    fn put(&mut self, item_id: ItemId, record: Record) {
        self.revision += 1;
        self.records.learn(&item_id, record, Revision(self.revision));
        self.settle();
    }

    fn remove(&mut self, item_id: ItemId) {
        self.revision += 1;
        self.records.forget(&item_id, Revision(self.revision));
        self.settle();
    }

    fn settle(&mut self) {
        for change in self.records.take_changes() {
            self.index.apply(change.key, change.before.as_ref(), change.after.as_ref());
        }
    }

    fn page(&self, query: &Query) -> Found {
        self.index.page(&self.records, query).unwrap()
    }

    /// All pages.
    fn all(&self, mut query: Query) -> Vec<ItemId> {
        let mut items = Vec::new();
        loop {
            let found = self.page(&query);
            assert!(found.items.len() <= query.limit);
            items.extend(found.items);
            // Serialised, as clients return it.
            let Some(next) = found.next else { return items };
            query.cursor = Cursor::parse(&next.text());
            assert!(query.cursor.is_some());
        }
    }
}

fn id(number: usize) -> ItemId {
    ItemId::from_bytes((number as u128).to_be_bytes())
}

/// A public item that is ready.
fn record(number: usize, title: &str) -> Record {
    let new = NewItem {
        item_id: id(number),
        kind: KINDS[number % 3],
        state: State::Ready,
        text: Text { title: title.into(), tags: vec![format!("tag{}", number % 5)], ..Text::default() },
        visibility: Visibility::Public,
        passphrase_hash: None,
        owner: None,
        stream_id: None,
    };
    Record { duration_ms: (number as u64 * 7919) % 1000, ..Record::new(new, 1000 + number as u64 / 3) }
}

fn owner(account: &str) -> Owner {
    Owner { account: account.into(), account_since_ms: 1, key_id: None }
}

fn query(text: &str) -> Query {
    let text = text.into();
    Query { scope: Scope::Listed, text, kind: None, tag: None, sort: None, cursor: None, limit: 50 }
}

/// A library with `count` items, whose titles have some words and a number.
fn library(count: usize) -> Library {
    let mut library = Library::default();
    for number in 0..count {
        let word = |step: usize| WORDS[(number / step + number) % WORDS.len()];
        library.put(id(number), record(number, &format!("{} {} {number}", word(1), word(3))));
    }
    library
}

fn numbers(items: &[ItemId]) -> Vec<usize> {
    let number = |item: &ItemId| usize::from_str_radix(&item.to_string(), 16).unwrap();
    items.iter().map(number).collect()
}

#[test]
fn a_search_finds_every_field_and_the_best_match_comes_first() {
    let mut library = Library::default();
    let texts = [
        ("Blue", "", "", ""),
        ("Blueberry", "", "", ""),
        ("x", "Blue", "", ""),
        ("x", "", "Blue", ""),
        ("x", "", "", "blue"),
        ("Glue", "", "", ""),
        ("Red", "", "", ""),
    ];
    for (number, (title, artist, album, tag)) in texts.into_iter().enumerate() {
        let mut record = record(number, title);
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        record.text = Text {
            title: title.into(),
            artist: some(artist),
            album: some(album),
            tags: some(tag).into_iter().collect(),
        };
        library.put(id(number), record);
    }
    assert_eq!(numbers(&library.page(&query("BLUE")).items), [0, 2, 3, 4, 1, 5]);
    assert_eq!(numbers(&library.page(&query("blüeb")).items), [1, 0, 2, 3, 4], "others by an error");
    assert_eq!(library.page(&query("blue")).total, 6);
    let by_title = Query { sort: Some(Sort::Title), ..query("blue") };
    assert_eq!(numbers(&library.page(&by_title).items), [0, 1, 5, 2, 3, 4]);
}

#[test]
fn only_items_that_the_caller_may_find_are_found() {
    let mut library = Library::default();
    let set: [fn(&mut Record); 6] = [
        |_| {},
        |record| record.visibility = Visibility::Unlisted,
        |record| record.visibility = Visibility::Private,
        |record| record.state = State::Growing,
        |record| record.state = State::Failed,
        |record| record.deleted_until_ms = Some(1),
    ];
    for (number, set) in set.into_iter().enumerate() {
        let mut record = Record { owner: Some(owner("ann")), ..record(number, "night") };
        set(&mut record);
        library.put(id(number), record);
    }
    library.put(id(6), Record { owner: Some(owner("bob")), ..record(6, "night") });
    library.put(
        id(7),
        Record { owner: Some(Owner { account_since_ms: 2, ..owner("ann") }), ..record(7, "night") },
    );
    for text in ["", "night"] {
        let found = |scope| {
            let mut found = numbers(&library.all(Query { scope, limit: 2, ..query(text) }));
            found.sort_unstable();
            found
        };
        assert_eq!(found(Scope::Listed), [0, 6, 7], "{text}");
        assert_eq!(found(Scope::Editable(Some(owner("ann")))), [0, 1, 2, 3, 4], "{text}");
        assert_eq!(found(Scope::Editable(None)), [0, 1, 2, 3, 4, 6, 7], "{text}");
        assert_eq!(found(Scope::Deleted(Some(owner("ann")))), [5], "{text}");
        assert!(found(Scope::Deleted(Some(owner("bob")))).is_empty(), "{text}");
    }
}

#[test]
fn totals_follow_what_comes_and_goes() {
    let mut library = library(30);
    let total = |library: &Library, kind| library.page(&Query { kind, ..query("") }).total;
    assert_eq!((total(&library, None), total(&library, Some(Kind::Upload))), (30, 10));
    library.put(id(1), Record { visibility: Visibility::Unlisted, ..record(1, "other") });
    library.remove(id(4));
    assert_eq!((total(&library, None), total(&library, Some(Kind::Upload))), (28, 8));
    for number in 0..30 {
        library.remove(id(number));
    }
    assert_eq!(library.page(&query("")), Found { examined: 0, ..Found::default() });
    assert!(library.index.tags.is_empty() && library.index.owners.is_empty());
}

#[test]
fn a_cursor_of_another_order_is_refused() {
    let library = library(10);
    let first = library.page(&Query { limit: 3, ..query("") });
    let other = Query { sort: Some(Sort::Title), cursor: first.next, ..query("") };
    assert_eq!(library.index.page(&library.records, &other), Err(OtherOrder));
    assert_eq!(Cursor::parse("eyJ9"), None);
}

#[test]
fn stems_are_listed_with_their_song_among_results_of_jobs_and_at_the_end_of_searches() {
    let mut library = library(3);
    let stem = |number: usize| {
        let mut record = record(number, "night rain (vocals)");
        (record.kind, record.owner) = (Kind::Job, Some(owner("ann")));
        record.links.stem = Some(protocol::item::Stem::Vocals);
        record
    };
    let (song, vocals) = (id(30), id(31));
    library.put(song, record(0, "night rain"));
    library.put(vocals, stem(5));
    let all = library.page(&query(""));
    assert_eq!((all.items.contains(&vocals), all.total), (false, 4));
    let tagged = library.page(&Query { tag: Some("tag0".into()), ..query("") });
    assert_eq!((tagged.items.contains(&vocals), tagged.items.contains(&song)), (false, true));
    let jobs = library.page(&Query { kind: Some(Kind::Job), ..query("") });
    assert_eq!((jobs.items, jobs.total), (vec![vocals, id(2)], 2));
    let found = library.page(&query("night rain"));
    assert_eq!((found.items.last(), found.total), (Some(&vocals), found.items.len()));
    let own = library.page(&Query { scope: Scope::Editable(Some(owner("ann"))), ..query("") });
    assert_eq!(own.items, [vocals]);
    library.remove(vocals);
    assert_eq!(library.page(&Query { kind: Some(Kind::Job), ..query("") }).items, [id(2)]);
}

/// 10,000 items: a page costs as much as it has items, a search costs its results plus one look at each word.
#[test]
fn lists_and_searches_look_at_no_more_than_they_have_to() {
    const ITEMS: usize = 10_000;
    let library = library(ITEMS);
    for sort in KEPT {
        let found = library.page(&Query { sort: Some(sort), ..query("") });
        assert_eq!((found.items.len(), found.total), (50, ITEMS));
        assert!(found.examined <= 51, "{sort:?}: {}", found.examined);
        let second = library.page(&Query { sort: Some(sort), cursor: found.next, ..query("") });
        assert!(second.examined <= 51, "{sort:?}: {}", second.examined);
    }
    let found = library.page(&query("9876"));
    assert!(found.total >= 1 && found.examined < 2 * ITEMS, "{}", found.examined);
    let found = library.page(&query("mettalica nihgt"));
    assert!(found.total > 100 && found.examined < 4 * ITEMS, "{}", found.examined);
    assert_eq!(library.page(&Query { tag: Some("tag3".into()), ..query("") }).total, ITEMS / 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Items that exist throughout are on the pages once each and in order, whatever is added and removed
    /// between two pages.
    #[test]
    fn pages_stay_stable_while_items_come_and_go(
        sort in prop::sample::select(vec![Sort::Newest, Sort::Oldest, Sort::Title, Sort::Duration, Sort::Relevance]),
        text in prop::sample::select(vec!["", "night", "mettalica", "live 1"]),
        limit in 1_usize..7,
        changes in prop::collection::vec((0_usize..60, any::<bool>()), 0..60),
    ) {
        let mut library = library(60);
        let mut query = Query { sort: Some(sort), limit, ..query(text) };
        let before = library.all(query.clone());
        let (mut seen, mut touched) = (Vec::new(), BTreeMap::new());
        let mut changes = changes.into_iter();
        loop {
            let found = library.page(&query);
            seen.extend(found.items);
            let Some(next) = found.next else { break };
            query.cursor = Some(next);
            for (number, goes) in changes.by_ref().take(3) {
                touched.insert(id(number), goes);
                if goes {
                    library.remove(id(number));
                } else {
                    // Adds a new item beside it.
                    touched.insert(id(100 + number), true);
                    library.put(id(100 + number), record(100 + number, "night metallica live 1"));
                }
            }
        }
        let lasting = |items: &[ItemId]| {
            items.iter().filter(|item| !touched.contains_key(item)).copied().collect::<Vec<_>>()
        };
        prop_assert_eq!(lasting(&seen), lasting(&before));
        let distinct: BTreeSet<_> = seen.iter().collect();
        prop_assert_eq!(distinct.len(), seen.len(), "each once");
    }
}
