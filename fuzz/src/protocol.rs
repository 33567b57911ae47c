//! Messages, JSON, grants and titles: the crate `protocol`.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use protocol::{
    Located, StreamId,
    event::{
        BroadcastData, ClockRequest, RegisterNewStream, RelayPath, StreamRef, StreamStateChanged,
        WatchRequest, WatchStream, Welcome,
    },
    grant::{Action, PublicKey, Signer, Verifier},
    message::{put_head, read},
    node::{AskForSources, Heartbeat, RegisterServer},
    stream::{AskForNodes, CreateStream},
    title::{MAX_CHARS, clean, is_plain, lenient},
};
use serde::de::DeserializeOwned;

/// Any bytes are refused, or the result survives writing and reading again.
pub(crate) fn message(bytes: &[u8]) {
    let Ok((kind, data)) = read(&Bytes::copy_from_slice(bytes)) else { return };
    assert!(bytes.ends_with(&data), "the data is the message's tail");
    let mut written = BytesMut::new();
    put_head(&kind, &mut written);
    written.extend_from_slice(&data);
    assert_eq!(read(&written.freeze()), Ok((kind, data)));
}

/// Any text as each payload: with and without the place of an error, the outcome is the same.
pub(crate) fn json(bytes: &[u8]) {
    fn both<T: DeserializeOwned>(bytes: &[u8]) {
        let (plain, located) =
            (serde_json::from_slice::<T>(bytes), serde_json::from_slice::<Located<T>>(bytes));
        assert_eq!(plain.is_ok(), located.is_ok(), "naming the place of an error changes what is read");
    }
    both::<CreateStream>(bytes);
    both::<AskForNodes>(bytes);
    both::<RegisterServer>(bytes);
    both::<Heartbeat>(bytes);
    both::<AskForSources>(bytes);
    both::<RegisterNewStream>(bytes);
    both::<BroadcastData>(bytes);
    both::<WatchStream>(bytes);
    both::<StreamRef>(bytes);
    both::<ClockRequest>(bytes);
    both::<RelayPath>(bytes);
    both::<StreamStateChanged>(bytes);
    both::<Welcome>(bytes);
    if let Ok(watch) = serde_json::from_slice::<WatchStream>(bytes) {
        let _ = WatchRequest::from(watch);
    }
}

/// Any text as a grant and as a key permits nothing.
pub(crate) fn grant(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let signer = Signer::from_seed(&[7; 32]).expect("a seed is a key");
    let verifier = Verifier::new(std::slice::from_ref(signer.public_key())).expect("a key of ours");
    for action in [Action::Publish, Action::Watch, Action::Relay] {
        assert!(verifier.verify(&text, StreamId::new("a", 1), action, 0).is_err(), "a forged grant");
    }
    let key = PublicKey { kid: "a".into(), kty: "OKP".into(), crv: "Ed25519".into(), x: text.into_owned() };
    let _ = Verifier::new(std::slice::from_ref(&key));
}

/// A title stays as it is once it is clean, and shows nothing invisible.
pub(crate) fn title(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let shown = |title: &str| title.chars().any(is_plain) && title.chars().count() <= 2 * MAX_CHARS;
    if let Ok(title) = clean(&text) {
        assert!(shown(&title), "{title:?}");
        same(&clean(&title), &Ok(title));
    }
    let title = lenient(&text).into_owned();
    assert!(shown(&title), "{title:?}");
    assert_eq!(lenient(&title), title);
}

fn same<T: PartialEq + Debug>(a: &T, b: &T) {
    assert_eq!(a, b);
}
