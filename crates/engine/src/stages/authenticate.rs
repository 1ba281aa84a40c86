//! Who calls.

use contract::ports::{Arrived, Stage};
use contract::words::{Scope, Secret};
use contract::{Code, Fault};

use super::Known;
use crate::pipeline::Run;
use crate::ticket::Ticket;

impl Run<'_> {
    /// Resolves the key. Nothing of the body was read so far.
    pub(crate) async fn authenticate<'a>(
        self,
        arrived: &'a mut Arrived,
        ticket: &mut Ticket,
    ) -> Result<Known<'a>, Fault> {
        let key = arrived.key.take();
        let principal = self.handles.keyring.identify(key.as_ref().map(Secret::expose)).await?;
        ticket.known(&principal);
        if !principal.has(Scope::Inference) {
            return Err(Fault::saying(
                Code::InsufficientScope,
                "This API key may not be used for inference. Use a key with the scope 'inference'.",
            ));
        }
        ticket.ended(Stage::Authenticate);
        Ok(Known { arrived, principal })
    }
}
