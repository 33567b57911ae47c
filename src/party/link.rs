//! The party that a user names: its id, or the link of its page.

use protocol::PartyId;
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
}
