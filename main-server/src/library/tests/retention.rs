//! Deletion: temporary with undo, by age and by size, and permanent removal.

use std::time::Duration;

use protocol::{
    ItemId,
    item::{Kind, State},
};

use super::{fragment, item, take};
use crate::{
    clock::Now,
    cluster::tests::{Cluster, Member, until},
    library::{
        Error,
        manifest::NAMESPACE,
        retention::{step, tidy},
    },
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An item of this kind and state with one fragment.
async fn with_media(server: &Member, kind: Kind, state: State) -> ItemId {
    let item_id = item(server, "a", |new| (new.kind, new.state) = (kind, state)).await;
    server.library.append(item_id, &take(0), &[fragment(0, 1)]).await.unwrap();
    item_id
}

async fn is_there(server: &Member, item_id: ItemId) -> bool {
    !matches!(server.library.get(item_id).await, Err(Error::Unknown))
}

async fn manifest_entries(server: &Member) -> usize {
    server.context().store.kv.entries(NAMESPACE, "").await.unwrap().len()
}

#[tokio::test]
async fn a_deleted_item_can_be_restored_for_a_while_and_is_gone_with_its_manifest_then() {
    let (a, b) = Cluster::new().await.pair().await;
    let (item_id, other) =
        (with_media(&a, Kind::Upload, State::Ready).await, with_media(&a, Kind::Upload, State::Ready).await);
    let now = Now::read();
    a.library.delete(item_id, now).await.unwrap();
    until("the other server knows", async || !is_there(&b, item_id).await).await;
    assert!(matches!(a.library.manifest(item_id, None).await, Err(Error::Unknown)));
    step(&b.library, now + (DAY - Duration::from_secs(1))).await.unwrap();
    b.library.restore(item_id, now + (DAY - Duration::from_secs(1))).await.unwrap();
    until("it is there again", async || is_there(&b, item_id).await).await;
    until("the first server knows", async || is_there(&a, item_id).await).await;
    a.library.delete(item_id, now).await.unwrap();
    assert!(matches!(a.library.restore(item_id, now + DAY).await, Err(Error::Unknown)), "too late");
    until("it is gone for good", async || {
        step(&a.library, now + DAY).await.unwrap();
        a.library.find(item_id).await.unwrap().is_none()
    })
    .await;
    assert!(is_there(&a, other).await);
    assert_eq!(manifest_entries(&a).await, 2, "those of the other item");
}

#[tokio::test]
async fn a_server_that_is_behind_restores_and_deletes_the_item_as_the_store_has_it() {
    let (a, b) = Cluster::new().await.pair().await;
    let item_id = with_media(&a, Kind::Upload, State::Ready).await;
    until("the other server knows the item", async || is_there(&b, item_id).await).await;
    b.blind();
    let now = Now::read();
    a.library.delete(item_id, now).await.unwrap();
    b.library.restore(item_id, now).await.unwrap();
    until("it is restored", async || is_there(&a, item_id).await).await;
    a.library.delete(item_id, now).await.unwrap();
    assert!(matches!(b.library.delete(item_id, now).await, Err(Error::Unknown)), "it is deleted");
    a.library.restore(item_id, now).await.unwrap();
    b.library.delete(item_id, now).await.unwrap();
    until("it is deleted", async || !is_there(&a, item_id).await).await;
}

#[tokio::test]
async fn recordings_are_deleted_by_age_with_undo_and_uploads_stay() {
    let server = Cluster::new().await.member(|config| config.library.keep = Some(7 * DAY)).await;
    let [recording, failed] = [
        with_media(&server, Kind::Recording, State::Ready).await,
        with_media(&server, Kind::Job, State::Failed).await,
    ];
    let kept = [
        with_media(&server, Kind::Upload, State::Ready).await,
        with_media(&server, Kind::Recording, State::Growing).await,
    ];
    let now = Now::read();
    step(&server.library, now + (7 * DAY - Duration::from_secs(60))).await.unwrap();
    assert!(is_there(&server, recording).await);
    let later = now + (7 * DAY + Duration::from_secs(60));
    step(&server.library, later).await.unwrap();
    for item_id in [recording, failed] {
        assert!(!is_there(&server, item_id).await);
        server.library.restore(item_id, later).await.unwrap();
    }
    for item_id in kept {
        assert!(is_there(&server, item_id).await);
    }
}

#[tokio::test]
async fn beyond_the_quota_deleted_items_go_first_and_then_the_oldest_recordings() {
    // Each item has 2,000 bytes.
    let server = Cluster::new().await.member(|config| config.library.quota_bytes = 7_000).await;
    let upload = with_media(&server, Kind::Upload, State::Ready).await;
    let old = with_media(&server, Kind::Recording, State::Ready).await;
    let deleted = with_media(&server, Kind::Upload, State::Ready).await;
    let now = Now::read();
    server.library.delete(deleted, now).await.unwrap();
    step(&server.library, now).await.unwrap();
    assert!(server.library.find(deleted).await.unwrap().is_some(), "there is room");

    server.library.room_for(None, 1_000).unwrap();
    assert!(matches!(server.library.room_for(None, 1_001), Err(Error::Full(_))));
    let growing = with_media(&server, Kind::Recording, State::Growing).await;
    step(&server.library, now).await.unwrap();
    assert!(server.library.find(deleted).await.unwrap().is_none());
    assert!(is_there(&server, old).await);

    server.library.append(growing, &take(1), &[fragment(0, 1)]).await.unwrap();
    step(&server.library, now).await.unwrap();
    assert!(server.library.find(old).await.unwrap().is_none());
    assert!(is_there(&server, upload).await && is_there(&server, growing).await);
}

#[tokio::test]
async fn no_more_items_than_agreed_are_made() {
    let server = Cluster::new().await.member(|config| config.library.items = 1).await;
    let item_id = item(&server, "a", |_| {}).await;
    assert!(matches!(server.library.room_for(None, 0), Err(Error::Full(_))));
    // Adding the same item again changes nothing.
    assert_eq!(item(&server, "a", |new| new.item_id = item_id).await, item_id);
    let more = super::NewItem {
        item_id: crate::library::new_id().unwrap(),
        kind: Kind::Upload,
        state: State::Ready,
        text: crate::library::Text::default(),
        visibility: protocol::stream::Visibility::Public,
        passphrase_hash: None,
        owner: None,
        stream_id: None,
    };
    assert!(matches!(server.library.create(more, Now::read()).await, Err(Error::Full(_))));
}

#[tokio::test]
async fn an_account_has_no_more_bytes_than_its_share() {
    let server = Cluster::new().await.member(|config| config.library.account_quota_bytes = Some(3_000)).await;
    let owner =
        crate::state::catalogue::record::Owner { account: "ann".into(), account_since_ms: 1, key_id: None };
    let item_id = item(&server, "a", |new| new.owner = Some(owner)).await;
    server.library.append(item_id, &take(0), &[fragment(0, 1)]).await.unwrap();
    let room = |account, bytes| server.library.room_for(account, bytes);
    assert!(
        room(Some("ann"), 1_000).is_ok() && room(Some("bob"), 3_000).is_ok() && room(None, 9_000).is_ok()
    );
    assert!(matches!(room(Some("ann"), 1_001), Err(Error::Full(_))));
    server.library.append(item_id, &take(0), &[fragment(1, 1)]).await.unwrap();
    assert!(server.library.may_grow(Some("ann")).is_ok());
    server.library.append(item_id, &take(0), &[fragment(2, 1)]).await.unwrap();
    assert!(matches!(server.library.may_grow(Some("ann")), Err(Error::Full(_))));
    assert!(server.library.may_grow(Some("bob")).is_ok());
}

#[tokio::test]
async fn invitations_to_an_item_go_with_it() {
    let server = Cluster::new().await.member(|_| {}).await;
    let ids = [item(&server, "a", |_| {}).await, item(&server, "b", |_| {}).await];
    let invitations = crate::invitations::Invitations::new(&server.context().store.kv, 10);
    for item_id in ids {
        let new = protocol::invitation::CreateInvitation::default();
        invitations.create(item_id.into(), new, Now::read()).await.unwrap();
    }
    server.library.delete(ids[0], Now::read()).await.unwrap();
    tidy(&server.library, &invitations).await;
    assert_eq!(invitations.list(ids[0].into()).len(), 1, "it can be restored");
    server.library.remove(ids[0], |_| true).await.unwrap();
    tidy(&server.library, &invitations).await;
    let left = ids.map(|item_id| invitations.list(item_id.into()).len());
    assert_eq!(left, [0, 1]);
}

#[tokio::test]
async fn an_item_of_a_newer_version_is_not_taken_for_one_that_is_gone() {
    let cluster = Cluster::new().await;
    let newer = cluster.member(|_| {}).await;
    let item_id = with_media(&newer, Kind::Upload, State::Ready).await;
    let (kv, name) = (&newer.context().store.kv, item_id.to_string());
    let namespace = <crate::library::Record as store::Record>::NAMESPACE;
    let entry = kv.get(namespace, &name).await.unwrap().unwrap();
    let record = String::from_utf8(entry.value.to_vec()).unwrap().replace("\"upload\"", "\"hologram\"");
    let expect = store::Expect::Revision(entry.revision);
    kv.compare_and_set(namespace, &name, record.into(), None, expect).await.unwrap();

    let older = cluster.member(|_| {}).await;
    let invitations = crate::invitations::Invitations::new(kv, 10);
    let new = protocol::invitation::CreateInvitation::default();
    invitations.create(item_id.into(), new, Now::read()).await.unwrap();
    assert!(older.library.find(item_id).await.unwrap().is_none());
    assert!(older.library.named_blobs(|_| {}).await.is_err(), "its blobs may not be collected");
    assert_eq!(manifest_entries(&newer).await, 2);
    tidy(&older.library, &invitations).await;
    assert_eq!(invitations.list(item_id.into()).len(), 1);
}
