//! What the messages of a model are found again by: hashes over the conversation that led to them. It keeps nothing.
//!
//! One pass over a conversation. Messages of one side that follow each other count as one, however they are cut; white space
//! does not count, nor do thoughts and sidecars, which clients drop. Calls count by name and arguments, in whatever order
//! their members stand.

use std::ops::RangeInclusive;

use contract::canon::{MediaSource, Message, Part, PartKind, Request, Role, ToolResult};
use contract::ports::Anchor;
use memchr::memmem;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The most messages of a conversation that are looked for: the newest.
const MOST_MESSAGES: usize = 256;

/// What agents put between what their user says, anew at each turn.
const REMINDER: (&str, &str) = ("<system-reminder>", "</system-reminder>");

// Marks within what is hashed: bytes that no text holds.
const RESULT: &[u8] = b"\xff\x01";
const MEDIUM: &[u8] = b"\xff\x02";
const CALL: &[u8] = b"\xff\x03";
const TEXT: &[u8] = b"\xff\x04";
const SYSTEM: &[u8] = b"\xff\x05";
const ASKED: &[u8] = b"\xff\x06";
const SAID: &[u8] = b"\xff\x07";
const SINCE: &[u8] = b"\xff\x08";

type Hash = [u8; 32];

/// What a message of the model is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Which message of the request.
    pub message: usize,
    /// Its anchors, the surest first.
    pub anchors: Vec<Anchor>,
}

/// A conversation so far.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// Everything, with what the operator says.
    whole: Hash,
    /// The last question and everything since; none before there is one.
    since: Option<Hash>,
    /// Does what came since hold an id that is nowhere else?
    unique: bool,
    asked: Option<Asked>,
    said: Option<Said>,
}

/// What the model was told since it last spoke.
#[derive(Clone, Debug, Default)]
struct Asked {
    all: Sha256,
    /// The same without reminders, once there is one.
    lasting: Option<Sha256>,
    /// Does a person say something here, beside results of tools?
    question: bool,
    result: bool,
}

/// What the model said last.
#[derive(Clone, Debug, Default)]
struct Said {
    texts: Sha256,
    calls: Sha256,
    ids: Sha256,
    any: bool,
    unique: bool,
}

impl Trail {
    /// Follows a conversation as its client sent it, and gives what the model's messages in it are found by, newest first.
    #[must_use]
    pub fn of(request: &Request) -> (Self, Vec<Spot>) {
        let mut trail = Self::default();
        let said = request.messages.iter().filter(|message| message.role == Role::Assistant).count();
        let mut skipped = said.saturating_sub(MOST_MESSAGES);
        let mut spots = Vec::with_capacity(said - skipped);
        for (at, message) in request.messages.iter().enumerate() {
            trail.add(message);
            if message.role == Role::Assistant {
                if skipped > 0 {
                    skipped -= 1;
                } else {
                    spots.push(Spot { message: at, anchors: trail.anchors() });
                }
            }
        }
        spots.retain(|spot| !spot.anchors.is_empty());
        spots.reverse();
        (trail, spots)
    }

    /// What an answer to this conversation will be found by.
    #[must_use]
    pub fn answered(&self, parts: &[Part]) -> Vec<Anchor> {
        let mut trail = self.clone();
        trail.say(parts);
        trail.anchors()
    }

    fn add(&mut self, message: &Message) {
        match message.role {
            Role::Assistant => self.say(&message.parts),
            Role::System | Role::Developer => {
                let mut hash = Sha256::new();
                texts(&message.parts).for_each(|text| words(&mut hash, text));
                self.whole = joined(SYSTEM, &[&self.whole, &hash.finalize().into()]);
            }
            Role::User | Role::Tool => {
                self.end_said();
                let asked = self.asked.get_or_insert_default();
                message.parts.iter().for_each(|part| asked.part(part));
            }
        }
    }

    fn say(&mut self, parts: &[Part]) {
        self.end_asked();
        let said = self.said.get_or_insert_default();
        parts.iter().for_each(|part| said.part(part));
    }

    fn end_asked(&mut self) {
        let Some(asked) = self.asked.take() else { return };
        let all: Hash = asked.all.finalize().into();
        self.whole = joined(ASKED, &[&self.whole, &all]);
        let lasting = asked.lasting.map_or(all, |lasting| lasting.finalize().into());
        if asked.question {
            self.since = Some(joined(SINCE, &[&lasting]));
            self.unique = false;
        } else if asked.result
            && let Some(since) = &mut self.since
        {
            *since = joined(ASKED, &[since, &lasting]);
        }
    }

