//! A description in, pictures out; with pictures in, they are changed.

use super::{Extra, MediaSource};
use crate::words::Usage;

/// A request for pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageRequest {
    /// The model as the target is to read it.
    pub model: String,
    /// What is to be seen.
    pub prompt: String,
    /// Pictures to be changed or drawn upon, in the client's order.
    pub inputs: Vec<MediaSource>,
    /// How many are wanted.
    pub n: Option<u64>,
    /// Width and height in pixels.
    pub size: Option<(u64, u64)>,
    /// The media type they are wanted in, such as `image/png`.
    pub media_type: Option<String>,
    /// Are addresses wanted instead of the pictures themselves? None: the client does not say.
    pub as_urls: Option<bool>,
    /// The end user, as the app names them.
    pub user: Option<String>,
    /// Fields canon has no word for.
    pub extra: Extra,
}

/// Pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageReply {
    /// The model that says it answered.
    pub model: String,
    /// Unix seconds, where the upstream tells.
    pub created: Option<i64>,
    /// The pictures in order.
    pub images: Vec<Picture>,
    /// What it consumed.
    pub usage: Option<Usage>,
    /// Fields of the upstream's dialect that canon has no word for.
    pub extra: Extra,
}

/// One picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Where it is.
    pub source: MediaSource,
    /// What was really drawn, where the upstream changed the description.
    pub revised_prompt: Option<String>,
    /// Fields of the upstream's dialect that canon has no word for.
    pub extra: Extra,
}
