//! Pauses between the tries of a write that others were faster than.
//!
//! Contention is no outage: each lost race is another write that went through. Pauses grow with the races lost and are
//! random, so that writers that met once do not meet again.

use std::time::Duration;

use tokio::time::sleep;

/// Longest pause after the first lost race; doubles with each.
const FIRST: Duration = Duration::from_millis(4);
/// Longest pause of all.
const LONGEST: Duration = Duration::from_millis(250);

/// Waits after `lost` races, counted from 1.
pub async fn give_way(lost: u32) {
    let random = f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX);
    sleep(pause(lost, random)).await;
}

/// A pause of at most `random`, from 0 to 1, of the longest after `lost` races.
fn pause(lost: u32, random: f64) -> Duration {
    let longest = FIRST.saturating_mul(1 << lost.saturating_sub(1).min(10)).min(LONGEST);
    longest.mul_f64(random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_spread_from_nothing_to_it() {
        let longest = [1, 2, 3, 7, 8, u32::MAX].map(|lost| pause(lost, 1.0).as_millis());
        assert_eq!(longest, [4, 8, 16, 250, 250, 250]);
        assert_eq!((pause(8, 0.0), pause(8, 0.5)), (Duration::ZERO, LONGEST / 2));
    }
}
