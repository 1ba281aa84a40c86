//! `embed`: vectors from hashed words. The same text always gives the same vector, of length 1.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contract::ports::ProviderReply;
use serde::Deserialize;
use serde_json::{Value, json};
use wire::fnv1a;

use super::{Refusal, quirks, whole, words};

#[derive(Deserialize)]
struct Asked {
    input: Input,
    dimensions: Option<usize>,
    encoding_format: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    Lists(Vec<Vec<u32>>),
}

impl Input {
    /// Tokens are taken for words.
    fn texts(self) -> Vec<String> {
        let spelled = |tokens: Vec<u32>| tokens.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        match self {
            Self::Text(text) => vec![text],
            Self::Texts(texts) => texts,
            Self::Tokens(tokens) => vec![spelled(tokens)],
            Self::Lists(lists) => lists.into_iter().map(spelled).collect(),
        }
    }
}

pub(super) fn answer(body: &[u8]) -> Result<ProviderReply, Refusal> {
    let asked: Asked = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad(format!("Not an embeddings request: {error}")))?;
    let length = asked.dimensions.unwrap_or(quirks::DIMENSIONS);
    if !(1..=quirks::MOST_DIMENSIONS).contains(&length) {
        return Err(Refusal::bad(format!("'dimensions' must be 1 to {}.", quirks::MOST_DIMENSIONS)));
    }
    let base64 = asked.encoding_format.as_deref() == Some("base64");
    let texts = asked.input.texts();
    let count: usize = texts.iter().map(|text| words(text)).sum();
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = vector(text, length);
            let embedding = if base64 { json!(encoded(&vector)) } else { json!(vector) };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    let usage = json!({ "prompt_tokens": count, "total_tokens": count });
    Ok(whole(&json!({ "object": "list", "data": data, "model": quirks::EMBED, "usage": usage })))
}

/// Each word moves a few places up or down; so texts that share words point the same way.
pub(super) fn vector(text: &str, length: usize) -> Vec<f32> {
    let mut sum = vec![0_f32; length];
    for word in text.split_whitespace() {
        let mut state = fnv1a(0, word.to_lowercase().as_bytes());
        for _ in 0..4 {
            state = mixed(state);
            let place = usize::try_from(state >> 1).unwrap_or_default() % length;
            sum[place] += if state & 1 == 0 { 1.0 } else { -1.0 };
        }
    }
    let size = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    if size > 0.0 {
        sum.iter_mut().for_each(|value| *value /= size);
    } else {
        sum[0] = 1.0;
    }
    sum
}

fn encoded(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

/// One step of SplitMix64.
fn mixed(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}
