//! What a provider kind is, as data.

use contract::ports::ModelCard;
use contract::words::{Dialect, Operation};
use wire::Quirks;

/// A provider kind that speaks HTTP.
pub(crate) struct Profile {
    /// The name in configuration, logs and metrics.
    pub(crate) kind: &'static str,
    /// Where it is reached when the configuration does not say.
    pub(crate) base_url: Option<&'static str>,
    /// Must there be a credential?
    pub(crate) needs_key: bool,
    /// The header the credential goes in.
    pub(crate) auth: Auth,
    /// Headers of every call. A client's own value of the same header wins if it is in `forwards`.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// Client headers that belong to the dialect and go along when client and upstream speak the same one.
    pub(crate) forwards: &'static [&'static str],
    /// What it can do, in which dialect, at which path.
    pub(crate) surfaces: &'static [Surface],
    /// Where its models are listed.
    pub(crate) list: List,
    /// What differs from the dialect's inventor.
    pub(crate) quirks: Quirks,
}

/// The header a credential goes in.
pub(crate) enum Auth {
    /// `authorization: Bearer …`
    Bearer,
    /// The bare key in a header of this name.
    Header(&'static str),
}

/// One operation of a kind.
pub(crate) struct Surface {
    pub(crate) operation: Operation,
    pub(crate) dialect: Dialect,
    pub(crate) path: Path,
}

/// The path of an operation below the base URL.
pub(crate) enum Path {
    /// The same for every model.
    Fixed(&'static str),
    /// The model's name stands in it: `before` + name + `whole` or `stream`.
    Model { before: &'static str, whole: &'static str, stream: &'static str },
}

/// Where a kind lists its models.
pub(crate) struct List {
    /// The path below the base URL.
    pub(crate) path: &'static str,
    /// Reads the answer; none when it makes no sense.
    pub(crate) read: fn(&[u8]) -> Option<Vec<ModelCard>>,
}
