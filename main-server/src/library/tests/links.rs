//! The links between items.

use protocol::{
    ItemId,
    item::{Item, ItemPage, Stem, Stems},
    stream::Visibility,
};
use reqwest::Method;

use super::item;
use crate::{
    clock::Now,
    cluster::tests::{Cluster, Member},
    library::Links,
};

/// A song and its stems, linked to each other.
async fn song(server: &Member) -> [ItemId; 3] {
    let [source, vocals, accompaniment] =
        [item(server, "a", |_| {}).await, item(server, "b", |_| {}).await, item(server, "c", |_| {}).await];
    let stems = Some(Stems { vocals, accompaniment });
    let links = [
        (source, Links { stems, ..Links::default() }),
        (vocals, Links { source: Some(source), stem: Some(Stem::Vocals), stems }),
        (accompaniment, Links { source: Some(source), stem: Some(Stem::Accompaniment), stems }),
    ];
    for (item_id, links) in links {
        server.library.change(item_id, |record| record.links = links).await.unwrap();
    }
    [source, vocals, accompaniment]
}

async fn show(server: &Member, item_id: ItemId) -> Item {
    server.get(&format!("/api/library/{item_id}")).await.read()
}

#[tokio::test]
async fn songs_and_their_stems_are_linked_until_one_is_deleted() {
    let server = Cluster::new().await.member(|_| {}).await;
    let [source, vocals, accompaniment] = song(&server).await;
    let stems = Some(Stems { vocals, accompaniment });
    let shown = show(&server, source).await;
    assert_eq!((shown.source, shown.stem, shown.stems), (None, None, stems));
    let shown = show(&server, vocals).await;
    assert_eq!((shown.source, shown.stem, shown.stems), (Some(source), Some(Stem::Vocals), stems));
    let page: ItemPage = server.get("/api/library").await.read();
    assert!(page.items.iter().all(|item| item.stems.is_none() && item.source.is_none()));

    server.library.delete(accompaniment, Now::read()).await.unwrap();
    assert_eq!(show(&server, source).await.stems, None);
    assert_eq!(show(&server, vocals).await.source, Some(source));
}

#[tokio::test]
async fn a_listed_item_names_no_item_that_is_not_listed() {
    let server = Cluster::new().await.member(|_| {}).await;
    let [source, vocals, _] = song(&server).await;
    server.library.change(source, |record| record.visibility = Visibility::Unlisted).await.unwrap();
    assert_eq!(show(&server, vocals).await.source, None);
    assert!(show(&server, source).await.stems.is_some(), "who has the link may know more");
    let seen: Item = server.operate(Method::GET, &format!("/api/library/{vocals}"), vec![]).await.read();
    assert_eq!(seen.source, Some(source), "an operator");
}
