//! Medians of values around each other.

use std::cmp::Ordering;

/// Writes for each value of `values` the median of those at most `reach` places away into `medians`.
pub(crate) fn around(values: &[f32], reach: usize, medians: &mut [f32]) {
    let mut sorted: Vec<f32> = values.iter().take(reach).copied().collect();
    sorted.sort_unstable_by(f32::total_cmp);
    for (n, median) in medians.iter_mut().enumerate().take(values.len()) {
        if let Some(&value) = values.get(n + reach) {
            sorted.insert(place(&sorted, value), value);
        }
        if let Some(&value) = n.checked_sub(reach + 1).and_then(|old| values.get(old)) {
            sorted.remove(place(&sorted, value));
        }
        *median = sorted[sorted.len() / 2];
    }
}

/// Where a value is or would be.
fn place(sorted: &[f32], value: f32) -> usize {
    sorted.partition_point(|other| other.total_cmp(&value) == Ordering::Less)
}

/// The median of `values`, whose order is changed; 0 if there are none.
pub(crate) fn of(values: &mut [f32]) -> f32 {
    let middle = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f32::total_cmp).1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_what_is_around_is_that_of_a_sorted_window() {
        let values: Vec<f32> = (0..200_u32).map(|n| ((n * 7_919) % 101) as f32).collect();
        let mut medians = vec![0.0; values.len()];
        around(&values, 5, &mut medians);
        for (n, median) in medians.iter().enumerate() {
            let mut window = values[n.saturating_sub(5)..values.len().min(n + 6)].to_vec();
            assert_eq!(*median, of(&mut window), "{n}");
        }
    }
}
