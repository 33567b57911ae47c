//! The states of a stream, and who is told what, under a clock that the test moves.

use protocol::{node::CarriedStream, stream::Visibility};
use store::Revision;

use super::*;

const SETTINGS: Settings = Settings {
    grace: Duration::from_secs(30),
    first_media: Duration::from_secs(60),
    max_streams: 4,
    max_waiting: 3,
    max_of_address: None,
    max_thumbnail_bytes: 100,
};

/// What the nodes have room for.
const ROOM: usize = 100;

const ADDRESS: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

fn record(title: &str) -> Record {
    Record {
        title: title.into(),
        visibility: Visibility::Public,
        passphrase_hash: None,
        invitation_only: false,
        was_open: true,
        edited_at_ms: 0,
        owner: None,
        created_at_ms: 1,
        started_at_ms: None,
        ended_at_ms: None,
        placed_on: "a".into(),
        placed_at_ms: 1,
    }
}

fn node(name: &str) -> NodeId {
    NodeId(name.into())
}

fn carried(stream_id: StreamId, state: StreamState, viewers: u32) -> CarriedStream {
    CarriedStream {
        stream_id,
        state,
        viewers,
        mime: Some("video/webm;codecs=\"vp9,opus\"".into()),
        path: Vec::new(),
        relays: 0,
        bytes_per_s: 0,
        visibility: None,
    }
}

fn from_edge(stream_id: StreamId, state: StreamState, path: &[&str]) -> CarriedStream {
    let path = path.iter().map(|hostname| (*hostname).to_owned()).collect();
    CarriedStream { path, ..carried(stream_id, state, 1) }
}

/// What a test needs to play a store and nodes.
impl Catalogue {
    /// Creates a stream as the control plane does; the store's revision is 1.
    fn create(&mut self, record: Record, address: Option<IpAddr>, now: Now) -> StreamId {
        let ticket = self.reserve((address, ROOM), &record.placed_on, now).unwrap();
        let stream_id = StreamId::new(&record.title, now.unix.as_nanos());
        self.learn(stream_id, record, Revision(1), now);
        self.created(ticket, stream_id);
        stream_id
    }

    /// A heartbeat of the node called `name`; gives what the node has to end.
    fn hears(&mut self, name: &str, rows: &[CarriedStream], now: Now) -> Vec<StreamId> {
        let reply = self.report(&node(name), name, rows, Received::Directly, now);
        reply.over.into_iter().chain(reply.unknown).collect()
    }

    /// The store has this.
    fn learn(&mut self, stream_id: StreamId, record: Record, revision: Revision, now: Now) {
        self.records.learn(&stream_id, record, revision);
        self.apply_changes(now);
    }

    /// The store does not have it any more.
    fn forget(&mut self, stream_id: StreamId, revision: Revision, now: Now) {
        self.records.forget(&stream_id, revision);
        self.apply_changes(now);
    }

    /// What the store does not have yet, or is to forget.
    fn unsaved(&self) -> Vec<StreamId> {
        self.streams.keys().copied().filter(|id| !self.records.is_saved(id)).collect()
    }

    /// What is written behind now; it counts as written, as of `revision`.
    fn saved(&mut self, revision: u64, now: Now) -> Vec<(StreamId, Record)> {
        let saves = self.unsaved().into_iter().map(|id| (id, self.records.get(&id).unwrap().clone()));
        let saves: Vec<_> = saves.collect();
        for (id, record) in &saves {
            self.learn(*id, record.clone(), Revision(revision), now);
        }
        saves
    }

    /// What the store is to forget, once it has everything else.
    fn discarded(&mut self, now: Now) -> Vec<StreamId> {
        self.saved(1_000, now);
        self.unsaved()
    }

    /// The public streams.
    fn listed(&self) -> Vec<StreamInfo> {
        let listed = self.streams.iter().filter(|(_, stream)| stream.is_listed());
        listed.map(|(id, stream)| stream.info(*id)).collect()
    }

    /// Ends a stream as its owner does.
    fn ends(&mut self, stream_id: StreamId, revision: u64, now: Now) {
        let mut record = self.records.get(&stream_id).unwrap().clone();
        record.ended_at_ms.get_or_insert(now.unix_ms());
        self.learn(stream_id, record, Revision(revision), now);
    }
}

