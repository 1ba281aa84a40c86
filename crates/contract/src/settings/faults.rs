//! All that is wrong with a configuration, found in one pass.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where: `providers.openai.base_url`.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Collects problems instead of stopping at the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Problem>);

impl Faults {
    /// Notes a problem.
    pub fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { path: path.into(), message: message.into() });
    }

    /// Is nothing wrong?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems in the order they were found.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{}: {}", problem.path, problem.message)?;
        }
        Ok(())
    }
}
