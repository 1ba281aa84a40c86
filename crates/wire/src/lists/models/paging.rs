//! Which part of a list of models is asked for, in each dialect's own words. Without any all models are on one page, as clients
//! that know of no pages need it; none is longer than [`MOST`], where a dialect has pages.
//!
//! Anthropic (docs.claude.com/en/api/models-list): `limit`, `after_id`, `before_id`. Google (ai.google.dev/api/models, "models.list"):
//! `pageSize`, of which more than 1,000 is 1,000, and `pageToken`. Cohere (docs.cohere.com/reference/list-models): `page_size`,
//! `page_token`, `endpoint`. Others have no pages.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use contract::ports::ModelCard;
use contract::words::{Dialect, Operation};
use contract::{Code, Fault};

use crate::fields::wrong;
use crate::lists::query::pairs;
use crate::shape::Shape;

/// The most models on one page.
const MOST: usize = 1_000;

/// A part of a list.
pub(super) struct Part<'a> {
    pub(super) cards: Cow<'a, [Arc<ModelCard>]>,
    /// Are there more in the direction that was asked for?
    pub(super) more: bool,
}

impl<'a> Part<'a> {
    /// All of it.
    pub(super) const fn all(cards: &'a [Arc<ModelCard>]) -> Self {
        Self { cards: Cow::Borrowed(cards), more: false }
    }

    /// The part that the query of a URL asks for.
    pub(super) fn of(
        dialect: Dialect,
        cards: &'a [Arc<ModelCard>],
        query: Option<&str>,
    ) -> Result<Self, Fault> {
        let asked: Vec<(Cow<'_, str>, Cow<'_, str>)> = pairs(query).collect();
        let find = |name: &str| asked.iter().rfind(|(is, _)| is == name).map(|(_, value)| &**value);
        match Shape::of(dialect) {
            Shape::Anthropic => anthropic(cards, &find),
            Shape::Google => {
                tokens(cards.into(), size("pageSize", find("pageSize"), 0)?, ("pageToken", find("pageToken")))
            }
            Shape::Cohere => {
                let size = size("page_size", find("page_size"), 1)?;
                tokens(offering(cards, find("endpoint"))?, size, ("page_token", find("page_token")))
            }
            Shape::Openai | Shape::Ollama | Shape::Aws | Shape::Kserve => Ok(Self::all(cards)),
        }
    }

    /// What asks for the page behind this one.
    pub(super) fn next(&self) -> Option<String> {
        let last = self.cards.last().filter(|_| self.more)?;
        Some(BASE64_URL_SAFE_NO_PAD.encode(&*last.name))
    }
}

fn anthropic<'a, 'q>(
    cards: &'a [Arc<ModelCard>],
    find: &dyn Fn(&str) -> Option<&'q str>,
) -> Result<Part<'a>, Fault> {
    let limit = match find("limit") {
        None => MOST,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=MOST).contains(limit))
            .ok_or_else(|| wrong("limit", "a number from 1 to 1000"))?,
    };
    let (from, to) = match (find("after_id"), find("before_id")) {
        (Some(_), Some(_)) => {
            let message = "Only one of 'after_id' and 'before_id' can be sent.";
            return Err(Fault::saying(Code::InvalidRequest, message).at("before_id"));
        }
        (Some(id), None) => (place(cards, "after_id", id)? + 1, cards.len()),
        (None, Some(id)) => {
            let to = place(cards, "before_id", id)?;
            let from = to.saturating_sub(limit);
            let cards = Cow::Borrowed(cards.get(from..to).unwrap_or_default());
            return Ok(Part { cards, more: from > 0 });
        }
        (None, None) => (0, cards.len()),
    };
    Ok(first(Cow::Borrowed(cards.get(from..to).unwrap_or_default()), limit))
}

/// Where a model stands in the list.
fn place(cards: &[Arc<ModelCard>], field: &str, id: &str) -> Result<usize, Fault> {
    let found = cards.iter().position(|card| card.name == id);
    found.ok_or_else(|| wrong(field, "the id of a model in this list"))
}

/// How many are asked for. `least`: the least that can be.
fn size(field: &str, text: Option<&str>, least: usize) -> Result<usize, Fault> {
    let Some(text) = text else { return Ok(MOST) };
    let size: Option<usize> = text.parse().ok();
    match size.filter(|size| *size >= least) {
        // Google's word for "as many as is usual".
        Some(0) => Ok(MOST),
        Some(size) => Ok(size.min(MOST)),
        None => Err(wrong(field, "a positive number")),
    }
}

/// Those from the token on.
fn tokens<'a>(
    cards: Cow<'a, [Arc<ModelCard>]>,
    size: usize,
    (field, token): (&str, Option<&str>),
) -> Result<Part<'a>, Fault> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(first(cards, size)) };
    let last = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
    let from = last.and_then(|last| cards.iter().position(|card| card.name.as_bytes() == last));
    let from = from.ok_or_else(|| wrong(field, "a token of the page before"))? + 1;
    let rest = match cards {
        Cow::Borrowed(cards) => Cow::Borrowed(cards.get(from..).unwrap_or_default()),
        Cow::Owned(mut cards) => Cow::Owned(cards.split_off(from)),
    };
    Ok(first(rest, size))
}

fn first(cards: Cow<'_, [Arc<ModelCard>]>, limit: usize) -> Part<'_> {
    let more = cards.len() > limit;
    let cards = match cards {
        Cow::Borrowed(cards) => Cow::Borrowed(cards.get(..limit).unwrap_or(cards)),
        Cow::Owned(mut cards) => {
            cards.truncate(limit);
            Cow::Owned(cards)
        }
    };
    Part { cards, more }
}

/// Those that do what one of Cohere's paths is for.
fn offering<'a>(
    cards: &'a [Arc<ModelCard>],
    endpoint: Option<&str>,
) -> Result<Cow<'a, [Arc<ModelCard>]>, Fault> {
    let wanted = match endpoint {
        None => return Ok(cards.into()),
        Some("chat" | "generate" | "summarize") => Some(Operation::Chat),
        Some("embed") => Some(Operation::Embeddings),
        Some("rerank") => Some(Operation::Rerank),
        Some("classify" | "rate") => None,
        Some(_) => {
            return Err(wrong("endpoint", "chat, embed, classify, summarize, rerank, rate or generate"));
        }
    };
    let does = |card: &&Arc<ModelCard>| {
        let unknown = card.operations.is_empty() && wanted == Some(Operation::Chat);
        unknown || wanted.is_some_and(|wanted| card.operations.contains(&wanted))
    };
    Ok(cards.iter().filter(does).map(Arc::clone).collect())
}
