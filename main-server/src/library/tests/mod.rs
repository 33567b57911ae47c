//! Items and manifests in one store that several main servers share.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod access;
mod events;
mod links;
mod lists;
mod lyrics;
mod manifests;
mod pictures;
mod retention;

use protocol::{
    ItemId,
    item::{Blob, Kind, State},
    stream::Visibility,
};

use super::{Format, NewItem, NewTake, TakeFragment, Text, new_id};
use crate::{clock::Now, cluster::tests::Member};

/// A public item that is ready, unless `set` says otherwise.
pub(crate) async fn item(server: &Member, title: &str, set: impl FnOnce(&mut NewItem)) -> ItemId {
    let mut new = NewItem {
        item_id: new_id().unwrap(),
        kind: Kind::Upload,
        state: State::Ready,
        text: Text { title: title.into(), ..Text::default() },
        visibility: Visibility::Public,
        passphrase_hash: None,
        owner: None,
        stream_id: None,
    };
    set(&mut new);
    server.library.create(new, Now::read()).await.unwrap()
}

/// A blob with a name derived from a number.
fn blob(number: u64) -> Blob {
    Blob { hash: format!("{number:064x}"), bytes: 1000 }
}

pub(super) fn take(number: u64) -> NewTake {
    let format = Format { mime: "video/webm;codecs=\"vp9,opus\"".into(), init: Some(blob(number)) };
    NewTake { take: number, format, alternatives: vec![] }
}

/// A fragment with `groups` groups of 10 s each, beginning with `group`.
pub(super) fn fragment(group: u64, groups: u64) -> TakeFragment {
    TakeFragment {
        first_group: group,
        groups,
        blob: blob(1000 * group + groups),
        format: 0,
        alternatives: vec![],
        start_ms: 10_000 * group,
        duration_ms: 10_000 * groups,
        ends_take: false,
    }
}
