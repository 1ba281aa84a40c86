//! The request in the form a deployment takes: the client's own bytes with named edits, or through canon.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::canon::{Asked, Receipt, VectorFormat};
use contract::ports::Deployment;
use contract::words::Dialect;
use contract::{Code, Fault};

use super::Admitted;

/// A request ready to be sent to one deployment.
pub(crate) struct Outgoing {
    /// The upstream's dialect.
    pub(crate) target: Dialect,
    /// Did it go through canon, so that the answer has to as well?
    pub(crate) translated: bool,
    /// The body.
    pub(crate) body: VecDeque<Bytes>,
    /// Did we ask for usage on a stream whose client did not?
    pub(crate) usage_added: bool,
    /// How the client wants vectors written, when they have to be written anew.
    pub(crate) vectors: VectorFormat,
}

/// The request in canon, read when the first deployment of another dialect needs it.
pub(crate) struct Hub<'a> {
    request: &'a Admitted,
    canon: Option<Asked>,
}

impl<'a> Hub<'a> {
    pub(crate) const fn new(request: &'a Admitted) -> Self {
        Self { request, canon: None }
    }

    /// Writes the request for a deployment.
    ///
    /// # Errors
    /// The client's request is not valid, the target cannot express it, or may not in strict mode.
    pub(crate) fn write(&mut self, to: &Deployment, receipt: &mut Receipt) -> Result<Outgoing, Fault> {
        let client = self.request.dialect;
        let target = to.provider.dialect(client, &to.upstream_model).ok_or(Code::UnsupportedCapability)?;
        let envelope = &self.request.envelope;
        if target == client && to.provider.verbatim(client) {
            let usage_added = wire::asks_for_usage(target) && envelope.stream && !envelope.include_usage;
            let body = envelope.edited(&to.upstream_model, usage_added);
            let vectors = VectorFormat::default();
            return Ok(Outgoing { target, translated: false, body, usage_added, vectors });
        }
        let (body, lost) = to.provider.translate(self.canon(&to.upstream_model)?, target)?;
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
        Ok(Outgoing { target, translated: true, body: VecDeque::from([body]), usage_added: false, vectors })
    }

    fn canon(&mut self, model: &str) -> Result<&Asked, Fault> {
        let mut asked = match self.canon.take() {
            Some(asked) => asked,
            None => wire::read_request(self.request.dialect, self.request.envelope.body())?,
        };
        model.clone_into(asked.model_mut());
        if let Asked::Chat(request) = &mut asked {
            request.stream = self.request.envelope.stream;
            request.stream_usage = true;
        }
        Ok(self.canon.insert(asked))
    }
}
