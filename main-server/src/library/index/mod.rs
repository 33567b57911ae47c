//! Finds items: lists in several orders, and searches, page by page. Pure.
//!
//! Listed items are kept in four orders, and so are all items that are not deleted; a page of such an order
//! costs as much as it has items. For a query, a tag or an owner, the matching items are looked up
//! ([`vocabulary`]) and the best of them returned. Nothing here is larger than the records themselves.
//!
//! What all clients see has the stems of songs only among results of jobs and in searches: they belong to
//! their songs.

mod fold;
mod order;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Bound,
};

use protocol::{ItemId, item::Kind};
use store::Replica;

pub(crate) use self::order::{Cursor, Sort};
use self::{
    fold::words,
    order::Place,
    vocabulary::{Field, Vocabulary},
};
use super::Record;
use crate::state::catalogue::record::Owner;

/// The orders that are kept.
const KEPT: [Sort; 4] = [Sort::Newest, Sort::Oldest, Sort::Title, Sort::Duration];
/// Stems that match come after all songs that do.
const STEM_COST: u32 = 1 << 24;
const KINDS: [Kind; 3] = [Kind::Recording, Kind::Upload, Kind::Job];

/// The set of items to search in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Items that all clients find.
    Listed,
    /// Items that the caller may change, whatever their state: those of an account, or all for an operator.
    Editable(Option<Owner>),
    /// The deleted ones of these.
    Deleted(Option<Owner>),
}

/// A query.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// The set of items.
    pub(crate) scope: Scope,
    /// The search text.
    pub(crate) text: String,
    /// Only items of this kind.
    pub(crate) kind: Option<Kind>,
    /// Only items with this tag.
    pub(crate) tag: Option<String>,
    /// The order; by default relevance with a text, else newest first.
    pub(crate) sort: Option<Sort>,
    /// Where the page begins.
    pub(crate) cursor: Option<Cursor>,
    /// Most items of the page.
    pub(crate) limit: usize,
}

/// A page of items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// In the requested order.
    pub(crate) items: Vec<ItemId>,
    /// Total over all pages.
    pub(crate) total: usize,
    /// Where the next page begins.
    pub(crate) next: Option<Cursor>,
    /// Number of items and words examined.
    pub(crate) examined: usize,
}

/// The cursor belongs to another order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OtherOrder;

/// Items in each of the stored orders.
#[derive(Debug, Default)]
struct Shelf {
    orders: [BTreeSet<Place>; KEPT.len()],
    kinds: [usize; KINDS.len()],
}

impl Shelf {
    fn add(&mut self, item_id: ItemId, record: &Record) {
        for (order, sort) in self.orders.iter_mut().zip(KEPT) {
            order.insert(Place::of(sort, item_id, record, 0));
        }
        self.kinds[record.kind as usize] += 1;
    }

    fn remove(&mut self, item_id: ItemId, record: &Record) {
        for (order, sort) in self.orders.iter_mut().zip(KEPT) {
            order.remove(&Place::of(sort, item_id, record, 0));
        }
        self.kinds[record.kind as usize] -= 1;
    }
}

/// The items and bytes of an account.
#[derive(Debug, Default)]
struct Owned {
    items: HashSet<ItemId>,
    bytes: u64,
}

/// The index of all items.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// What all clients see, without stems.
    listed: Shelf,
    /// Results of jobs that all clients see.
    listed_jobs: Shelf,
    /// All items that are not deleted.
    all: Shelf,
    words: Vocabulary,
    tags: HashMap<Box<str>, HashSet<ItemId>>,
    owners: HashMap<Box<str>, Owned>,
    deleted: BTreeSet<(u64, ItemId)>,
    bytes: u64,
}

impl Index {
    /// Applies a change of an item.
    pub(super) fn apply(&mut self, item_id: ItemId, before: Option<&Record>, after: Option<&Record>) {
        if let Some(before) = before {
            self.remove(item_id, before);
        }
        if let Some(after) = after {
            self.add(item_id, after);
        }
    }

