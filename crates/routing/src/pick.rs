//! Weighted order without randomness: a counter walks the unit interval in golden-ratio steps, so that any run of picks
//! follows the weights closely (a low-discrepancy sequence), from any number of threads and without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

/// 2^64 divided by the golden ratio, odd: the step of the sequence modulo 1.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Picks an order of targets for each request.
#[derive(Debug, Default)]
pub(crate) struct Picker {
    counter: AtomicU64,
}

impl Picker {
    /// The indices of `weights`: the picked one first, the others after it, heaviest first.
    pub(crate) fn order(&self, weights: &[u32]) -> SmallVec<[usize; 4]> {
        let mut order: SmallVec<[usize; 4]> = SmallVec::with_capacity(weights.len());
        if weights.len() > 1 {
            let first = self.pick(weights);
            order.push(first);
            order.extend((0..weights.len()).filter(|index| *index != first));
            order[1..].sort_by_key(|index| std::cmp::Reverse(weights[*index]));
        } else {
            order.extend(0..weights.len());
        }
        order
    }

    fn pick(&self, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().copied().map(u64::from).sum();
        let point = self.counter.fetch_add(1, Ordering::Relaxed).wrapping_mul(STEP);
        // The high half of the product is `point / 2^64 * total`, a place on the line of weights.
        let mut place = (u128::from(point) * u128::from(total)) >> 64;
        for (index, weight) in weights.iter().copied().map(u128::from).enumerate() {
            if place < weight {
                return index;
            }
            place -= weight;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_the_weights() {
        let picker = Picker::default();
        let weights = [3, 1, 0];
        let mut counts = [0_u32; 3];
        for _ in 0..4_000 {
            counts[picker.order(&weights)[0]] += 1;
        }
        assert!(counts[0].abs_diff(3_000) <= 10, "{counts:?}");
        assert!(counts[1].abs_diff(1_000) <= 10, "{counts:?}");
        assert_eq!(counts[2], 0);
    }

    #[test]
    fn every_target_is_in_the_order_once() {
        let picker = Picker::default();
        for _ in 0..100 {
            let mut order = picker.order(&[5, 0, 2, 7]).to_vec();
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2, 3]);
        }
    }
}
