//! The party, item or stream that a user names: its id, or the link of its page.

use protocol::{PartyId, party::Target};
use reqwest::Url;

use crate::failure::Failure;

/// A party, and what its link says besides.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) party_id: PartyId,
    /// The base URL of the main server, if the text is a URL.
    pub(super) server: Option<String>,
    pub(super) invitation: Option<String>,
}

impl Link {
    /// Reads an id, or a link such as `https://host/party/{id}#invitation=…`.
    ///
    /// # Errors
    /// It is neither. The message does not repeat the text, which may have an invitation.
    pub(super) fn read(text: &str) -> Result<Self, Failure> {
        Self::of(text).ok_or_else(|| Failure::Config("expected the id of a party, or its link".to_owned()))
    }

    fn of(text: &str) -> Option<Self> {
        if let Ok(party_id) = text.parse() {
            return Some(Self { party_id, server: None, invitation: None });
        }
        let url = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()))?;
        let (base, party_id) = url.path().trim_end_matches('/').rsplit_once("/party/")?;
        let invitation = url.fragment().and_then(|fragment| fragment.strip_prefix("invitation="));
        Some(Self {
            party_id: party_id.parse().ok()?,
            server: Some(format!("{}{base}", url.origin().ascii_serialization())),
            invitation: invitation.map(ToOwned::to_owned),
        })
    }
}

/// Reads the id of an item, or the link of the page of an item or stream.
///
/// # Errors
/// It is neither.
pub(super) fn media(text: &str) -> Result<Target, Failure> {
    media_of(text).ok_or_else(|| Failure::Config("expected the id or link of an item or stream".to_owned()))
}

fn media_of(text: &str) -> Option<Target> {
    if let Ok(item_id) = text.parse() {
        return Some(Target { item_id: Some(item_id), ..Target::default() });
    }
    let url = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()))?;
    let (base, id) = url.path().trim_end_matches('/').rsplit_once('/')?;
    match base.rsplit_once('/')?.1 {
        "library" => Some(Target { item_id: Some(id.parse().ok()?), ..Target::default() }),
        "view" => Some(Target { stream_id: Some(id.parse().ok()?), ..Target::default() }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_is_named_by_its_id_or_its_link() {
        let id = "7a".repeat(16);
        let party_id = id.parse().unwrap();
        assert_eq!(Link::of(&id), Some(Link { party_id, server: None, invitation: None }));
        let links = [
            (format!("http://host:5000/party/{id}"), "http://host:5000", None),
            (
                format!("https://host/live-tv/party/{id}#invitation=ui_x"),
                "https://host/live-tv",
                Some("ui_x"),
            ),
            (format!("https://u:p@host/party/{id}/?a=b#c"), "https://host", None),
        ];
        for (link, server, invitation) in links {
            let (server, invitation) = (Some(server.to_owned()), invitation.map(ToOwned::to_owned));
            assert_eq!(Link::of(&link), Some(Link { party_id, server, invitation }), "{link}");
        }
        for wrong in ["", "7a", "http://host/party/", "http://host/view/7a", &format!("file:///party/{id}")] {
            assert!(Link::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn items_and_streams_are_named_by_ids_or_links() {
        let id = "7a".repeat(16);
        let item = Target { item_id: id.parse().ok(), ..Target::default() };
        let stream = Target { stream_id: id.parse().ok(), ..Target::default() };
        for (text, target) in [
            (id.clone(), &item),
            (format!("https://host/library/{id}"), &item),
            (format!("https://host/tv/library/{id}/?t=1#x"), &item),
            (format!("http://host:5000/view/{id}"), &stream),
        ] {
            assert_eq!(media_of(&text).as_ref(), Some(target), "{text}");
        }
        for wrong in ["", "night drive", "http://host/library/", &format!("http://host/party/{id}")] {
            assert!(media(wrong).is_err(), "{wrong}");
        }
    }
}