    fn add(&mut self, item_id: ItemId, record: &Record) {
        self.bytes = self.bytes.saturating_add(record.bytes);
        if let Some(owner) = &record.owner {
            let owned = self.owners.entry(owner.account.as_str().into()).or_default();
            owned.items.insert(item_id);
            owned.bytes = owned.bytes.saturating_add(record.bytes);
        }
        for tag in &record.text.tags {
            self.tags.entry(tag.as_str().into()).or_default().insert(item_id);
        }
        self.words.add(item_id, &words_of(record));
        match record.deleted_until_ms {
            Some(until_ms) => _ = self.deleted.insert((until_ms, item_id)),
            None => self.all.add(item_id, record),
        }
        self.listed_shelves(record).for_each(|shelf| shelf.add(item_id, record));
    }

    /// The shelves of what all clients see that the item is on.
    fn listed_shelves(&mut self, record: &Record) -> impl Iterator<Item = &mut Shelf> {
        let Self { listed, listed_jobs, .. } = self;
        let main = Some(listed).filter(|_| record.links.stem.is_none());
        let jobs = Some(listed_jobs).filter(|_| record.kind == Kind::Job);
        [main, jobs].into_iter().flatten().filter(|_| record.is_listed())
    }

    fn remove(&mut self, item_id: ItemId, record: &Record) {
        self.bytes = self.bytes.saturating_sub(record.bytes);
        if let Some(owner) = &record.owner
            && let Some(owned) = self.owners.get_mut(owner.account.as_str())
        {
            owned.items.remove(&item_id);
            owned.bytes = owned.bytes.saturating_sub(record.bytes);
            if owned.items.is_empty() {
                self.owners.remove(owner.account.as_str());
            }
        }
        for tag in &record.text.tags {
            if let Some(items) = self.tags.get_mut(tag.as_str()) {
                items.remove(&item_id);
                if items.is_empty() {
                    self.tags.remove(tag.as_str());
                }
            }
        }
        self.words.remove(item_id, &words_of(record));
        match record.deleted_until_ms {
            Some(until_ms) => _ = self.deleted.remove(&(until_ms, item_id)),
            None => self.all.remove(item_id, record),
        }
        self.listed_shelves(record).for_each(|shelf| shelf.remove(item_id, record));
    }

    /// Bytes of all items, and of those of one account.
    pub(super) fn bytes(&self, account: Option<&str>) -> (u64, u64) {
        let owned = account.and_then(|account| self.owners.get(account));
        (self.bytes, owned.map_or(0, |owned| owned.bytes))
    }

    /// Deleted items that expired before `now_ms`, at most `at_most`.
    pub(super) fn expired(&self, now_ms: u64, at_most: usize) -> Vec<ItemId> {
        let over = self.deleted.iter().take_while(|(until_ms, _)| *until_ms <= now_ms);
        over.take(at_most).map(|(_, item_id)| *item_id).collect()
    }

    /// Items that are not deleted, the oldest first.
    pub(super) fn oldest(&self) -> impl Iterator<Item = ItemId> {
        self.all.orders[1].iter().map(|place| place.item_id)
    }

    /// A page of the requested items.
    ///
    /// # Errors
    /// [`OtherOrder`].
    pub(super) fn page(&self, records: &Replica<Record>, query: &Query) -> Result<Found, OtherOrder> {
        let words = words(&query.text);
        let sort = query.sort.unwrap_or(if words.is_empty() { Sort::Newest } else { Sort::Relevance });
        // Without a query all items are equally relevant, so the newest come first.
        let kept = if words.is_empty() && sort == Sort::Relevance { Sort::Newest } else { sort };
        let after = match &query.cursor {
            Some(cursor) => Some(cursor.place(kept).ok_or(OtherOrder)?),
            None => None,
        };
        let has_stems = !words.is_empty() || query.kind == Some(Kind::Job) || query.scope != Scope::Listed;
        let request = Request { records, query, sort: kept, after, has_stems };
        Ok(match (&query.scope, &query.tag) {
            (Scope::Listed, None) if words.is_empty() && query.kind == Some(Kind::Job) => {
                request.walk(&self.listed_jobs)
            }
            (Scope::Listed, None) if words.is_empty() => request.walk(&self.listed),
            (Scope::Editable(None), None) if words.is_empty() => request.walk(&self.all),
            _ => request.collect(self.candidates(query, &words)),
        })
    }

