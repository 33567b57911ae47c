//! Scales: map values to positions between 0 and 1, with readable ticks.

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// From zero, evenly.
    Linear,
    /// By powers of ten.
    Log,
    /// By powers of two, with a tick at each value that was measured.
    Measured,
}

/// A scale for the values to show.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Axis {
    /// An axis for `values`, which are positive.
    pub(super) fn new(scale: Scale, values: &[f64]) -> Self {
        let low = values.iter().copied().reduce(f64::min).unwrap_or(1.0);
        let high = values.iter().copied().reduce(f64::max).unwrap_or(1.0);
        match scale {
            Scale::Linear => {
                let step = nice_step(high / 5.0);
                let high = (high / step).ceil().max(1.0) * step;
                let count = (high / step).round() as u32;
                Self {
                    scale,
                    low: 0.0,
                    high,
                    ticks: (0..=count).map(|tick| f64::from(tick) * step).collect(),
                }
            }
            Scale::Log => {
                let (low, high) = (round_value(low, false), round_value(high, true));
                let high = if high > low { high } else { low * 10.0 };
                let wide = (high / low).log10() > MOST_NAMED_DECADES;
                let named = |value: &f64| !wide || is_power_of_ten(*value);
                let ticks =
                    round_values(low).take_while(|&value| value <= high * 1.001).filter(named).collect();
                Self { scale, low: low.log10(), high: high.log10(), ticks }
            }
            Scale::Measured => {
                let mut ticks = values.to_vec();
                ticks.sort_by(f64::total_cmp);
                ticks.dedup();
                let margin = 0.05 * (high / low).log2().max(1.0);
                Self { scale, low: low.log2() - margin, high: high.log2() + margin, ticks }
            }
        }
    }

    /// The position of `value`: 0 at the low end, 1 at the high end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = match self.scale {
            Scale::Linear => value,
            Scale::Log => value.log10(),
            Scale::Measured => value.log2(),
        };
        (value - self.low) / (self.high - self.low)
    }

    /// Labelled values.
    pub(super) fn ticks(&self) -> &[f64] {
        &self.ticks
    }
}

/// Decades up to which a log axis also labels twos and fives.
const MOST_NAMED_DECADES: f64 = 2.5;

/// 1, 2 and 5 times the powers of ten, from `start`, which is one of them.
fn round_values(start: f64) -> impl Iterator<Item = f64> {
    let power = start.log10().floor() as i32;
    (power..)
        .flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10f64.powi(power)))
        .filter(move |&value| value >= start * 0.999)
}

/// The one of them next to `value`: at or above it, or at or below it.
fn round_value(value: f64, above: bool) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let found = if above {
        steps.into_iter().find(|&step| step >= value * 0.999)
    } else {
        steps.into_iter().rev().find(|&step| step <= value * 1.001)
    };
    found.unwrap_or(power)
}

fn is_power_of_ten(value: f64) -> bool {
    (value.log10() - value.log10().round()).abs() < 1e-6
}

/// The step of 1, 2 or 5 times a power of ten that is next above `rough`.
fn nice_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|&step| step >= rough)
        .unwrap_or(power)
}

/// The text of a tick.
pub(super) fn label(value: f64) -> String {
    let text = if value >= 1000.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        let decimals = (1.0 - value.log10().floor()).clamp(1.0, 6.0) as usize;
        let text = format!("{value:.decimals$}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    grouped(&text)
}

/// With a comma between thousands from 10,000 on.
fn grouped(text: &str) -> String {
    let digits = text.find('.').unwrap_or(text.len());
    if digits < 5 {
        return text.to_owned();
    }
    let spaced = text[..digits].char_indices().map(|(place, digit)| {
        let space = if place > 0 && (digits - place).is_multiple_of(3) { "," } else { "" };
        format!("{space}{digit}")
    });
    spaced.collect::<String>() + &text[digits..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_axes_begin_at_zero_and_end_on_a_tick() {
        let axis = Axis::new(Scale::Linear, &[3.2, 7.9]);
        assert_eq!(axis.ticks(), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!((axis.place(0.0), axis.place(8.0)), (0.0, 1.0));
    }

    #[test]
    fn log_axes_are_tight_and_name_round_values() {
        let axis = Axis::new(Scale::Log, &[0.3, 9.0]);
        let names: Vec<String> = axis.ticks().iter().copied().map(label).collect();
        assert_eq!(names, ["0.2", "0.5", "1", "2", "5", "10"]);
        assert!((axis.place(0.2), axis.place(10.0)) == (0.0, 1.0));
        let wide = Axis::new(Scale::Log, &[0.3, 4000.0]);
        let names: Vec<String> = wide.ticks().iter().copied().map(label).collect();
        assert_eq!(names, ["1", "10", "100", "1000"]);
    }

    #[test]
    fn ticks_are_written_for_people() {
        let labels = [0.0, 0.05, 0.25, 8.0, 1000.0, 1_000_000.0].map(label);
        assert_eq!(labels, ["0", "0.05", "0.25", "8", "1000", "1,000,000"]);
    }
}
