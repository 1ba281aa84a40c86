//! Settings with units: `30s`, `10MiB`, `60/min`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text is not of the form its setting wants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(&'static str);

const SPAN_HELP: &str = "not a duration: write a whole number and a unit, such as 250ms, 30s, 5m, 12h, 7d";
const SIZE_HELP: &str =
    "not a size: write a whole number and a unit, such as 512B, 64KiB, 10MiB, 1GiB (or KB, MB, GB)";
const RATE_HELP: &str = "not a rate: write a whole number of at least 1, a slash and a unit, such as 10/s, 60/min, 1k/hour, 100k/day";

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// How many in how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// In how long.
    pub window: Duration,
}

fn split(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (digits, unit) = split(text.trim());
        let number: u64 = digits.parse().map_err(|_| UnitError(SPAN_HELP))?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(UnitError(SPAN_HELP)),
        };
        number.checked_mul(millis).map(|all| Self(Duration::from_millis(all))).ok_or(UnitError(SPAN_HELP))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
            if millis > 0 && millis.is_multiple_of(size) {
                return write!(f, "{}{unit}", millis / size);
            }
        }
        write!(f, "{millis}ms")
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (digits, unit) = split(text.trim());
        let number: u64 = digits.parse().map_err(|_| UnitError(SIZE_HELP))?;
        let factor = match unit {
            "B" | "" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return Err(UnitError(SIZE_HELP)),
        };
        number.checked_mul(factor).map(Self).ok_or(UnitError(SIZE_HELP))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if self.0 > 0 && self.0.is_multiple_of(size) {
                return write!(f, "{}{unit}", self.0 / size);
            }
        }
        write!(f, "{}B", self.0)
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (amount, unit) = text.trim().split_once('/').ok_or(UnitError(RATE_HELP))?;
        let (digits, suffix) = split(amount);
        let number: u64 = digits.parse().map_err(|_| UnitError(RATE_HELP))?;
        let factor = match suffix {
            "" => 1,
            "k" => 1_000,
            "M" => 1_000_000,
            _ => return Err(UnitError(RATE_HELP)),
        };
        let seconds = match unit {
            "s" | "sec" | "second" => 1,
            "min" | "m" | "minute" => 60,
            "h" | "hour" => 3_600,
            "d" | "day" => 86_400,
            _ => return Err(UnitError(RATE_HELP)),
        };
        let count = number.checked_mul(factor).filter(|count| *count > 0).ok_or(UnitError(RATE_HELP))?;
        Ok(Self { count, window: Duration::from_secs(seconds) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.window.as_secs() {
            1 => "s",
            60 => "min",
            3_600 => "hour",
            _ => "day",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// Checks a text against a `format` of our schemas; formats that are not ours always pass.
///
/// # Errors
/// The message for the person who wrote the setting.
pub fn check_format(format: &str, text: &str) -> Result<(), UnitError> {
    match format {
        "span" => text.parse::<Span>().map(drop),
        "byte-size" => text.parse::<ByteSize>().map(drop),
        "rate" => text.parse::<Rate>().map(drop),
        _ => Ok(()),
    }
}

macro_rules! text_setting {
    ($type:ident, $format:literal, $help:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "format": $format, "description": $help })
            }
        }
    };
}

text_setting!(Span, "span", "A length of time: `250ms`, `30s`, `5m`, `12h`, `7d`.");
text_setting!(
    ByteSize,
    "byte-size",
    "A number of bytes: `512B`, `64KiB`, `10MiB`, `1GiB`, or powers of ten `KB`, `MB`, `GB`."
);
text_setting!(Rate, "rate", "How many in how long: `10/s`, `60/min`, `1k/hour`, `100k/day`.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_parse_and_print_back() {
        for text in ["250ms", "30s", "5m", "12h", "7d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for text in ["512B", "64KiB", "10MiB", "1GiB"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
        assert_eq!(
            "100k/min".parse::<Rate>().unwrap(),
            Rate { count: 100_000, window: Duration::from_secs(60) }
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "5", "s", "5 parsecs", "-1s", "99999999999999999999s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for text in ["0/min", "5", "x/min", "5/fortnight", "5g/min"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