    fn end_said(&mut self) {
        let Some(said) = self.said.take() else { return };
        let [texts, calls, ids] = said.hashes();
        self.whole = joined(SAID, &[&self.whole, &texts, &calls]);
        self.unique |= said.unique;
        if let Some(since) = &mut self.since {
            *since = joined(SAID, &[since, &texts, &calls, &ids]);
        }
    }

    /// The anchors of what the model said last; none when that is nothing.
    fn anchors(&self) -> Vec<Anchor> {
        let Some(said) = self.said.as_ref().filter(|said| said.any) else { return Vec::new() };
        let [texts, calls, ids] = said.hashes();
        let mut anchors = vec![anchor(&joined(SAID, &[&self.whole, &texts, &calls]))];
        if let Some(since) = self.since.as_ref().filter(|_| self.unique || said.unique) {
            anchors.push(anchor(&joined(SAID, &[since, &texts, &calls, &ids])));
        }
        anchors
    }
}

impl Asked {
    fn part(&mut self, part: &Part) {
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => self.text(text),
            PartKind::Media { source, .. } => {
                self.question = true;
                self.both(|hash| medium(hash, source));
            }
            PartKind::ToolResult(result) => {
                self.result = true;
                if texts(&result.parts).any(|text| without_reminders(text).is_some()) {
                    let lasting = self.lasting.get_or_insert_with(|| self.all.clone());
                    output(lasting, result, true);
                    output(&mut self.all, result, false);
                } else {
                    self.both(|hash| output(hash, result, false));
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        let Some(lasting) = without_reminders(text) else {
            self.question |= !text.trim_start().is_empty();
            return self.both(|hash| words(hash, text));
        };
        let hash = self.lasting.get_or_insert_with(|| self.all.clone());
        for piece in lasting {
            self.question |= !piece.trim_start().is_empty();
            words(hash, piece);
        }
        words(&mut self.all, text);
    }

    fn both(&mut self, add: impl Fn(&mut Sha256)) {
        add(&mut self.all);
        if let Some(lasting) = &mut self.lasting {
            add(lasting);
        }
    }
}

impl Said {
    fn part(&mut self, part: &Part) {
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => {
                self.any |= !text.trim_start().is_empty();
                words(&mut self.texts, text);
            }
            PartKind::ToolCall { id, name, arguments, custom } => {
                self.any = true;
                self.unique |= is_unique(id);
                call(&mut self.calls, name, arguments, *custom);
                self.ids.update(id);
                self.ids.update(CALL);
            }
            _ => {}
        }
    }

    fn hashes(&self) -> [Hash; 3] {
        [&self.texts, &self.calls, &self.ids].map(|hash| hash.clone().finalize().into())
    }
}

/// The messages that one answer was sent as, of which this is the last: as many of those of the model before it as say all
/// that it said. Where none do, as when a client joins it to what came before it, the last alone.
pub(super) fn sent_as(messages: &[Message], last: usize, answer: &[Part]) -> RangeInclusive<usize> {
    let (letters, calls) = extent(answer);
    let (mut more_letters, mut more_calls) = (letters, calls);
    for (at, message) in messages.iter().enumerate().take(last + 1).rev() {
        match message.role {
            Role::Assistant => {}
            Role::System | Role::Developer => continue,
            Role::User | Role::Tool => break,
        }
        let (letters, calls) = extent(&message.parts);
        match (more_letters.checked_sub(letters), more_calls.checked_sub(calls)) {
            (Some(0), Some(0)) => return at..=last,
            (Some(letters), Some(calls)) => (more_letters, more_calls) = (letters, calls),
            _ => break,
        }
    }
    last..=last
}

/// How much parts say, however they are cut: bytes of words, and calls.
fn extent(parts: &[Part]) -> (usize, usize) {
    parts.iter().fold((0, 0), |(letters, calls), part| match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => {
            (letters + text.split_whitespace().map(str::len).sum::<usize>(), calls)
        }
        PartKind::ToolCall { .. } => (letters, calls + 1),
        _ => (letters, calls),
    })
}

/// A short name of a part that both sides show; none of any other.
pub(super) fn likeness(part: &Part) -> Option<Anchor> {
    let mut hash = Sha256::new();
    match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => words(&mut hash, text),
        PartKind::ToolCall { name, arguments, custom, .. } => call(&mut hash, name, arguments, *custom),
        _ => return None,
    }
    Some(anchor(&hash.finalize().into()))
}

