//! Our own request, reply, stream event and receipt: the hub that every dialect translates to and from.
//!
//! Canon is a superset. What one dialect alone can say travels as [`Native`] blocks and [`Extra`] fields owned
//! by that dialect; a translator that cannot carry something names it in the [`Receipt`].
//! Nothing here knows JSON field names of a provider; `wire` does.

mod embed;
mod event;
mod part;
mod receipt;
mod reply;
mod request;

pub use embed::{EmbedInput, EmbedReply, EmbedRequest, Vector, VectorFormat};
pub use event::{Event, PartStart};
pub use part::{MediaKind, MediaSource, Native, Part, PartKind, Provenance, Sensitivity, ToolResult};
pub use receipt::{Dropped, Receipt};
pub use reply::{Choice, Finish, Reply};
pub use request::{
    Effort, Extra, Message, OutputFormat, Reasoning, Request, Role, Sampling, Tool, ToolChoice,
};