    /// The candidates for a query, each with its cost, and the number of things examined.
    fn candidates(&self, query: &Query, words: &[String]) -> (Vec<(ItemId, u32)>, usize) {
        let (free, mut examined) = (|item_id: &ItemId| (*item_id, 0), 0);
        if !words.is_empty() {
            return (self.words.search(words, &mut examined).into_iter().collect(), examined);
        }
        let found = match (&query.tag, &query.scope) {
            (Some(tag), _) => self.tags.get(tag.as_str()).into_iter().flatten().map(free).collect(),
            (None, Scope::Deleted(_)) => self.deleted.iter().map(|(_, item_id)| (*item_id, 0)).collect(),
            (None, Scope::Editable(Some(owner))) => {
                let owned = self.owners.get(owner.account.as_str()).map(|owned| &owned.items);
                owned.into_iter().flatten().map(free).collect()
            }
            (None, Scope::Editable(None) | Scope::Listed) => Vec::new(),
        };
        (found, examined)
    }
}

/// A query on the records.
struct Request<'a> {
    records: &'a Replica<Record>,
    query: &'a Query,
    sort: Sort,
    after: Option<&'a Place>,
    /// Whether stems are among what is asked for.
    has_stems: bool,
}

impl Request<'_> {
    /// Takes the page from a stored order.
    fn walk(&self, shelf: &Shelf) -> Found {
        let order = &shelf.orders[KEPT.iter().position(|kept| *kept == self.sort).unwrap_or_default()];
        let begin = self.after.map_or(Bound::Unbounded, Bound::Excluded);
        let (mut places, mut examined) = (Vec::new(), 0);
        for place in order.range((begin, Bound::Unbounded)) {
            if places.len() > self.query.limit {
                break;
            }
            examined += 1;
            if self.query.kind.is_none() || self.is_wanted(place.item_id).is_some() {
                places.push(place.clone());
            }
        }
        let total = self.query.kind.map_or(order.len(), |kind| shelf.kinds[kind as usize]);
        self.found(places, total, examined)
    }

    /// Takes the page from unordered items.
    fn collect(&self, (candidates, examined): (Vec<(ItemId, u32)>, usize)) -> Found {
        let examined = examined + candidates.len();
        let wanted = candidates.into_iter().filter_map(|(item_id, cost)| {
            let record = self.is_wanted(item_id)?;
            let cost = if record.links.stem.is_some() { cost.saturating_add(STEM_COST) } else { cost };
            Some(Place::of(self.sort, item_id, record, cost))
        });
        let mut places: Vec<Place> = wanted.collect();
        let total = places.len();
        places.retain(|place| self.after.is_none_or(|after| place > after));
        let most = self.query.limit + 1;
        if places.len() > most {
            places.select_nth_unstable(most);
            places.truncate(most);
        }
        places.sort_unstable();
        self.found(places, total, examined)
    }

    /// The page of `places`, which contain one more if there is a next page.
    fn found(&self, mut places: Vec<Place>, total: usize, examined: usize) -> Found {
        let has_more = places.len() > self.query.limit;
        places.truncate(self.query.limit);
        let next = places.last().filter(|_| has_more).map(|last| Cursor::new(self.sort, last.clone()));
        Found { items: places.into_iter().map(|place| place.item_id).collect(), total, next, examined }
    }

    /// The item's record, if it matches.
    fn is_wanted(&self, item_id: ItemId) -> Option<&Record> {
        let record = self.records.get(&item_id)?;
        let Query { scope, kind, tag, .. } = self.query;
        let is_owned = |owner: &Option<Owner>| {
            owner
                .as_ref()
                .is_none_or(|owner| record.owner.as_ref().is_some_and(|known| known.is_same_account(owner)))
        };
        let is_in_scope = match scope {
            Scope::Listed => record.is_listed(),
            Scope::Editable(owner) => !record.is_deleted() && is_owned(owner),
            Scope::Deleted(owner) => record.is_deleted() && is_owned(owner),
        };
        let is_wanted = is_in_scope
            && (self.has_stems || record.links.stem.is_none())
            && kind.is_none_or(|kind| record.kind == kind)
            && tag.as_ref().is_none_or(|tag| record.text.tags.contains(tag));
        is_wanted.then_some(record)
    }
}

/// The words by which an item is found.
fn words_of(record: &Record) -> Vec<(String, Field)> {
    let text = &record.text;
    let fields = std::iter::once((&text.title, Field::Title))
        .chain(text.artist.iter().map(|artist| (artist, Field::Artist)))
        .chain(text.album.iter().map(|album| (album, Field::Album)))
        .chain(text.tags.iter().map(|tag| (tag, Field::Tag)));
    fields.flat_map(|(text, field)| words(text).into_iter().map(move |word| (word, field))).collect()
}
