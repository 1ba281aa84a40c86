//! What a translation could not carry, so that nothing is lost in silence.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The list of what was not carried. Rendered as `x-pathgate-dropped` and kept in the request log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Receipt(Vec<Dropped>);

/// One thing that was not carried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Where it stood in the client's request, such as `messages[2].name` or `logit_bias`.
    pub field: Cow<'static, str>,
    /// Why the target cannot take it, in a few words.
    pub reason: Cow<'static, str>,
}

/// Most losses that are named. Clients choose how many there are: what is beyond is summed up as `...`.
const MOST: usize = 64;
/// Most bytes of a field's name that are kept.
const LONGEST: usize = 128;

impl Receipt {
    /// Notes a loss. The same field is noted once.
    pub fn dropped(&mut self, field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) {
        if self.0.len() > MOST {
            return;
        }
        let mut field = field.into();
        if field.len() > LONGEST {
            let end = field.floor_char_boundary(LONGEST);
            field.to_mut().truncate(end);
        }
        if self.0.iter().any(|entry| entry.field == field) {
            return;
        }
        self.0.push(if self.0.len() < MOST {
            Dropped { field, reason: reason.into() }
        } else {
            Dropped { field: Cow::Borrowed("..."), reason: Cow::Borrowed("there are more than can be named") }
        });
    }

    /// Was everything carried?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes the losses of another receipt, too.
    pub fn append(&mut self, other: Self) {
        for Dropped { field, reason } in other.0 {
            self.dropped(field, reason);
        }
    }

    /// The losses, to be kept elsewhere.
    #[must_use]
    pub fn into_entries(self) -> Vec<Dropped> {
        self.0
    }

    /// The losses in the order they were noted.
    #[must_use]
    pub fn entries(&self) -> &[Dropped] {
        &self.0
    }
}

/// The fields alone, joined by commas: the value of `x-pathgate-dropped`.
impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, entry) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            f.write_str(&entry.field)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_named_once_and_not_at_any_length() {
        let mut receipt = Receipt::default();
        for field in ["a", "b", "a"] {
            receipt.dropped(field, "why");
        }
        assert_eq!(receipt.to_string(), "a, b");
        receipt.dropped("é".repeat(10_000), "why");
        assert_eq!(receipt.entries()[2].field, "é".repeat(LONGEST / 2));
    }

    #[test]
    fn what_cannot_be_named_is_summed_up() {
        let mut receipt = Receipt::default();
        for number in 0..1_000_000 {
            receipt.dropped(format!("field{number}"), "why");
        }
        assert_eq!(receipt.entries().len(), MOST + 1);
        assert!(receipt.to_string().ends_with("field63, ..."));
    }
}
