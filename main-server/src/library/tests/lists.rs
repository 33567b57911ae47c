//! Lists and searches over HTTP, and events about items.

use protocol::{
    ErrorCode,
    item::{ItemPage, Kind, State},
    stream::Visibility,
};
use serde_json::json;

use super::item;
use crate::{
    clock::Now,
    cluster::tests::{Cluster, Member, until},
};

async fn page(server: &Member, query: &str) -> ItemPage {
    server.get(&format!("/api/library{query}")).await.read()
}

fn titles(page: &ItemPage) -> Vec<&str> {
    page.items.iter().map(|item| item.title.as_str()).collect()
}

#[tokio::test]
async fn items_are_listed_searched_and_paged_at_every_main_server() {
    let (a, b) = Cluster::new().await.pair().await;
    for (title, kind) in [("Rain", Kind::Upload), ("Ævintýri", Kind::Recording), ("Blue rain", Kind::Upload)]
    {
        item(&a, title, |new| (new.kind, new.text.tags) = (kind, vec!["live set".into()])).await;
    }
    until("the other server knows them", async || page(&b, "").await.total == 3).await;
    assert_eq!(titles(&page(&b, "?sort=title").await), ["Ævintýri", "Blue rain", "Rain"]);
    assert_eq!(titles(&page(&b, "?q=AEVINTYRI").await), ["Ævintýri"]);
    assert_eq!(titles(&page(&b, "?q=rian").await).len(), 2);
    assert_eq!(titles(&page(&b, "?kind=recording&tag=Live%20Set").await), ["Ævintýri"]);
    let first = page(&b, "?sort=title&limit=2").await;
    assert_eq!((first.items.len(), first.total), (2, 3));
    let next = first.next_cursor.unwrap();
    let last = page(&a, &format!("?sort=title&limit=2&cursor={next}")).await;
    assert_eq!((titles(&last), last.next_cursor.as_ref()), (vec!["Rain"], None), "at another server");
}

#[tokio::test]
async fn parameters_that_make_no_sense_are_refused() {
    let server = Cluster::new().await.member(|_| {}).await;
    let long = format!("?q={}", "a".repeat(201));
    for query in
        ["?limit=0", "?limit=x", "?kind=song", "?sort=size", "?mine=1", "?sort=title&sort=title", &long]
    {
        let code = server.get(&format!("/api/library{query}")).await.code();
        assert_eq!(code, ErrorCode::InvalidRequest, "{query}");
    }
    for query in ["?cursor=x", "?sort=title&cursor=eyJ9"] {
        assert_eq!(server.get(&format!("/api/library{query}")).await.code(), ErrorCode::NotFound, "{query}");
    }
    assert_eq!(page(&server, "?tag=%07").await.total, 0, "no item has such a tag");
    assert!(page(&server, "?cursor=").await.items.is_empty(), "the first page");
    assert_eq!(server.get("/api/library?mine=true").await.code(), ErrorCode::Unauthorized);
    assert!(page(&server, "?limit=1000000&q=%20").await.items.is_empty());
}

#[tokio::test]
async fn listeners_hear_of_items_that_all_clients_find_and_of_no_others() {
    let (a, b) = Cluster::new().await.pair().await;
    let mut listener = b.listen().await;
    listener.expect("snapshot").await;
    item(&a, "private", |new| new.visibility = Visibility::Private).await;
    let item_id = item(&a, "growing", |new| new.state = State::Growing).await;
    a.library.set_state(item_id, State::Ready, None).await.unwrap();
    let told = listener.expect("item_changed").await;
    assert_eq!((&told["title"], &told["state"]), (&json!("growing"), &json!("ready")));
    a.library.change(item_id, |record| record.text.title = "done".into()).await.unwrap();
    assert_eq!(listener.expect("item_changed").await["title"], "done");
    a.library.delete(item_id, Now::read()).await.unwrap();
    assert_eq!(listener.expect("item_removed").await, json!({ "item_id": item_id }));
    a.library.restore(item_id, Now::read()).await.unwrap();
    assert_eq!(listener.expect("item_changed").await["title"], "done");
}
