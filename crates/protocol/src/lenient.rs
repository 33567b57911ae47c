//! Reading what clients in other languages write: `null` for a field they leave out, `2.0` for 2, and errors that name the
//! field. What is an object is read from an object alone, not from an array of its fields.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};

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

/// Reads a whole number, also one that is written with a fraction of zero.
///
/// # Errors
/// Fails on everything that is no whole number, or out of range.
pub fn whole<'de, T: TryFrom<i128>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Whole::deserialize(deserializer).map(|Whole(number)| number)
}

/// [`whole`] for a field that may be left out or null; use with `#[serde(default)]`.
///
/// # Errors
/// Those of [`whole`].
pub fn optional_whole<'de, T: TryFrom<i128>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::<Whole<T>>::deserialize(deserializer)?.map(|Whole(number)| number))
}

/// [`whole`] with `null` for 0; use with `#[serde(default)]`.
///
/// # Errors
/// Those of [`whole`].
pub fn whole_or_zero<'de, T: TryFrom<i128> + Default, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    optional_whole(deserializer).map(Option::unwrap_or_default)
}

/// [`whole`] for a count of at least 1, with `null` and 0 for 1.
///
/// # Errors
/// Those of [`whole`].
pub fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    whole_or_zero(deserializer).map(|count: u32| count.max(1))
}

/// Reads an object that may be left out or null; use with `#[serde(default)]`.
///
/// # Errors
/// Those of the object.
pub fn optional_object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(object)| object))
}

/// [`optional_object`] with `null` for the default.
///
/// # Errors
/// Those of the object.
pub fn object_or_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    optional_object(deserializer).map(Option::unwrap_or_default)
}

/// Reads an array of objects, with `null` for none; use with `#[serde(default)]`.
///
/// # Errors
/// Those of the objects.
pub fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects = Option::<Vec<Object<T>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(objects.into_iter().map(|Object(object)| object).collect())
}

struct Whole<T>(T);

impl<'de, T: TryFrom<i128>> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor(PhantomData))
    }
}

struct WholeVisitor<T>(PhantomData<T>);

impl<T: TryFrom<i128>> Visitor<'_> for WholeVisitor<T> {
    type Value = Whole<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number in range")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Whole<T>, E> {
        T::try_from(i128::from(number))
            .map(Whole)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Whole<T>, E> {
        T::try_from(i128::from(number))
            .map(Whole)
            .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Whole<T>, E> {
        // A whole number beyond 64 bits is read as the nearest float, which may be this one.
        const END: f64 = 9_223_372_036_854_775_808.0; // 2^63
        let wrong = || E::invalid_value(Unexpected::Float(number), &self);
        if number.fract() == 0.0 && number.abs() < END {
            T::try_from(number as i128).map(Whole).map_err(|_| wrong())
        } else {
            Err(wrong())
        }
    }
}

struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
    }
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

    #[test]
    fn whole_numbers_may_be_written_with_a_fraction_of_zero() {
        let viewers = |json: &str| {
            let heartbeat = serde_json::from_str::<Heartbeat>(&format!(r#"{{"load":{{"viewers":{json}}}}}"#));
            heartbeat.ok().map(|heartbeat| heartbeat.load.viewers)
        };
        assert_eq!(
            [viewers("2"), viewers("2.0"), viewers("2e3"), viewers("null")],
            [2, 2, 2_000, 0].map(Some)
        );
        for wrong in ["2.5", "-1", "-1.0", "4294967296", "1e300", "\"2\"", "[2]", "true"] {
            assert_eq!(viewers(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_number_with_a_sign_may_be_written_with_a_fraction_of_zero_too() {
        let offset = |json: &str| {
            let heartbeat = serde_json::from_str::<Heartbeat>(&format!(r#"{{"clock_offset_ms":{json}}}"#));
            heartbeat.ok().map(|heartbeat| heartbeat.clock_offset_ms)
        };
        assert_eq!(offset("-15352884517606.0"), Some(Some(-15_352_884_517_606)));
        assert_eq!([offset("-3"), offset("null")], [Some(Some(-3)), Some(None)]);
        for wrong in ["-0.5", "1e300", "9223372036854775808", "-9223372036854775809", "-9.3e18"] {
            assert_eq!(offset(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_object_is_not_read_from_an_array_of_its_fields() {
        for wrong in [r#"{"load":[1,2]}"#, r#"{"streams":[["8811d3bae631e8b5e26212edaf3e41eb","live"]]}"#] {
            assert!(serde_json::from_str::<Heartbeat>(wrong).is_err(), "{wrong}");
        }
    }
}