/// A catalogue with one stream placed on node `a`.
fn created() -> (Catalogue, StreamId, Now) {
    let now = Now::read();
    let mut catalogue = Catalogue::new(SETTINGS);
    let stream_id = catalogue.create(record("first"), ADDRESS, now);
    (catalogue, stream_id, now)
}

/// The same, live on node `a` with two viewers, everybody told.
fn live() -> (Catalogue, StreamId, Now) {
    let (mut catalogue, id, now) = created();
    catalogue.hears("a", &[carried(id, StreamState::Live, 2)], now);
    catalogue.take_news();
    catalogue.saved(2, now);
    (catalogue, id, now)
}

fn state(catalogue: &Catalogue, id: StreamId) -> StreamState {
    catalogue.get(id).unwrap().state
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_created_stream_is_not_listed_and_counts_for_its_node() {
    let (mut catalogue, id, _) = created();
    assert_eq!(state(&catalogue, id), StreamState::Created);
    assert!(catalogue.listed().is_empty());
    assert_eq!(catalogue.placed().0.get("a"), Some(&1));
    assert_eq!(catalogue.take_news(), []);
    assert!(catalogue.unsaved().is_empty(), "the store has it already");
}

#[test]
fn the_first_live_heartbeat_starts_and_lists_it() {
    let (mut catalogue, id, now) = created();
    let later = now + seconds(1);
    assert_eq!(catalogue.hears("a", &[carried(id, StreamState::Live, 2)], later), []);
    let listed = catalogue.listed();
    assert_eq!(catalogue.take_news(), [News::Started(listed[0].clone())]);
    assert_eq!((listed[0].viewers, listed[0].started_at_ms), (2, later.unix_ms()));
    assert!(listed[0].mime.is_some());
    assert_eq!(catalogue.saved(2, later)[0].1.started_at_ms, Some(later.unix_ms()));
    assert!(catalogue.take_changed().is_empty());
}

#[test]
fn viewers_are_summed_and_only_differences_are_told() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("a", &[carried(id, StreamState::Live, 2)], now);
    assert!(catalogue.take_changed().is_empty());
    catalogue.hears("b", &[carried(id, StreamState::Live, 5)], now);
    assert_eq!(catalogue.take_changed()[0].viewers, 7);
    assert!(catalogue.take_changed().is_empty());
    assert!(catalogue.unsaved().is_empty(), "a second carrier does not move the stream");
}

#[test]
fn a_lost_node_interrupts_its_streams_and_the_grace_period_ends_them() {
    let (mut catalogue, id, now) = live();
    catalogue.node_lost(&node("a"), now);
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
    assert_eq!(catalogue.take_changed()[0].viewers, 0);
    assert_eq!(catalogue.listed().len(), 1);
    catalogue.expire(now + seconds(29));
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
    catalogue.expire(now + seconds(30));
    assert_eq!(state(&catalogue, id), StreamState::Ended);
    assert_eq!(catalogue.take_news(), [News::Ended(id)]);
    assert!(catalogue.listed().is_empty());
    assert_eq!(catalogue.placed().0.get("a"), None);
}

#[test]
fn a_broadcaster_that_comes_back_within_the_grace_period_goes_on() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("a", &[carried(id, StreamState::Interrupted, 1)], now + seconds(5));
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
    catalogue.hears("a", &[carried(id, StreamState::Interrupted, 1)], now + seconds(30));
    catalogue.expire(now + seconds(50));
    assert_eq!(state(&catalogue, id), StreamState::Interrupted, "its node still holds it");
    catalogue.hears("a", &[carried(id, StreamState::Live, 1)], now + seconds(51));
    catalogue.expire(now + seconds(500));
    assert_eq!(state(&catalogue, id), StreamState::Live);
    assert_eq!(catalogue.take_news(), []);
}

