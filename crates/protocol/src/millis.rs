//! Times on the wire are integer milliseconds. Clients written in a language whose numbers are floats send
//! `1732.5` all the same, so these deserializers accept any finite number and round it.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

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

/// Largest number below which a float represents every whole number.
const EXACT: f64 = (1_u64 << 53) as f64;

/// Writes a number that a client sent in the form in which it came: whole ones without a fraction.
///
/// # Errors
/// Those of the serializer.
// The signature is the one that serde asks for.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub fn as_it_came<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 && number.abs() < EXACT {
        serializer.serialize_i64(*number as i64)
    } else {
        serializer.serialize_f64(*number)
    }
}

/// [`deserialize`] for a field that may be left out or null; use with `#[serde(default)]`.
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
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Echo(#[serde(serialize_with = "super::as_it_came")] f64);

    #[test]
    fn what_came_goes_back_as_it_came() {
        // A browser's clock has fractions so fine that reading one inexactly changes it; answers are told apart by them.
        for text in ["5", "-7", "1795274077376", "1732.5", "1795274557174.5999", "1795275590795.7002"] {
            let number: Echo = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&number).unwrap(), text);
        }
    }

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
