//! Facts about the demo provider.

use wire::Quirks;

pub(super) const KIND: &str = "demo";

/// Repeats what it is told.
pub(super) const ECHO: &str = "echo";

/// Turns texts into vectors.
pub(super) const EMBED: &str = "embed";

/// Length of a vector unless the request sets `dimensions`, and the greatest it may set.
pub(super) const DIMENSIONS: usize = 64;
pub(super) const MOST_DIMENSIONS: usize = 4096;

/// It reads the old name too, as every server of the dialect does.
pub(super) const QUIRKS: Quirks = Quirks::NONE;
