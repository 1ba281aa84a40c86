//! The request in the form a deployment takes: the client's own bytes with named edits, or through canon.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::canon::{Asked, Receipt, Request, VectorFormat};
use contract::ports::{Deployment, NativeBlocks, Tenant};
use contract::words::{Dialect, Timestamp};
use contract::{Code, Fault};

use wire::natives;

use super::Admitted;

/// A request ready to be sent to one deployment.
pub(crate) struct Outgoing {
    /// The upstream's dialect.
    pub(crate) target: Dialect,
    /// The body.
    pub(crate) body: VecDeque<Bytes>,
    /// Did we ask for usage on a stream whose client did not?
    pub(crate) usage_added: bool,
    /// What the client wants of an answer that has to be written anew; none when it passes as it is.
    pub(crate) wants: Option<Wants>,
}

/// What a client wants of an answer in its own dialect, beyond what its envelope says.
#[derive(Default)]
pub(crate) struct Wants {
    /// How numbers of vectors are written.
    pub(crate) vectors: VectorFormat,
    /// The names of its custom tools.
    pub(crate) custom: Vec<String>,
}

/// The request in canon, read when the first deployment of another dialect needs it.
pub(crate) struct Hub<'a> {
    request: &'a Admitted,
    canon: Option<Asked>,
    /// Are blocks of earlier turns back in their places?
    restored: bool,
}

/// Blocks that the client's dialect cannot carry.
pub(crate) struct Memory<'a> {
    pub(crate) natives: &'a dyn NativeBlocks,
    pub(crate) now: Timestamp,
}

impl Memory<'_> {
    async fn restore(&self, tenant: &Tenant, request: &mut Request) {
        let anchors = natives::anchors(request);
        if !anchors.is_empty() {
            let found = self.natives.find(tenant, &anchors, self.now).await;
            natives::restore(request, &found);
        }
    }
}

impl<'a> Hub<'a> {
    pub(crate) const fn new(request: &'a Admitted) -> Self {
        Self { request, canon: None, restored: false }
    }

    /// Writes the request for a deployment.
    ///
    /// # Errors
    /// The client's request is not valid, the target cannot express it, or may not in strict mode.
    pub(crate) async fn write(
        &mut self,
        to: &Deployment,
        receipt: &mut Receipt,
        memory: &Memory<'_>,
    ) -> Result<Outgoing, Fault> {
        let client = self.request.dialect;
        let target = to.provider.dialect(client, &to.upstream_model).ok_or(Code::UnsupportedCapability)?;
        let envelope = &self.request.envelope;
        if target == client && to.provider.verbatim(client) {
            let usage_added = wire::asks_for_usage(target) && envelope.stream && !envelope.include_usage;
            let body = envelope.edited(&to.upstream_model, usage_added);
            return Ok(Outgoing { target, body, usage_added, wants: None });
        }
        let asked = self.canon(to, target, memory).await?;
        let (body, lost) = to.provider.translate(asked, target)?;
        let lost = if lost.is_empty() { lost } else { wire::place(client, asked, &lost) };
        if self.request.strict && !lost.is_empty() {
            return Err(Fault::saying(
                Code::NotTranslatable,
                format!(
                    "{} cannot carry: {lost}. Remove these fields or leave out x-pathgate-strict.",
                    to.id
                ),
            ));
        }
        *receipt = lost;
        let vectors = match &self.canon {
            Some(Asked::Embed(request)) => request.format,
            _ => VectorFormat::default(),
        };
        let wants =
            Wants { vectors, custom: self.canon.as_ref().map(wire::custom_tools).unwrap_or_default() };
        Ok(Outgoing { target, body: VecDeque::from([body]), usage_added: false, wants: Some(wants) })
    }

    async fn canon(
        &mut self,
        to: &Deployment,
        target: Dialect,
        memory: &Memory<'_>,
    ) -> Result<&Asked, Fault> {
        let mut asked = match self.canon.take() {
            Some(asked) => asked,
            None => wire::read_request(self.request.dialect, &self.request.envelope.as_json()?)?,
        };
        to.upstream_model.as_ref().clone_into(asked.model_mut());
        if let Asked::Chat(request) = &mut asked {
            request.stream = self.request.envelope.stream;
            request.stream_usage = true;
            if natives::has_natives(target) && !std::mem::replace(&mut self.restored, true) {
                memory.restore(&self.request.tenant, request).await;
            }
        }
        Ok(self.canon.insert(asked))
    }
}
