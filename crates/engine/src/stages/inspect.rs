//! The two stages around the call that look but do not touch: inspect_input and inspect_output.
//!
//! Guards and plugins fill them. Here they hold the limits that protect ledger, log and metrics from what clients may send.

use contract::ports::{RequestEntry, Stage};
use contract::{Code, Fault};

use super::{Answered, Attempted, Cleared, Prepared};
use crate::pipeline::Run;
use crate::ticket::Ticket;

/// Most tags on a request.
const MOST_TAGS: usize = 16;
/// Most bytes of a tag's key or value.
const TAG_BYTES: usize = 128;
/// Most bytes of an end user's name.
const USER_BYTES: usize = 256;

impl Run<'_> {
    /// Checks the input against the limits on what is kept of it.
    pub(crate) fn inspect_input(self, prepared: Prepared, ticket: &mut Ticket) -> Result<Cleared, Fault> {
        if let Some(record) = ticket.record() {
            check(&record.kept.entries.request)?;
        }
        ticket.passed(Stage::InspectInput);
        Ok(Cleared(prepared))
    }

    /// Lets the output through.
    pub(crate) fn inspect_output(self, attempted: Attempted, ticket: &mut Ticket) -> Answered {
        ticket.passed(Stage::InspectOutput);
        match attempted {
            Attempted::Whole(whole) => Answered::Whole(whole),
            Attempted::Stream(stream) => Answered::Stream(stream),
        }
    }
}

fn check(entry: &RequestEntry) -> Result<(), Fault> {
    let long = |(key, value): &(String, String)| key.len() > TAG_BYTES || value.len() > TAG_BYTES;
    if entry.tags.len() > MOST_TAGS || entry.tags.iter().any(long) {
        return Err(Fault::saying(
            Code::InvalidRequest,
            format!("At most {MOST_TAGS} tags can be sent, each key and value of at most {TAG_BYTES} bytes."),
        )
        .at("x-pathgate-tags"));
    }
    if entry.user.as_ref().is_some_and(|user| user.len() > USER_BYTES) {
        return Err(Fault::saying(
            Code::InvalidRequest,
            format!("The end user's name can have at most {USER_BYTES} bytes."),
        )
        .at("user"));
    }
    Ok(())
}
