//! What a translation could not carry, so that nothing is lost in silence.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// The list of what was not carried. Rendered as `x-pathgate-dropped` and kept in the request log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Receipt(Vec<Dropped>);

/// One thing that was not carried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Where it stood in the client's request, such as `messages[2].name` or `logit_bias`.
    pub field: Cow<'static, str>,
    /// Why the target cannot take it, in a few words.
    pub reason: Cow<'static, str>,
}

impl Receipt {
    /// Notes a loss. The same field is noted once.
    pub fn dropped(&mut self, field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) {
        let field = field.into();
        if !self.0.iter().any(|entry| entry.field == field) {
            self.0.push(Dropped { field, reason: reason.into() });
        }
    }

    /// Was everything carried?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
