//! The request in the form a deployment takes: the client's own bytes with named edits, or through canon.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::canon::{EmbedRequest, Receipt, Request, VectorFormat};
use contract::ports::{Canon, Deployment};
use contract::words::{Dialect, Operation};
use contract::{Code, Fault};

use super::Admitted;

/// A request ready to be sent to one deployment.
pub(crate) struct Outgoing {
    /// The upstream's dialect.
    pub(crate) target: Dialect,
    /// The body.
    pub(crate) body: VecDeque<Bytes>,
    /// Did we ask for usage on a stream whose client did not?
    pub(crate) usage_added: bool,
    /// How the client wants vectors written, when they have to be written anew.
    pub(crate) format: VectorFormat,
}

/// The request in canon, read when the first deployment of another dialect needs it.
pub(crate) struct Hub<'a> {
    request: &'a Admitted,
    canon: Option<Form>,
}

enum Form {
    Chat(Box<Request>),
    Embed(Box<EmbedRequest>),
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
        let operation = self.request.dialect.operation();
        let target = to.provider.dialect(operation).ok_or(Code::UnsupportedCapability)?;
        let envelope = &self.request.envelope;
        if target == self.request.dialect {
            let usage_added = target == Dialect::OpenaiChat && envelope.stream && !envelope.include_usage;
            let body = envelope.edited(&to.upstream_model, usage_added);
            return Ok(Outgoing { target, body, usage_added, format: VectorFormat::default() });
        }
        let (body, lost) = to.provider.translate(self.canon(operation, &to.upstream_model)?)?;
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
        let format = match &self.canon {
            Some(Form::Embed(request)) => request.format,
            _ => VectorFormat::default(),
        };
        Ok(Outgoing { target, body: VecDeque::from([body]), usage_added: false, format })
    }

    fn canon(&mut self, operation: Operation, model: &str) -> Result<Canon<'_>, Fault> {
        let mut form = match self.canon.take() {
            Some(form) => form,
            None => self.read(operation)?,
        };
        match &mut form {
            Form::Chat(request) => {
                model.clone_into(&mut request.model);
                request.stream_usage = true;
            }
            Form::Embed(request) => model.clone_into(&mut request.model),
        }
        Ok(match self.canon.insert(form) {
            Form::Chat(request) => Canon::Chat(request),
            Form::Embed(request) => Canon::Embed(request),
        })
    }

    fn read(&self, operation: Operation) -> Result<Form, Fault> {
        let (dialect, body) = (self.request.dialect, self.request.envelope.body());
        Ok(match operation {
            Operation::Chat => Form::Chat(Box::new(wire::read_chat(dialect, body)?)),
            Operation::Embeddings => Form::Embed(Box::new(wire::read_embed(dialect, body)?)),
        })
    }
}
