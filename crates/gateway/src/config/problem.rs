//! What is wrong with a configuration file, for the person who wrote it.

use std::fmt;

use super::tree::{Path, Position};

/// One thing that is wrong, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The file as it was named.
    pub(crate) file: String,
    /// Line and column.
    pub(crate) at: Position,
    /// Which setting: `providers.openai.base_url`; empty for the file as a whole.
    pub(crate) path: String,
    /// What is wrong and what to do.
    pub(crate) message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.at.line, self.at.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// All that is wrong with a file, in the order of its lines. Prints one problem a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LoadError {
    /// The problems; never empty.
    pub(crate) problems: Vec<Problem>,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(problem, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// A problem before it knows its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where in the file.
    pub(crate) at: Position,
    /// Where in the configuration.
    pub(crate) path: Path,
    /// What.
    pub(crate) message: String,
}

impl Found {
    /// A problem with the file as a whole.
    pub(crate) fn whole(at: Position, message: impl Into<String>) -> Self {
        Self { at, path: Path::default(), message: message.into() }
    }

    /// With its file.
    pub(crate) fn in_file(self, file: &str) -> Problem {
        Problem { file: file.to_owned(), at: self.at, path: self.path.to_string(), message: self.message }
    }
}