#[test]
fn an_interrupted_stream_tells_how_long_it_still_waits_however_often_its_node_reports_it() {
    let (mut catalogue, id, now) = live();
    let ends_in_ms =
        |catalogue: &Catalogue, at| catalogue.get(id).unwrap().info_at(id, now + seconds(at)).ends_in_ms;
    assert_eq!(ends_in_ms(&catalogue, 0), None);
    for at in [0, 5, 12] {
        catalogue.hears("a", &[carried(id, StreamState::Interrupted, 1)], now + seconds(at));
    }
    assert_eq!(ends_in_ms(&catalogue, 12), Some(18_000));
    assert_eq!(ends_in_ms(&catalogue, 40), Some(0));
    assert_eq!(catalogue.take_changed()[0].ends_in_ms, None, "the list would be out of date at once");
    catalogue.hears("a", &[carried(id, StreamState::Live, 1)], now + seconds(13));
    assert_eq!(ends_in_ms(&catalogue, 13), None);
    catalogue.hears("a", &[carried(id, StreamState::Interrupted, 1)], now + seconds(20));
    assert_eq!(ends_in_ms(&catalogue, 21), Some(29_000));
    catalogue.ends(id, 9, now + seconds(22));
    assert_eq!(ends_in_ms(&catalogue, 22), None);
}

#[test]
fn a_stream_left_out_of_a_heartbeat_is_interrupted() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("a", &[], now);
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
}

