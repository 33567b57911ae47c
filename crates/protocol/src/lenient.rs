//! Reading what clients in other languages write: `null` for a field they leave out, and errors that name the field.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error};

/// Reads `null` as the default; use with `#[serde(default)]`, so that a field left out is the same.
///
/// # Errors
/// Those of the value, where it is not null.
pub fn null_is_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A value whose errors begin with the place where it could not be read, as `after.index: `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_path_to_error::deserialize(deserializer).map(Self).map_err(|error| {
            let (place, reason) = (error.path(), error.inner() as &dyn fmt::Display);
            match place.iter().next() {
                Some(_) => D::Error::custom(format_args!("{place}: {reason}")),
                None => D::Error::custom(reason),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::WatchStream, node::Heartbeat, stream::CreateStream};

    fn wrong<T: serde::de::DeserializeOwned>(json: &str) -> String {
        serde_json::from_str::<Located<T>>(json).err().unwrap().to_string()
    }

    #[test]
    fn an_error_names_the_field() {
        assert!(wrong::<CreateStream>(r#"{"title":5}"#).starts_with("title: invalid type: integer `5`"));
        assert!(wrong::<CreateStream>("{}").starts_with("missing field `title`"));
        let heartbeat = r#"{"load":{},"streams":[{"stream_id":"x","state":"live"}]}"#;
        assert!(wrong::<Heartbeat>(heartbeat).starts_with("streams[0].stream_id: a stream id is 32"));
        let watch =
            r#"{"stream_id":"8811d3bae631e8b5e26212edaf3e41eb","after":{"take":0,"group":0,"index":-1}}"#;
        assert!(wrong::<WatchStream>(watch).starts_with("after.index: invalid value: integer `-1`"));
        assert!(wrong::<WatchStream>(r#""abc""#).starts_with("a stream id is 32"));
        assert!(wrong::<WatchStream>("5").contains("a stream id, or an object with one"));
    }

    #[test]
    fn null_is_the_same_as_leaving_a_field_out() {
        let created: CreateStream =
            serde_json::from_str(r#"{"title":"a","visibility":null,"passphrase":null}"#).unwrap();
        assert_eq!(created, serde_json::from_str(r#"{"title":"a"}"#).unwrap());
        let heartbeat: Heartbeat = serde_json::from_str(r#"{"load":null,"streams":null}"#).unwrap();
        assert_eq!(heartbeat, Heartbeat::default());
        assert_eq!(heartbeat, serde_json::from_str("{}").unwrap());
    }
}
