//! A conversation of one question, for dialects that take a prompt instead of messages.
//!
//! Instructions and the user's turn are all there may be: what a model said before cannot be told apart within a prompt, so
//! such conversations are refused. Used by `completions/` and by Ollama's `api/generate`.

use contract::canon::{Part, Request, Role};
use contract::{Code, Fault};

/// The conversation, parted by who speaks; each part with the place it stood in.
#[derive(Debug, Default)]
pub(crate) struct Single<'a> {
    /// The operator's instructions.
    pub(crate) system: Vec<(&'a Part, String)>,
    /// What the user asks.
    pub(crate) user: Vec<(&'a Part, String)>,
}

impl<'a> Single<'a> {
    /// Parts a conversation.
    ///
    /// # Errors
    /// `unsupported_capability`: it has turns that are neither instructions nor the user's.
    pub(crate) fn of(request: &'a Request) -> Result<Self, Fault> {
        let mut single = Self::default();
        for (at, message) in request.messages.iter().enumerate() {
            let place = format!("messages[{at}]");
            let parts = message
                .parts
                .iter()
                .enumerate()
                .map(|(index, part)| (part, format!("{place}.content[{index}]")));
            match message.role {
                Role::System | Role::Developer => single.system.extend(parts),
                Role::User => single.user.extend(parts),
                Role::Assistant | Role::Tool => {
                    let message =
                        "This model completes a prompt; it takes no earlier turns of a conversation.";
                    return Err(Fault::saying(Code::UnsupportedCapability, message).at(place));
                }
            }
        }
        Ok(single)
    }
}
