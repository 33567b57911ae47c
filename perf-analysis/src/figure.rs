//! Formats numbers for tables.

use crate::percentiles::Percentiles;

pub(crate) fn optional(value: Option<f64>) -> String {
    value.map_or("-".into(), significant)
}

/// The median and the 99th percentile.
pub(crate) fn p50_p99(times: Option<Percentiles>) -> String {
    times.map_or("-".into(), |times| format!("{} / {}", significant(times.p50), significant(times.p99)))
}

/// The median, the 99th percentile and the maximum.
pub(crate) fn p50_p99_max(times: Option<Percentiles>) -> String {
    times.map_or("-".into(), |times| format!("{} / {}", p50_p99(Some(times)), significant(times.max)))
}

pub(crate) fn percent(share: f64) -> String {
    format!("{} %", significant(share * 100.0))
}

/// With three significant digits, and no decimals from 100 on.
pub(crate) fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let decimals = (2.0 - value.abs().log10().floor()).clamp(0.0, 4.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_enough() {
        let texts = [0.0, 0.01234, 1.0, 12.345, 999.6, 123_456.0].map(significant);
        assert_eq!(texts, ["0", "0.0123", "1", "12.3", "1000", "123456"]);
    }
}
