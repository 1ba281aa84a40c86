//! Our own request, reply, stream event and receipt: the hub that every dialect translates to and from.
//!
//! Canon is a superset. What one dialect alone can say travels as [`Native`] blocks and [`Extra`] fields owned
//! by that dialect; a translator that cannot carry something names it in the [`Receipt`].
//! Nothing here knows JSON field names of a provider; `wire` does.

mod asked;
mod count;
mod embed;
mod event;
mod image;
mod part;
mod predict;
mod receipt;
mod reply;
mod request;
mod rerank;

pub use asked::{Answered, Asked};
pub use count::CountReply;
pub use embed::{EmbedInput, EmbedReply, EmbedRequest, EmbedTask, Vector, VectorFormat};
pub use event::{Event, PartStart};
pub use image::{ImageReply, ImageRequest, Picture};
pub use part::{
    CacheHint, Citation, MediaKind, MediaSource, Native, Part, PartKind, Provenance, Sensitivity, ServerCall,
    ServerResult, ServerTool, ToolResult,
};
pub use predict::{Predicted, Prediction};
pub use receipt::{Dropped, Receipt};
pub use reply::{Alternative, Choice, Finish, Reply, TokenLogprob};
pub use request::{
    Effort, Extra, Message, Modality, OutputFormat, Reasoning, Request, Role, Sampling, Tool, ToolChoice,
    Verbosity, Voice,
};
pub use rerank::{Ranked, RankedDocument, RerankReply, RerankRequest};
