//! Times and sizes as operators write them.

use std::{fmt, str::FromStr, time::Duration};

/// Longest configurable time: 30 days.
const MAX_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Largest configurable size: 1 PiB.
const MAX_BYTES: f64 = (1_u64 << 50) as f64;

/// A time in whole milliseconds; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Millis(pub(crate) Duration);

impl FromStr for Millis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(ms @ 1..=MAX_MS) => Ok(Self(Duration::from_millis(ms))),
            _ => Err(format!("expected a number of milliseconds from 1 to {MAX_MS}")),
        }
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_millis().fmt(f)
    }
}

/// A number of bytes, or of bytes per second; at least one. Written as a number, alone or with a unit: decimal (`kB`, `MB`,
/// `GB`), binary (`KiB`, `MiB`, `GiB`), or in bits (`kbit`, `Mbit`, `Gbit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes(pub(crate) u64);

impl Bytes {
    /// The number as a length in memory.
    pub(crate) fn len(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let per_unit = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1.0,
            "kb" => 1e3,
            "mb" => 1e6,
            "gb" => 1e9,
            "kib" => f64::from(1 << 10),
            "mib" => f64::from(1 << 20),
            "gib" => f64::from(1 << 30),
            "kbit" => 1e3 / 8.0,
            "mbit" => 1e6 / 8.0,
            "gbit" => 1e9 / 8.0,
            _ => {
                return Err(format!(
                    "unknown unit {unit:?}; use kB, MB, GB, KiB, MiB, GiB, kbit, Mbit or Gbit"
                ));
            }
        };
        let number: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
        match number * per_unit {
            bytes if (1.0..=MAX_BYTES).contains(&bytes) => Ok(Self(bytes as u64)),
            _ => Err("expected a size from 1 byte to 1 PiB".to_owned()),
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes.is_multiple_of(1 << 20) => write!(f, "{}MiB", bytes >> 20),
            bytes if bytes.is_multiple_of(1 << 10) => write!(f, "{}KiB", bytes >> 10),
            bytes => bytes.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rates_are_read_in_bits_and_bytes_and_written_so_that_they_read_back() {
        for (text, bytes) in [
            ("125000000", 125_000_000),
            ("1Gbit", 125_000_000),
            ("2.5 mbit", 312_500),
            ("80MB", 80_000_000),
            ("512MiB", 512 << 20),
            ("1.5KiB", 1536),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
            assert_eq!(Bytes(bytes).to_string().parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in ["", "fast", "0", "1.2.3", "-5MB", "7 furlongs", "2000000GB"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_whole_milliseconds() {
        assert_eq!("1500".parse(), Ok(Millis(Duration::from_millis(1500))));
        for text in ["", "0", "-1", "1.5", "1s", "18446744073709551615", "2592000001"] {
            assert!(text.parse::<Millis>().is_err(), "{text}");
        }
    }
}
