//! Times on the wire are integer milliseconds. Clients written in a language whose numbers are floats send
//! `1732.5` all the same, so these deserializers accept any finite number and round it.

use serde::{Deserialize, Deserializer, de::Error};

/// Reads a number as whole milliseconds, rounding to the nearest.
///
/// # Errors
/// Fails on anything that is not a finite number an `i64` can hold.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.is_finite() && number.abs() < i64::MAX as f64 {
        Ok(number.round() as i64)
    } else {
        Err(D::Error::custom("time in milliseconds is out of range"))
    }
}

/// The same for a field that may be left out or null; use with `#[serde(default)]`.
pub mod option {
    use super::Deserialize;
    use serde::Deserializer;

    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Millis(#[serde(deserialize_with = "super::deserialize")] i64);

    /// Reads an optional number as whole milliseconds.
    ///
    /// # Errors
    /// Fails like [`super::deserialize`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        Ok(Option::<Millis>::deserialize(deserializer)?.map(|millis| millis.0))
    }
}

#[cfg(test)]
mod tests {
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(default, deserialize_with = "super::option::deserialize")]
        at_ms: Option<i64>,
    }

    fn at_ms(json: &str) -> Option<Option<i64>> {
        serde_json::from_str::<Body>(json).ok().map(|body| body.at_ms)
    }

    #[test]
    fn fractions_are_rounded_and_absence_is_none() {
        assert_eq!(at_ms(r#"{"at_ms":1732.5}"#), Some(Some(1733)));
        assert_eq!(at_ms(r#"{"at_ms":-3}"#), Some(Some(-3)));
        assert_eq!(at_ms(r#"{"at_ms":null}"#), Some(None));
        assert_eq!(at_ms("{}"), Some(None));
    }

    #[test]
    fn what_no_clock_shows_is_refused() {
        assert_eq!(at_ms(r#"{"at_ms":1e300}"#), None);
        assert_eq!(at_ms(r#"{"at_ms":"soon"}"#), None);
    }
}
