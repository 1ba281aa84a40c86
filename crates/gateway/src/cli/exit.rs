//! The exit codes of every command, and the failure that leads to one. `docs/configuration.md` repeats the table.

use std::fmt;
use std::process::ExitCode;

use contract::{Code, Fault};

/// What the process tells whoever started it. A code is never reused for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done; for `serve`: drained and stopped as asked.
    Ok = 0,
    /// Something went wrong while running.
    Failed = 1,
    /// The configuration or the command line is not valid.
    BadConfiguration = 2,
    /// A listener's address cannot be bound.
    CannotBind = 3,
    /// The database or the spool cannot be opened.
    Storage = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The code to end with.
    pub(crate) exit: Exit,
    /// What the person at the terminal reads.
    pub(crate) message: String,
}

impl Failure {
    /// A failure with its message.
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Failed, format!("cannot read or write: {error}"))
    }
}

/// At the terminal sits the operator, who may see the detail.
impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let exit = match fault.code() {
            Code::StorageUnavailable => Exit::Storage,
            _ => Exit::Failed,
        };
        match fault.detail() {
            Some(detail) => Self::new(exit, format!("{} ({detail})", fault.message())),
            None => Self::new(exit, fault.message()),
        }
    }
}
