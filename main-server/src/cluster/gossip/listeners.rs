//! What features do with messages of other main servers.

use std::collections::HashMap;

use bytes::Bytes;
use store::{Entry, Namespace};

use super::{kind::Kind, written};

type OnMessage = Box<dyn Fn(Bytes) + Send + Sync>;
type OnEntry = Box<dyn Fn(&Entry) + Send + Sync>;

/// See the [module](self). What nothing here listens to is ignored.
#[derive(Default)]
pub(crate) struct Listeners {
    messages: HashMap<Kind, OnMessage>,
    entries: HashMap<Namespace, OnEntry>,
}

impl Listeners {
    /// Has messages of this kind go to `listener`.
    pub(crate) fn add(&mut self, kind: Kind, listener: impl Fn(Bytes) + Send + Sync + 'static) {
        let before = self.messages.insert(kind, Box::new(listener));
        assert!(before.is_none() && kind != Kind::WRITTEN, "{kind:?} has two listeners");
    }

    /// Has entries of `namespace` go to `listener`.
    pub(crate) fn add_entries(
        &mut self,
        namespace: Namespace,
        listener: impl Fn(&Entry) + Send + Sync + 'static,
    ) {
        let before = self.entries.insert(namespace, Box::new(listener));
        assert!(before.is_none(), "{namespace:?} has two listeners");
    }

    /// Takes over those of another feature.
    pub(crate) fn merge(&mut self, other: Self) {
        other.messages.into_iter().for_each(|(kind, listener)| self.add(kind, listener));
        other.entries.into_iter().for_each(|(namespace, listener)| self.add_entries(namespace, listener));
    }

    /// Gives a message to its listener.
    pub(super) fn hear(&self, kind: Kind, payload: Bytes) {
        if kind == Kind::WRITTEN {
            let Some((namespace, entry)) = written::read(payload) else { return };
            if let Some(listener) = self.entries.get(&namespace) {
                listener(&entry);
            }
        } else if let Some(listener) = self.messages.get(&kind) {
            listener(payload);
        }
    }
}
