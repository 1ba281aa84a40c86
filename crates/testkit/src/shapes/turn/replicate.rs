//! A prediction and the stream of its output (replicate.com/docs/topics/predictions/streaming): text and nothing else.

use serde_json::json;

use super::{Turn, pieces};
use crate::upstream::Reply;

/// The prediction whose output is streamed at this address.
#[must_use]
pub fn prediction(stream: &str) -> Reply {
    Reply::json(
        201,
        &json!({ "id": "turn", "status": "starting", "output": null, "urls": { "get": stream, "stream": stream } }),
    )
}

/// The output of the turn.
#[must_use]
pub fn replicate(turn: &Turn) -> Reply {
    let mut frames: Vec<String> = pieces(&turn.text)
        .iter()
        .enumerate()
        .map(|(at, piece)| format!("event: output\nid: {at}:0\ndata: {piece}\n\n"))
        .collect();
    frames.push("event: done\nid: 9:0\ndata: {}\n\n".to_owned());
    Reply::sse(frames)
}