#[test]
fn it_moves_to_the_node_that_has_it_live() {
    let (mut catalogue, id, now) = live();
    catalogue.node_lost(&node("a"), now);
    catalogue.place(id, "c", now);
    catalogue.hears("b", &[carried(id, StreamState::Live, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    assert_eq!(catalogue.placed().0.get("b"), Some(&1));
    assert_eq!(catalogue.saved(3, now)[0].1.placed_on, "b");
}

#[test]
fn types_that_are_not_ascii_text_are_left_out() {
    let (mut catalogue, id, now) = created();
    for mime in ["video/\u{202e}mbew", "video/webm\n", &"x".repeat(257)] {
        let row = CarriedStream { mime: Some(mime.into()), ..carried(id, StreamState::Live, 0) };
        catalogue.hears("a", &[row], now);
        assert_eq!(catalogue.get(id).unwrap().info(id).mime, None, "{mime:?}");
    }
}

#[test]
fn its_node_ends_it() {
    let (mut catalogue, id, now) = live();
    assert_eq!(catalogue.hears("a", &[carried(id, StreamState::Ended, 0)], now), []);
    assert_eq!(state(&catalogue, id), StreamState::Ended);
    assert_eq!(catalogue.take_news(), [News::Ended(id)]);
}

#[test]
fn a_node_the_stream_has_left_does_not_end_it() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("a", &[carried(id, StreamState::Interrupted, 0)], now);
    catalogue.hears("b", &[carried(id, StreamState::Live, 1)], now);
    catalogue.hears("a", &[carried(id, StreamState::Ended, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    assert_eq!(catalogue.placed().0.get("b"), Some(&1));
}

#[test]
fn a_node_that_gave_up_waiting_does_not_end_it_for_one_that_still_waits() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("a", &[carried(id, StreamState::Interrupted, 0)], now);
    catalogue.hears("b", &[carried(id, StreamState::Live, 1)], now);
    catalogue.hears("b", &[carried(id, StreamState::Interrupted, 1)], now + seconds(28));
    catalogue.hears("a", &[carried(id, StreamState::Ended, 0)], now + seconds(30));
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
    catalogue.hears("b", &[carried(id, StreamState::Live, 1)], now + seconds(31));
    assert_eq!(state(&catalogue, id), StreamState::Live);
}

#[test]
fn a_node_that_never_carried_it_does_not_end_it() {
    let (mut catalogue, id, now) = live();
    catalogue.node_lost(&node("a"), now);
    catalogue.hears("b", &[carried(id, StreamState::Ended, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
}

#[test]
fn a_node_is_told_to_end_what_is_over_or_unknown() {
    let (mut catalogue, id, now) = live();
    let stranger = StreamId::new("never created here", 1);
    catalogue.ends(id, 3, now);
    let rows = [carried(id, StreamState::Live, 1), carried(stranger, StreamState::Live, 1)];
    assert_eq!(catalogue.hears("a", &rows, now), [id, stranger]);
    let last = [carried(id, StreamState::Ended, 0), carried(stranger, StreamState::Ended, 0)];
    assert_eq!(catalogue.hears("a", &last, now), []);
    assert_eq!(state(&catalogue, id), StreamState::Ended);
}

#[test]
fn a_stream_without_media_ends_quietly_after_a_minute() {
    let (mut catalogue, id, now) = created();
    catalogue.hears("a", &[carried(id, StreamState::Created, 0)], now + seconds(59));
    catalogue.expire(now + seconds(60));
    assert_eq!(state(&catalogue, id), StreamState::Ended);
    assert_eq!(catalogue.take_news(), []);
}

#[test]
fn an_ended_stream_is_known_until_the_store_forgets_it() {
    let (mut catalogue, id, now) = live();
    catalogue.ends(id, 3, now);
    assert_eq!(catalogue.running(id).err(), Some(Error::UnknownStream(id)));
    catalogue.expire(now + seconds(3000));
    assert!(catalogue.get(id).is_ok());
    catalogue.forget(id, Revision(2), now);
    assert!(catalogue.get(id).is_ok(), "it was written after that");
    catalogue.forget(id, Revision(4), now);
    assert_eq!(catalogue.get(id).err(), Some(Error::UnknownStream(id)));
}

#[test]
fn private_streams_are_never_listed_or_announced() {
    let now = Now::read();
    let mut catalogue = Catalogue::new(SETTINGS);
    let id = catalogue.create(Record { visibility: Visibility::Private, ..record("mine") }, None, now);
    catalogue.hears("a", &[carried(id, StreamState::Live, 2)], now);
    catalogue.set_thumbnail(id, ImageKind::Jpeg, Bytes::from_static(b"picture"), now).unwrap();
    catalogue.hears("a", &[carried(id, StreamState::Live, 3)], now);
    assert!(catalogue.get(id).unwrap().thumbnail().is_none());
    assert!(catalogue.listed().is_empty());
    assert!(catalogue.take_changed().is_empty());
    catalogue.ends(id, 3, now);
    assert_eq!(catalogue.take_news(), []);
}

#[test]
fn a_new_picture_changes_its_address() {
    let (mut catalogue, id, now) = live();
    for version in now.unix_ms()..now.unix_ms() + 2 {
        catalogue.set_thumbnail(id, ImageKind::Png, Bytes::from_static(b"picture"), now).unwrap();
        let url = catalogue.take_changed()[0].thumbnail_url.clone();
        assert_eq!(url, Some(format!("/api/streams/{id}/thumbnail?v={version}")));
    }
}

#[test]
fn of_pictures_that_come_by_way_of_others_the_newest_stays() {
    let (mut catalogue, id, now) = live();
    let own = catalogue.set_thumbnail(id, ImageKind::Png, Bytes::from_static(b"own"), now).unwrap().unwrap();
    for (later, shown) in [(0, "own"), (1, "other")] {
        let bytes = Bytes::from_static(b"other");
        let other = Thumbnail { version: own.version + later, kind: ImageKind::Jpeg, bytes };
        catalogue.take_thumbnail(id, other).unwrap();
        assert_eq!(catalogue.get(id).unwrap().thumbnail().unwrap().bytes, shown);
    }
}

#[test]
fn pictures_are_bounded_together_and_freed_when_their_stream_ends() {
    let (mut catalogue, id, now) = live();
    let other = catalogue.create(record("other"), None, now);
    let set = |catalogue: &mut Catalogue, id, bytes: usize| {
        let set = catalogue.set_thumbnail(id, ImageKind::Png, Bytes::from(vec![0; bytes]), now);
        set.map(|kept| kept.unwrap().bytes.len())
    };
    assert_eq!(set(&mut catalogue, id, 60), Ok(60));
    assert_eq!(set(&mut catalogue, id, 70), Ok(70));
    assert_eq!(set(&mut catalogue, other, 31), Err(Error::TooManyPictures));
    catalogue.ends(id, 3, now);
    assert_eq!(set(&mut catalogue, id, 1), Err(Error::UnknownStream(id)));
    assert_eq!(set(&mut catalogue, other, 100), Ok(100));
}

#[test]
fn live_streams_are_bounded() {
    let (mut catalogue, first, now) = created();
    let ids = [first].into_iter().chain((0..3).map(|index| {
        let id = StreamId::new("live", index);
        catalogue.learn(id, record("live"), Revision(1), now);
        id
    }));
    let rows: Vec<CarriedStream> =
        ids.collect::<Vec<_>>().into_iter().map(|id| carried(id, StreamState::Live, 0)).collect();
    catalogue.hears("a", &rows, now);
    assert_eq!(catalogue.has_room_for(ADDRESS, ROOM), Err(Error::TooManyStreams(4)));
    catalogue.ends(first, 3, now);
    assert_eq!(catalogue.has_room_for(ADDRESS, ROOM), Ok(()));
}

#[test]
fn an_address_that_creates_without_end_displaces_its_own_streams() {
    let (mut catalogue, other, now) = created();
    let greedy = Some([192, 0, 2, 1].into());
    let ids: Vec<StreamId> =
        (0..50_u8).map(|index| catalogue.create(record(&index.to_string()), greedy, now)).collect();
    assert_eq!(state(&catalogue, other), StreamState::Created);
    let waiting = ids.iter().filter(|id| state(&catalogue, **id) == StreamState::Created).count();
    assert_eq!((waiting, state(&catalogue, ids[49])), (2, StreamState::Created));
    catalogue.hears("a", &[carried(other, StreamState::Live, 0)], now);
    assert_eq!(state(&catalogue, other), StreamState::Live);
}

#[test]
fn an_address_with_one_stream_finds_room_among_those_with_many() {
    let (mut catalogue, oldest, now) = created();
    let same: Vec<StreamId> =
        (0..2_u8).map(|index| catalogue.create(record(&index.to_string()), ADDRESS, now)).collect();
    let new = catalogue.create(record("new"), Some([192, 0, 2, 1].into()), now);
    let states = [oldest, same[0], same[1], new].map(|id| state(&catalogue, id));
    assert_eq!(states[0], StreamState::Ended);
    assert!(states[1..].iter().all(|state| *state == StreamState::Created));
}

#[test]
fn what_is_being_created_counts_already_and_does_not_give_way() {
    let mut catalogue = Catalogue::new(SETTINGS);
    let now = Now::read();
    let tickets: Vec<Ticket> =
        (0..3).map(|_| catalogue.reserve((ADDRESS, ROOM), "a", now).unwrap()).collect();
    assert_eq!(catalogue.reserve((ADDRESS, ROOM), "a", now), Err(Error::TooManyWaiting(3)));
    assert_eq!(catalogue.placed().0.get("a"), Some(&3));
    catalogue.withdraw(tickets[0]);
    assert_eq!(catalogue.has_room_for(ADDRESS, ROOM), Ok(()));
    assert_eq!(catalogue.placed().0.get("a"), Some(&2));
}

#[test]
fn streams_of_an_address_are_bounded_and_only_it_notices() {
    let settings = Settings { max_of_address: Some(2), max_streams: 100, max_waiting: 100, ..SETTINGS };
    let (mut catalogue, now) = (Catalogue::new(settings), Now::read());
    let ids = ["x", "y"].map(|title| catalogue.create(record(title), ADDRESS, now));
    catalogue.hears("a", &[carried(ids[0], StreamState::Live, 0)], now);
    assert_eq!(catalogue.has_room_for(ADDRESS, ROOM), Err(Error::TooManyOfAddress), "live ones count");
    assert_eq!(catalogue.reserve((ADDRESS, ROOM), "a", now), Err(Error::TooManyOfAddress));
    catalogue.create(record("other"), Some([192, 0, 2, 1].into()), now);
    catalogue.ends(ids[0], 3, now);
    assert_eq!(catalogue.has_room_for(ADDRESS, ROOM), Ok(()));
}

#[test]
fn an_address_leaves_room_on_the_nodes_for_others() {
    let settings = Settings { max_streams: 1_000, max_waiting: 1_000, ..SETTINGS };
    let (mut catalogue, now) = (Catalogue::new(settings), Now::read());
    let held: Vec<Ticket> =
        (0..90).map(|number| catalogue.reserve((ADDRESS, 100 - number), "a", now).unwrap()).collect();
    assert_eq!(catalogue.has_room_for(ADDRESS, 10), Err(Error::TooManyOfAddress));
    assert_eq!(catalogue.has_room_for(Some([192, 0, 2, 1].into()), 10), Ok(()));
    catalogue.withdraw(held[0]);
    assert_eq!(catalogue.has_room_for(ADDRESS, 10), Ok(()), "a creation that failed gives its place back");
}

#[test]
fn a_flood_of_creations_does_not_displace_what_is_remembered_of_real_streams() {
    let (mut catalogue, real, now) = live();
    catalogue.ends(real, 3, now);
    for index in 0..50_u8 {
        catalogue.create(record(&index.to_string()), ADDRESS, now + seconds(1));
    }
    let forgotten = catalogue.discarded(now);
    assert!(!forgotten.contains(&real) && forgotten.len() > 40);
}

#[test]
fn the_store_is_to_forget_the_oldest_of_too_many_ended_streams() {
    let (mut catalogue, first, now) = created();
    catalogue.ends(first, 2, now);
    for index in 0..4 {
        let now = now + seconds(index + 1);
        let id = catalogue.create(record(&index.to_string()), None, now);
        catalogue.ends(id, 2, now);
    }
    assert_eq!(catalogue.discarded(now), [first]);
    catalogue.forget(first, Revision(2_000), now);
    assert_eq!(catalogue.streams.len(), 4);
}

#[test]
fn a_restarted_catalogue_keeps_its_streams_until_the_nodes_come_back() {
    let now = Now::read();
    let mut after = Catalogue::new(SETTINGS);
    let kept =
        |title: &str, started_at_ms, ended_at_ms| Record { started_at_ms, ended_at_ms, ..record(title) };
    let records = [kept("ran", Some(5), None), kept("waiting", None, None), kept("over", Some(5), Some(6))];
    let [ran, waiting, over] = records.map(|record| after.create(record, None, now));
    after.take_news();
    let states = [ran, waiting, over].map(|id| state(&after, id));
    assert_eq!(states, [StreamState::Interrupted, StreamState::Created, StreamState::Ended]);
    assert_eq!(after.placed().0.get("a"), Some(&2));
    after.hears("a", &[carried(ran, StreamState::Live, 6)], now + seconds(2));
    after.expire(now + seconds(31));
    assert_eq!(state(&after, ran), StreamState::Live);
    assert_eq!(after.get(ran).unwrap().info(ran).started_at_ms, 5);
    assert_eq!(after.take_news(), [], "viewers of the list never saw it go");
    after.expire(now + seconds(60));
    assert_eq!(state(&after, waiting), StreamState::Ended);
}

#[test]
fn streams_of_long_ago_are_not_shown_until_a_node_has_them_and_end_if_none_has() {
    let now = Now::read();
    let mut after = Catalogue::new(SETTINGS);
    let kept = |title: &str, started_at_ms| Record { started_at_ms, ..record(title) };
    let records = [kept("lives", Some(5)), kept("dead", Some(5)), kept("waited", None)];
    let [lives, dead, waited] = records.map(|record| after.create(record, None, now));
    after.doubt(SETTINGS.grace + seconds(1), now);
    after.take_news();
    assert!(after.listed().is_empty());
    after.hears("a", &[carried(lives, StreamState::Live, 6)], now + seconds(2));
    assert_eq!(after.take_news(), [News::Started(after.listed()[0].clone())]);
    assert_eq!(after.get(lives).unwrap().info(lives).started_at_ms, 5);
    after.expire(now + seconds(29));
    assert_eq!(state(&after, dead), StreamState::Interrupted, "its node may be late");
    assert!(after.get(dead).unwrap().is_in_doubt());
    after.expire(now + seconds(30));
    let states = [lives, dead, waited].map(|id| state(&after, id));
    assert_eq!(states, [StreamState::Live, StreamState::Ended, StreamState::Ended]);
    assert_eq!(after.take_news(), [], "viewers of the list never saw them");
}

#[test]
fn after_a_short_silence_streams_are_shown_at_once() {
    let now = Now::read();
    let mut after = Catalogue::new(SETTINGS);
    let id = after.create(Record { started_at_ms: Some(5), ..record("first") }, None, now);
    after.doubt(SETTINGS.grace, now);
    assert_eq!(after.listed()[0].stream_id, id);
}

#[test]
fn what_other_main_servers_wrote_is_taken_over_once_and_in_any_order() {
    let (mut catalogue, id, now) = live();
    let stored = catalogue.get(id).unwrap().record.clone();
    let moved = Record { placed_on: "b".into(), placed_at_ms: u64::MAX, ..stored.clone() };
    catalogue.learn(id, moved.clone(), Revision(4), now);
    catalogue.learn(id, Record { ended_at_ms: Some(1), ..stored }, Revision(3), now);
    assert_eq!(state(&catalogue, id), StreamState::Live, "what is older was known");
    assert_eq!(catalogue.placed().0.get("b"), Some(&1));
    let over = Record { ended_at_ms: Some(9), ..moved };
    catalogue.learn(id, over.clone(), Revision(5), now);
    catalogue.learn(id, over, Revision(5), now);
    assert_eq!(catalogue.take_news(), [News::Ended(id)]);
    assert!(catalogue.unsaved().is_empty());
}

#[test]
fn an_end_that_is_not_saved_yet_outlives_what_others_write() {
    let (mut catalogue, id, now) = live();
    let stored = catalogue.get(id).unwrap().record.clone();
    catalogue.hears("a", &[carried(id, StreamState::Ended, 0)], now);
    catalogue.learn(id, Record { placed_on: "b".into(), placed_at_ms: 9, ..stored }, Revision(7), now);
    assert_eq!(state(&catalogue, id), StreamState::Ended);
    assert_eq!((catalogue.unsaved(), catalogue.records.revision(&id)), (vec![id], Some(Revision(7))));
    assert!(catalogue.records.get(&id).unwrap().is_over());
}

#[test]
fn a_stream_that_went_live_elsewhere_is_announced_here() {
    let now = Now::read();
    let mut catalogue = Catalogue::new(SETTINGS);
    let id = catalogue.create(Record { started_at_ms: Some(5), ..record("first") }, None, now);
    assert_eq!(catalogue.take_news(), [News::Started(catalogue.get(id).unwrap().info(id))]);
}

#[test]
fn who_heard_a_change_saves_it_and_others_only_if_that_one_did_not() {
    let (mut catalogue, id, now) = created();
    let rows = [carried(id, StreamState::Live, 1)];
    catalogue.report(&node("a"), "a", &rows, Received::Forwarded, now);
    assert_eq!(catalogue.take_news().len(), 1, "listeners here are told all the same");
    let is_due = |catalogue: &Catalogue, later| catalogue.records.has_unsaved((now + seconds(later)).instant);
    assert!(!is_due(&catalogue, 9));
    assert!(is_due(&catalogue, 10));

    let (mut catalogue, id, now) = created();
    catalogue.report(&node("a"), "a", &rows, Received::Forwarded, now);
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Live, 1)], Received::Directly, now);
    assert!(is_due(&catalogue, 0), "the server that hears it next has that to save too");
}

#[test]
fn deadlines_begin_anew_after_old_knowledge() {
    let (mut catalogue, id, now) = live();
    catalogue.node_lost(&node("a"), now);
    catalogue.renew_deadlines(now + seconds(29));
    catalogue.expire(now + seconds(58));
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
    catalogue.expire(now + seconds(59));
    assert_eq!(state(&catalogue, id), StreamState::Ended);
}

#[test]
fn only_an_origin_moves_a_stream() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("edge", &[from_edge(id, StreamState::Live, &["a"])], now);
    catalogue.hears("a", &[carried(id, StreamState::Interrupted, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Interrupted, "what the origin says counts");
    assert_eq!(catalogue.placed().0.get("a"), Some(&1));
    catalogue.hears("edge", &[carried(id, StreamState::Live, 1)], now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    assert_eq!(catalogue.placed().0.get("edge"), Some(&1), "the broadcaster went there");
}

#[test]
fn edges_speak_for_a_stream_whose_origin_died() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("edge", &[from_edge(id, StreamState::Live, &["a"])], now);
    catalogue.node_lost(&node("a"), now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    catalogue.hears("edge", &[from_edge(id, StreamState::Interrupted, &["a"])], now);
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
}

#[test]
fn an_edge_that_lets_go_ends_nothing_and_an_origin_ends_it_for_its_edges() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("edge", &[from_edge(id, StreamState::Live, &["a"])], now);
    catalogue.hears("edge", &[carried(id, StreamState::Ended, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    catalogue.hears("edge", &[from_edge(id, StreamState::Live, &["a"])], now);
    catalogue.hears("edge", &[], now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    catalogue.hears("edge", &[from_edge(id, StreamState::Live, &["a"])], now);
    catalogue.hears("a", &[carried(id, StreamState::Ended, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Ended);
}

#[test]
fn viewers_of_origins_and_edges_are_summed_and_relays_are_none() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("a", &[CarriedStream { relays: 3, ..carried(id, StreamState::Live, 2) }], now);
    catalogue.hears("edge", &[from_edge(id, StreamState::Live, &["a"])], now);
    assert_eq!(catalogue.get(id).unwrap().viewers(), 3);
}
