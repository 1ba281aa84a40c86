//! What a conversation's request can say: one case for each word of canon that is worth a row. [`content`], [`tools`] and
//! [`settings`] hold them; what they are made of is here.

mod content;
mod settings;
mod tools;

use std::fmt::Debug;

use anyhow::{Context, Result, bail};
use contract::canon::{Asked, Message, Part, PartKind, Provenance, Request, Role};
use contract::words::Dialect;
use serde_json::Value;

type Case = crate::judge::Case<Request>;

/// All rows, in the order of the page.
pub(crate) fn cases() -> Result<Vec<Case>> {
    let mut cases = content::cases()?;
    cases.extend(tools::cases()?);
    cases.extend(settings::cases()?);
    Ok(cases)
}

/// A question that every dialect can ask.
pub(crate) fn base(model: &str) -> Request {
    Request {
        model: model.to_owned(),
        messages: vec![said(Role::User, "What is it?")],
        max_output: Some(4000),
        ..Request::default()
    }
}

/// A message of one text.
fn said(role: Role, text: &str) -> Message {
    let provenance = match role {
        Role::System | Role::Developer => Provenance::System,
        Role::Assistant => Provenance::Model,
        _ => Provenance::User,
    };
    Message::new(role, vec![Part::text(text, provenance)])
}

/// What a dialect's own client would send, in canon.
fn read(dialect: Dialect, body: &Value) -> Result<Request> {
    match wire::read_request(dialect, body.to_string().as_bytes()) {
        Ok(Asked::Chat(request)) => Ok(*request),
        Ok(_) => bail!("{dialect} is no dialect of conversations"),
        Err(fault) => Err(anyhow::anyhow!("{fault:?}")).with_context(|| format!("a request of {dialect}")),
    }
}

/// All parts of all messages, those within tool results included.
fn parts(request: &Request) -> impl Iterator<Item = &Part> {
    request.messages.iter().flat_map(|message| &message.parts).flat_map(|part| {
        let within = match &part.kind {
            PartKind::ToolResult(result) => result.parts.as_slice(),
            _ => &[],
        };
        std::iter::once(part).chain(within)
    })
}

/// What some of the parts are found to be.
fn found<'a, T: Debug + 'a>(request: &'a Request, pick: impl Fn(&'a Part) -> Option<T>) -> String {
    text(&parts(request).filter_map(pick).collect::<Vec<_>>())
}

/// The texts of a role's messages.
fn texts(request: &Request, role: Role) -> String {
    let messages = request.messages.iter().filter(|message| message.role == role);
    let texts = messages.flat_map(|message| &message.parts).filter_map(|part| match &part.kind {
        PartKind::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// Something to compare by.
fn text(it: &impl Debug) -> String {
    format!("{it:?}")
}
