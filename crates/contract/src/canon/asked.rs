//! What a client asks for and what a model answers, whatever the operation.

use super::{
    CountReply, EmbedReply, EmbedRequest, ImageReply, ImageRequest, Predicted, Prediction, Reply, Request,
    RerankReply, RerankRequest,
};
use crate::words::Usage;

/// A request in canon.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// A conversation.
    Chat(Box<Request>),
    /// Texts to be embedded.
    Embed(Box<EmbedRequest>),
    /// Documents to be ordered.
    Rerank(Box<RerankRequest>),
    /// A conversation whose tokens are to be counted.
    Count(Box<Request>),
    /// Anything, for a model that predicts.
    Predict(Box<Prediction>),
    /// Pictures to be made.
    Image(Box<ImageRequest>),
}

impl Asked {
    /// The model, as the target is to read it.
    pub const fn model_mut(&mut self) -> &mut String {
        match self {
            Self::Chat(request) | Self::Count(request) => &mut request.model,
            Self::Embed(request) => &mut request.model,
            Self::Rerank(request) => &mut request.model,
            Self::Predict(request) => &mut request.model,
            Self::Image(request) => &mut request.model,
        }
    }
}

/// A whole answer in canon.
#[derive(Clone, Debug, PartialEq)]
pub enum Answered {
    /// A message.
    Chat(Box<Reply>),
    /// Vectors.
    Embed(Box<EmbedReply>),
    /// Documents in order.
    Rerank(Box<RerankReply>),
    /// The tokens of the input.
    Count(Box<CountReply>),
    /// A prediction.
    Predict(Box<Predicted>),
    /// Pictures.
    Image(Box<ImageReply>),
}

impl Answered {
    /// What it consumed; none when the upstream did not say.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Self::Chat(reply) => reply.usage,
            Self::Embed(reply) => reply.usage,
            Self::Rerank(reply) => reply.usage,
            Self::Image(reply) => reply.usage,
            // Counting consumes nothing.
            Self::Count(_) => Some(Usage::default()),
            Self::Predict(reply) => reply.usage,
        }
    }

    /// Where the usage stands; none where there is none to be told.
    pub const fn usage_mut(&mut self) -> Option<&mut Option<Usage>> {
        match self {
            Self::Chat(reply) => Some(&mut reply.usage),
            Self::Embed(reply) => Some(&mut reply.usage),
            Self::Rerank(reply) => Some(&mut reply.usage),
            Self::Image(reply) => Some(&mut reply.usage),
            Self::Predict(reply) => Some(&mut reply.usage),
            Self::Count(_) => None,
        }
    }

    /// The model that says it answered; none where no model did.
    pub const fn model_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Chat(reply) => Some(&mut reply.model),
            Self::Embed(reply) => Some(&mut reply.model),
            Self::Rerank(reply) => Some(&mut reply.model),
            Self::Predict(reply) => Some(&mut reply.model),
            Self::Image(reply) => Some(&mut reply.model),
            Self::Count(_) => None,
        }
    }
}
