//! Blocks that only their provider understands, across a conversation in another dialect: what an answer held is remembered,
//! and put back into the message when the client sends it again.
//!
//! A message is found again by the ids of its calls, or by its text when it makes none. What the client sends is what counts:
//! its texts and calls stay, with their sidecars restored; thoughts and blocks it could not have sent come back in their
//! places. Where they are kept is a port's business ([`contract::ports::NativeBlocks`]).

use std::collections::HashMap;

use bytes::Bytes;
use contract::canon::{Choice, Message, Part, PartKind, Request, Role};
use contract::ports::Anchor;
use contract::words::Dialect;
use sha2::{Digest, Sha256};

/// The most bytes of a message that are kept. Thoughts are large, but not endless.
const MOST: usize = 2 << 20;

/// A message worth remembering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// What it is found by.
    pub anchors: Vec<Anchor>,
    /// The message.
    pub body: Bytes,
}

/// Do answers in this dialect hold blocks that must come back?
#[must_use]
pub const fn has_natives(dialect: Dialect) -> bool {
    matches!(
        dialect,
        Dialect::AnthropicMessages
            | Dialect::GeminiGenerate
            | Dialect::OpenaiResponses
            | Dialect::BedrockConverse
            | Dialect::OpenaiChat
    )
}

/// What of an answer its client cannot send back; none when there is nothing of that kind.
#[must_use]
pub fn remember(choice: &Choice) -> Option<Remembered> {
    choice.parts.iter().any(|part| part.native.is_some() || is_hidden(part)).then_some(())?;
    let anchors = anchors_of(&choice.parts);
    let body = serde_json::to_vec(&choice.parts).ok().filter(|body| body.len() <= MOST)?;
    (!anchors.is_empty()).then(|| Remembered { anchors, body: body.into() })
}

/// What the messages of a model in a request are found by.
#[must_use]
pub fn anchors(request: &Request) -> Vec<Anchor> {
    let said = request.messages.iter().filter(|message| message.role == Role::Assistant);
    said.flat_map(|message| anchors_of(&message.parts)).collect()
}

/// Puts back what was remembered, for a target of this dialect. Bodies that cannot be read are passed over.
pub fn restore(request: &mut Request, found: &[(Anchor, Bytes)], target: Dialect) {
    let found: HashMap<&Anchor, &Bytes> = found.iter().map(|(anchor, body)| (anchor, body)).collect();
    for message in request.messages.iter_mut().filter(|message| message.role == Role::Assistant) {
        let body = anchors_of(&message.parts).iter().find_map(|anchor| found.get(anchor).copied());
        let kept = body.and_then(|body| serde_json::from_slice::<Vec<Part>>(body).ok());
        if let Some(kept) = kept {
            put_back(message, kept, target);
        }
    }
}

fn put_back(message: &mut Message, kept: Vec<Part>, target: Dialect) {
    let mut sent: Vec<Option<Part>> = std::mem::take(&mut message.parts).into_iter().map(Some).collect();
    for part in kept {
        if is_hidden(&part) {
            // A client that shows thoughts sends them back without what makes them valid.
            if let PartKind::Reasoning(text) = &part.kind {
                let same =
                    |sent: &Part| matches!(&sent.kind, PartKind::Reasoning(thought) if thought == text);
                take(&mut sent, same);
            }
            message.parts.push(part);
            continue;
        }
        let same = |sent: &Part| match (&sent.kind, &part.kind) {
            (PartKind::ToolCall { id, .. }, PartKind::ToolCall { id: kept, .. }) => id == kept,
            (PartKind::Text(text), PartKind::Text(kept)) => text == kept,
            _ => false,
        };
        if let Some(mut again) = take(&mut sent, same) {
            // What stands beside it in the client's dialect says nothing to the target, what the target wrote does.
            let native = part.native;
            if again.native.is_none() || native.as_ref().is_some_and(|native| native.owner == target) {
                again.native = native;
            }
            message.parts.push(again);
        }
    }
    // Texts that the client has joined, or changed, stand where they can: before the calls.
    let rest: Vec<Part> = sent.into_iter().flatten().collect();
    let calls = message.parts.iter().position(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    let at = calls.unwrap_or(message.parts.len());
    message.parts.splice(at..at, rest);
}

/// The first part that is meant, taken out.
fn take(parts: &mut [Option<Part>], is_meant: impl Fn(&Part) -> bool) -> Option<Part> {
    parts.iter_mut().find(|part| part.as_ref().is_some_and(&is_meant)).and_then(Option::take)
}

/// Can a client of another dialect not send it back?
const fn is_hidden(part: &Part) -> bool {
    matches!(
        part.kind,
        PartKind::Reasoning(_) | PartKind::Native | PartKind::ServerCall(_) | PartKind::ServerResult(_)
    )
}

/// The ids of the calls; the text where there are none.
fn anchors_of(parts: &[Part]) -> Vec<Anchor> {
    let calls: Vec<Anchor> = parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::ToolCall { id, .. } => Some(anchor(b"call", [id.as_str()].into_iter())),
            _ => None,
        })
        .collect();
    if !calls.is_empty() {
        return calls;
    }
    let texts = || {
        parts.iter().filter_map(|part| match &part.kind {
            PartKind::Text(text) => Some(text.as_str()),
            _ => None,
        })
    };
    if texts().all(|text| text.trim().is_empty()) {
        return Vec::new();
    }
    vec![anchor(b"text", texts())]
}