/// The texts between reminders; none when there is no reminder. One that does not end is a text.
fn without_reminders(text: &str) -> Option<Vec<&str>> {
    let (opens, ends) = REMINDER;
    memmem::find(text.as_bytes(), opens.as_bytes())?;
    let (mut rest, mut pieces) = (text, Vec::new());
    while let Some((before, within)) = rest.split_once(opens)
        && let Some((_, after)) = within.split_once(ends)
    {
        pieces.push(before);
        rest = after;
    }
    pieces.push(rest);
    Some(pieces)
}

/// Does an id look like one that was drawn for one call alone? Counted ones (`functions.weather:0`, `call_1`) do not, nor those
/// that are made of what is called.
fn is_unique(id: &str) -> bool {
    let drawn = |piece: &str| {
        let letters: Vec<u8> = piece.bytes().filter(|byte| *byte != b'-').collect();
        let turns = letters
            .iter()
            .zip(letters.iter().skip(1))
            .filter(|(one, next)| one.is_ascii_digit() != next.is_ascii_digit());
        letters.len() >= 16 && turns.count() >= 3
    };
    let by_content =
        id.strip_prefix("call_").and_then(|rest| rest.split_once('_')).is_some_and(|(hash, _)| {
            hash.len() == 16
                && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        });
    id.len() <= 512
        && !by_content
        && id.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').any(drawn)
}

fn texts(parts: &[Part]) -> impl Iterator<Item = &str> {
    parts.iter().filter_map(|part| match &part.kind {
        PartKind::Text(text) => Some(text.as_str()),
        _ => None,
    })
}

fn words(hash: &mut Sha256, text: &str) {
    text.split_whitespace().for_each(|word| hash.update(word));
}

fn output(hash: &mut Sha256, result: &ToolResult, lasting: bool) {
    hash.update(RESULT);
    for part in &result.parts {
        match &part.kind {
            PartKind::Text(text) => match without_reminders(text).filter(|_| lasting) {
                Some(pieces) => pieces.into_iter().for_each(|piece| words(hash, piece)),
                None => words(hash, text),
            },
            PartKind::Media { source, .. } => medium(hash, source),
            _ => {}
        }
    }
}

fn medium(hash: &mut Sha256, source: &MediaSource) {
    hash.update(MEDIUM);
    hash.update(match source {
        MediaSource::Url(at) | MediaSource::File(at) => at,
        MediaSource::Base64 { data, .. } => data,
    });
    hash.update(MEDIUM);
}

/// The input of a custom tool and what stands for it in a function's arguments count as the same.
fn call(hash: &mut Sha256, name: &str, arguments: &str, custom: bool) {
    hash.update(CALL);
    hash.update(name);
    hash.update(TEXT);
    let value = if custom { None } else { serde_json::from_str::<Value>(arguments).ok() };
    match &value {
        None => words(hash, arguments),
        Some(Value::Null) => {}
        Some(Value::Object(fields)) if fields.is_empty() => {}
        Some(Value::Object(fields)) => {
            match (fields.len(), fields.get("input").or(fields.get("arguments"))) {
                (1, Some(Value::String(text))) => words(hash, text),
                _ => canonical(hash, value.as_ref().unwrap_or(&Value::Null)),
            }
        }
        Some(value) => canonical(hash, value),
    }
}

/// JSON whatever the order of members and the form of numbers. `serde_json` reads no deeper than 128.
fn canonical(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            hash.update(b"{");
            for (name, value) in fields {
                hash.update(name);
                hash.update(TEXT);
                canonical(hash, value);
            }
            hash.update(b"}");
        }
        Value::Array(items) => {
            hash.update(b"[");
            items.iter().for_each(|item| canonical(hash, item));
            hash.update(b"]");
        }
        Value::String(text) => {
            hash.update(TEXT);
            hash.update(text);
            hash.update(TEXT);
        }
        Value::Number(number) => {
            hash.update(number.as_f64().unwrap_or_default().to_le_bytes());
        }
        Value::Bool(true) => hash.update(b"t"),
        Value::Bool(false) => hash.update(b"f"),
        Value::Null => hash.update(b"n"),
    }
}

fn joined(kind: &[u8], hashes: &[&Hash]) -> Hash {
    let mut hash = Sha256::new_with_prefix(kind);
    hashes.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn anchor(hash: &Hash) -> Anchor {
    let mut anchor = Anchor::default();
    anchor.copy_from_slice(&hash[..16]);
    anchor
}
