//! An upstream account, able to make one call.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::{BoxFuture, Timeouts, Upstream, UpstreamFailure};
use crate::body::Body;
use crate::canon::{Asked, Receipt};
use crate::words::Dialect;
use crate::{Fault, ports::ModelCard};

/// One call to make. Its body is in the upstream's dialect already: the client's own bytes with named edits, or
/// what [`Provider::translate`] wrote.
pub struct Call<'a> {
    /// The dialect its body is in: one that [`Provider::dialect`] gave.
    pub dialect: Dialect,
    /// The model as the upstream knows it.
    pub model: &'a str,
    /// Is the answer to be streamed?
    pub stream: bool,
    /// The body, in pieces that are sent without joining them.
    pub body: VecDeque<Bytes>,
    /// Client headers that belong to the dialect and go with a pass-through call (`anthropic-beta`, `openai-beta`).
    pub headers: &'a HeaderMap,
    /// `traceparent` to send.
    pub traceparent: Option<&'a str>,
    /// How long each phase may take.
    pub timeouts: Timeouts,
}

/// What came back, still in the upstream's dialect.
#[derive(Debug)]
pub struct ProviderReply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

/// What can be asked of an account about a response that it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredCall {
    /// How it is now.
    Get,
    /// Stop making it.
    Cancel,
    /// Forget it.
    Delete,
}

/// One configured upstream account.
pub trait Provider: Send + Sync {
    /// The name in the configuration.
    fn name(&self) -> &str;
    /// The provider kind, such as `openai`; `gen_ai.provider.name` of the OpenTelemetry conventions is made from it.
    fn kind(&self) -> &'static str;
    /// The dialect this account answers a request of `client` in, for one of its models: the client's own where it speaks
    /// that, else the one it does the same operation best in. None: it cannot do it.
    fn dialect(&self, client: Dialect, model: &str) -> Option<Dialect>;
    /// Does it take requests of a client's in this dialect as they are, and answer as the client expects? False: it has an
    /// accent, or bodies are made anew for each account, so that both go through canon although the dialect is the same.
    fn verbatim(&self, _dialect: Dialect) -> bool {
        true
    }
    /// Outermost fields of this dialect that the account refuses or passes over: they are taken out of what goes through as it is,
    /// and named in the receipt.
    fn refuses(&self, _dialect: Dialect) -> &[&'static str] {
        &[]
    }
    /// Whose blocks (signatures, encrypted thoughts) this model of the account takes in this dialect beside the account's own:
    /// those of every account that gives the same word. None: nobody else's.
    fn family(&self, _dialect: Dialect, _model: &str) -> Option<&'static str> {
        None
    }
    /// Writes a request, whose `model` is already the upstream's name, in a dialect that [`dialect`](Self::dialect) gave;
    /// the receipt names what could not be carried.
    ///
    /// # Errors
    /// `unsupported_capability`, `invalid_request`: the request makes no sense without what cannot be carried.
    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault>;
    /// Makes the call. Dropping the future or the reply's body cancels it at the upstream.
    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>>;
    /// Can it be [asked](Self::stored) about responses that it made? Only then does it go on with one while nobody waits.
    fn keeps(&self) -> bool {
        false
    }
    /// Asks about a response that the account keeps under this id. None: it keeps none.
    fn stored<'a>(
        &'a self,
        _call: StoredCall,
        _id: &'a str,
        _upstream: &'a dyn Upstream,
    ) -> Option<BoxFuture<'a, Result<ProviderReply, UpstreamFailure>>> {
        None
    }
    /// The models this account offers right now, asked of the upstream; used for listing, not on the request path.
    fn discover<'a>(
        &'a self,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>>;
}

/// Providers are shared by the deployments that use them.
pub type SharedProvider = Arc<dyn Provider>;