fn anchor<'a>(kind: &[u8], texts: impl Iterator<Item = &'a str>) -> Anchor {
    let mut hash = Sha256::new_with_prefix(kind);
    // Clients join texts and trim them: blanks do not count.
    for word in texts.flat_map(str::split_whitespace) {
        hash.update(word.as_bytes());
    }
    let mut anchor = Anchor::default();
    anchor.copy_from_slice(&hash.finalize()[..16]);
    anchor
}

#[cfg(test)]
mod tests {
    use contract::canon::Provenance;
    use serde_json::json;

    use super::*;

    fn thought(text: &str, signature: &str) -> Part {
        Part::new(PartKind::Reasoning(text.to_owned()), Provenance::Model)
            .with_native(Dialect::AnthropicMessages, json!({"signature": signature}))
    }

    fn text(text: &str) -> Part {
        Part::text(text, Provenance::Model)
    }

    fn call(id: &str) -> Part {
        let (id, name, arguments) = (id.to_owned(), "f".to_owned(), "{}".to_owned());
        Part::new(PartKind::ToolCall { id, name, arguments, custom: false }, Provenance::Model)
    }

    fn again(answer: Vec<Part>, sent: Vec<Part>) -> Vec<Part> {
        let kept = remember(&Choice { parts: answer, ..Choice::default() }).unwrap();
        let mut request =
            Request { messages: vec![Message::new(Role::Assistant, sent)], ..Request::default() };
        let wanted = anchors(&request);
        let found: Vec<(Anchor, Bytes)> = wanted
            .into_iter()
            .filter(|anchor| kept.anchors.contains(anchor))
            .map(|anchor| (anchor, kept.body.clone()))
            .collect();
        restore(&mut request, &found, Dialect::GeminiGenerate);
        request.messages.remove(0).parts
    }

    #[test]
    fn thoughts_come_back_before_the_call_they_led_to() {
        let answer = vec![thought("hm", "sig"), text("let me see"), call("c1"), call("c2")];
        let sent = vec![text("let me see"), call("c1"), call("c2")];
        assert_eq!(again(answer.clone(), sent), answer);
        assert_eq!(
            again(answer, vec![call("c1"), call("c2")]),
            [thought("hm", "sig"), call("c1"), call("c2")]
        );
    }

    #[test]
    fn thoughts_that_the_client_sends_bare_are_replaced_by_the_signed_ones() {
        let bare = Part::new(PartKind::Reasoning("hm".to_owned()), Provenance::Model);
        let answer = vec![thought("hm", "sig"), text("yes")];
        assert_eq!(again(answer.clone(), vec![bare, text("yes")]), answer);
    }

    #[test]
    fn a_text_is_found_however_it_is_cut_or_trimmed() {
        let answer = vec![thought("hm", "sig"), text("yes, "), text("indeed")];
        assert_eq!(again(answer, vec![text("yes, indeed\n")]), [thought("hm", "sig"), text("yes, indeed\n")]);
    }

    #[test]
    fn what_the_client_changed_stays_changed() {
        let answer = vec![thought("hm", "sig"), text("a secret"), call("c1")];
        assert_eq!(
            again(answer, vec![text("[gone]"), call("c1")]),
            [thought("hm", "sig"), text("[gone]"), call("c1")]
        );
    }

    #[test]
    fn sidecars_of_what_the_client_does_send_are_restored() {
        let signed = call("c1").with_native(Dialect::GeminiGenerate, json!({"thoughtSignature": "s"}));
        let expected = std::slice::from_ref(&signed);
        assert_eq!(again(vec![signed.clone()], vec![call("c1")]), expected);
        // A client whose own dialect has sidecars: the target's counts.
        let own = call("c1").with_native(Dialect::OpenaiResponses, json!({"item": {}}));
        assert_eq!(again(vec![signed.clone()], vec![own]), [signed]);
        let other = call("c1").with_native(Dialect::BedrockConverse, json!({"x": 1}));
        let own = call("c1").with_native(Dialect::OpenaiResponses, json!({"item": {}}));
        assert_eq!(again(vec![other], vec![own.clone()]), [own]);
    }

    #[test]
    fn plain_answers_are_not_kept() {
        assert_eq!(remember(&Choice { parts: vec![text("a"), call("c")], ..Choice::default() }), None);
        assert_eq!(remember(&Choice { parts: vec![thought("a", "b")], ..Choice::default() }), None);
    }
}
