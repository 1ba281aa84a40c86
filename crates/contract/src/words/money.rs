//! Money as integers. Amounts are nano-USD (1e-9 USD); prices per token are pico-USD (1e-12 USD),
//! because a price of 0.0375 USD per million tokens is 37.5 nano-USD a token.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// An amount in nano-USD: 1 USD is 1,000,000,000. An `i64` holds about 9.2 billion USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoUsd(pub i64);

/// A price in pico-USD per unit (token, image, second): 1 USD per million tokens is 1,000,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PicoUsd(pub i64);

impl PicoUsd {
    /// Reads USD per million tokens, a decimal with at most six places such as `0.0375`, as a price per token: exactly.
    #[must_use]
    pub fn per_million(text: &str) -> Option<Self> {
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
            return None;
        }
        format!("{whole}{fraction:0<6}").parse().ok().map(Self)
    }

    /// Writes it as [`per_million`](Self::per_million) reads it: `0.0375`.
    #[must_use]
    pub fn to_millions(self) -> String {
        decimal(self.0, 6)
    }
}

/// USD for one unit, as a decimal without trailing zeros: `0.0000000375`. Exact.
impl fmt::Display for PicoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal(self.0, 12))
    }
}

/// A count of parts, each 10^-`places`, as a decimal without trailing zeros.
fn decimal(parts: i64, places: usize) -> String {
    let sign = if parts < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", parts.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

impl NanoUsd {
    /// Reads a number of USD, as providers write what a call costs, to the nearest nano-USD. None for what is no such amount.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    pub fn from_usd(usd: f64) -> Option<Self> {
        (0.0..=1e9).contains(&usd).then(|| Self((usd * 1e9).round() as i64))
    }

    /// Rounds a sum of pico-USD half up, so that no call with a price costs less than its share.
    #[must_use]
    pub fn from_pico(pico: i128) -> Self {
        let nano = (pico + 500).div_euclid(1000);
        Self(i64::try_from(nano).unwrap_or(if nano < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl Add for NanoUsd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

/// USD as a decimal without trailing zeros: `0.000125`. Exact: no floating point is involved.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // From the last digit to the first and by hand, because it is done for every request. The longest has 19 digits.
        let mut text = [0_u8; 21];
        let mut begin = text.len();
        let mut put = |byte: u8| {
            begin -= 1;
            text[begin] = byte;
        };
        let mut rest = self.0.unsigned_abs();
        let mut has_fraction = false;
        for place in 0.. {
            let digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            if place < 9 {
                has_fraction |= digit != b'0';
            } else if place == 9 && has_fraction {
                put(b'.');
            }
            if place >= 9 || has_fraction {
                put(digit);
            }
            if place >= 9 && rest == 0 {
                break;
            }
        }
        if self.0 < 0 {
            put(b'-');
        }
        f.write_str(std::str::from_utf8(&text[begin..]).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_print_as_exact_decimals() {
        for (nano, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (125_000, "0.000125"),
            (1_500_000_000, "1.5"),
            (-20, "-0.00000002"),
            (999_999_999, "0.999999999"),
            (30_000_000_000, "30"),
            (i64::MAX, "9223372036.854775807"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(NanoUsd(nano).to_string(), text);
        }
    }

    #[test]
    fn prices_are_read_exactly() {
        for (text, pico) in [("2.5", 2_500_000), ("0.0375", 37_500), ("15", 15_000_000), ("0.000001", 1)] {
            assert_eq!(PicoUsd::per_million(text), Some(PicoUsd(pico)), "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "1e3", "0.0000001", "1,5", " 1", "99999999999999"] {
            assert_eq!(PicoUsd::per_million(text), None, "{text}");
        }
    }

    #[test]
    fn prices_are_written_exactly() {
        for (pico, per_million, each) in [
            (0, "0", "0"),
            (1, "0.000001", "0.000000000001"),
            (37_500, "0.0375", "0.0000000375"),
            (2_500_000, "2.5", "0.0000025"),
            (2_000_000_000, "2000", "0.002"),
            (1_500_000_000_000, "1500000", "1.5"),
            (-20, "-0.00002", "-0.00000000002"),
        ] {
            assert_eq!(
                (PicoUsd(pico).to_millions(), PicoUsd(pico).to_string()),
                (per_million.into(), each.into())
            );
        }
    }

    #[test]
    fn costs_of_providers_are_read_to_the_nano() {
        for (usd, nano) in [
            (0.0, Some(0)),
            (0.0051, Some(5_100_000)),
            (0.007_650_916_900_000_000_5, Some(7_650_917)),
            (2.8e-8, Some(28)),
            (-1.0, None),
            (f64::NAN, None),
            (1e12, None),
        ] {
            assert_eq!(NanoUsd::from_usd(usd), nano.map(NanoUsd), "{usd}");
        }
    }

    #[test]
    fn pico_rounds_half_up() {
        for (pico, nano) in [(0, 0), (499, 0), (500, 1), (1499, 1), (1500, 2)] {
            assert_eq!(NanoUsd::from_pico(pico), NanoUsd(nano));
        }
    }
}
