//! Words of the contract as they stand in the OpenAPI document. A word the contract gains does not compile until it is here.

use contract::ports::{CostKind, KeySource, Outcome};
use contract::words::{Operation, Scope, UsageSource};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident of $source:ident { $($word:ident,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
            #[serde(rename_all = "snake_case")]
            #[schema(as = $source)]
            pub(crate) enum $name { $($word,)* }

            impl From<$source> for $name {
                fn from(word: $source) -> Self {
                    match word { $($source::$word => Self::$word,)* }
                }
            }

            impl From<$name> for $source {
                fn from(word: $name) -> Self {
                    match word { $($name::$word => Self::$word,)* }
                }
            }
        )*
    };
}

words! {
    /// What a key may be used for: calls to models, reading through the admin API, changing things through it.
    ScopeWord of Scope { Inference, AdminRead, AdminWrite, }
    /// Where a key is defined: the configuration file (read-only here) or the database.
    SourceWord of KeySource { File, Store, }
    /// How it ended: answered in full, refused before any attempt, failed, the client went away, or the answer broke off
    /// after it had begun.
    OutcomeWord of Outcome { Answered, Refused, Failed, ClientGone, Interrupted, Cancelled, }
    /// How sure a cost is: reported usage at a known price, estimated usage at a known price, no price known (the cost is
    /// null), nothing consumed.
    CostWord of CostKind { Exact, Estimated, UnknownPrice, Nothing, }
    /// Where the token counts come from: nothing known, the provider, or counted here.
    UsageWord of UsageSource { None, Reported, Estimated, }
    /// What a model is asked to do.
    OperationWord of Operation {
        Chat, Embeddings, Rerank, CountTokens, Images, Speech, Transcription, Moderation, Predict,
    }
}
