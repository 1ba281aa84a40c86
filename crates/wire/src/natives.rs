//! Blocks that only their provider understands, across a conversation in another dialect: what an answer held is remembered,
//! and put back into the message when the client sends it again.
//!
//! A message is found again by the conversation up to it ([`Trail`]), never by itself: short answers and counted ids of calls are
//! the same in many conversations, and thoughts of one must not come into another. There are two ways:
//!
//! - The whole conversation is the same, with what the operator says in it. Ids of calls do not count, so that clients without
//!   ids are served.
//! - The last thing the user said and everything since is the same, with the ids of calls, one of which was drawn for this
//!   conversation alone. This holds for clients that write the operator's text or their reminders anew at each turn, and
//!   for those that cut off old turns.
//!
//! What matches neither way comes without its blocks. What the client sends is what counts: its texts and calls stay, in its
//! order, with their sidecars restored; thoughts and blocks it could not have sent come back in their places, for the account
//! that made them or one that takes them as its own ([`Maker`]). Where they are kept is a port's business
//! ([`contract::ports::NativeBlocks`]).
//!
//! A client may send one answer as several messages of the model in a row. The blocks come back over all of them.

mod signed;
mod trail;

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;
use contract::canon::{Choice, Part, PartKind, Receipt, Request, Role};
use contract::ports::Anchor;
use contract::words::Dialect;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use trail::{Spot, Trail};

/// The most bytes of a message that are kept. Thoughts are large, but not endless.
const MOST: usize = 2 << 20;
/// The most bytes of messages that are put back into one request; the newest go first.
pub const MOST_RESTORED: usize = 8 << 20;

/// A message worth remembering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// What it is found by.
    pub anchors: Vec<Anchor>,
    /// The message.
    pub body: Bytes,
}

/// An account that made such blocks, or is to take them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    /// The dialect it speaks.
    pub dialect: Dialect,
    /// Its name in the configuration.
    pub account: String,
    /// The word of all accounts that take each other's blocks in this dialect ([`contract::ports::Provider::family`]).
    pub family: Option<String>,
}

impl Maker {
    /// Does this account take what that one made, as far as its dialect has words for it?
    fn is_akin(&self, maker: &Self) -> bool {
        self.account == maker.account || (self.family.is_some() && self.family == maker.family)
    }
}

/// A message as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    from: Maker,
    parts: Vec<Part>,
}

/// Who is to get what is put back.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The account.
    pub account: &'a Maker,
    /// Has it refused the request with what was put back? Then nothing is.
    pub refused: bool,
}

impl Target<'_> {
    /// A block of this maker's as it goes to the target.
    ///
    /// # Errors
    /// Why it does not.
    fn takes(self, maker: &Maker, part: Part) -> Result<Part, String> {
        let owner = part.native.as_ref().map_or(maker.dialect, |native| native.owner);
        let akin = self.account.is_akin(maker);
        let part = if owner == self.account.dialect {
            Some(part)
        } else {
            signed::written_in(&part, self.account.dialect).filter(|_| akin)
        };
        match part {
            None => Err(format!("a block that only {owner} understands")),
            Some(_) if !akin => Err(format!("a block that only the account '{}' understands", maker.account)),
            Some(_) if self.refused => Err("the provider refused the request with this block".to_owned()),
            Some(part) => Ok(part),
        }
    }
}

/// What became of a request's messages.
#[derive(Debug, Default)]
pub struct Restored {
    /// What was kept and does not go to this target. The client could not have sent it, so it is not the client's loss.
    pub left_out: Receipt,
    /// Bytes that the client did not send.
    pub bytes: u64,
    /// The messages as the client sent them.
    before: Vec<(usize, Vec<Part>)>,
    /// Where parts are that the client did not send: message and part.
    places: HashSet<(usize, usize)>,
}

impl Restored {
    /// Makes the request what its client sent.
    pub fn undo(self, request: &mut Request) {
        for (at, parts) in self.before {
            if let Some(message) = request.messages.get_mut(at) {
                message.parts = parts;
            }
        }
    }

    /// Takes out the thoughts that the client sent itself, for a target that refused them.
    pub fn without_thoughts(&mut self, request: &mut Request) {
        for (at, message) in request.messages.iter_mut().enumerate() {
            if !message.parts.iter().any(is_thought) {
                continue;
            }
            if self.before.iter().all(|(before, _)| *before != at) {
                self.before.push((at, message.parts.clone()));
            }
            message.parts.retain(|part| !is_thought(part));
            let refused = "the provider refused the request with these thoughts";
            self.left_out.dropped(format!("messages[{at}]"), refused);
        }
    }

    /// What of these losses the client had sent itself.
    #[must_use]
    pub fn of_client(&self, lost: &Receipt) -> Receipt {
        let mut own = Receipt::default();
        for entry in lost.entries() {
            if place(&entry.field).is_none_or(|place| !self.places.contains(&place)) {
                own.dropped(entry.field.clone(), entry.reason.clone());
            }
        }
        own
    }
}

/// The place in `messages[2].content[0]`.
fn place(field: &str) -> Option<(usize, usize)> {
    let (message, rest) = field.strip_prefix("messages[")?.split_once("].content[")?;
    let (part, _) = rest.split_once(']')?;
    Some((message.parse().ok()?, part.parse().ok()?))
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

/// What of an answer to this conversation its client cannot send back; none when there is nothing of that kind.
#[must_use]
pub fn remember(trail: &Trail, choice: &Choice, from: &Maker) -> Option<Remembered> {
    choice.parts.iter().any(|part| part.native.is_some() || is_hidden(part)).then_some(())?;
    let anchors = trail.answered(&choice.parts);
    if anchors.is_empty() {
        return None;
    }
    let body = serde_json::to_vec(&Kept { from: from.clone(), parts: choice.parts.clone() }).ok()?;
    (body.len() <= MOST).then(|| Remembered { anchors, body: body.into() })
}

/// Puts back what was remembered, for this target, the newest first and each once. Bodies that cannot be read are passed over.
pub fn restore(
    request: &mut Request,
    spots: &[Spot],
    found: &[(Anchor, Bytes)],
    target: Target<'_>,
) -> Restored {
    let mut found: HashMap<&Anchor, &Bytes> = found.iter().map(|(anchor, body)| (anchor, body)).collect();
    let (mut restored, mut room) = (Restored::default(), MOST_RESTORED);
    for spot in spots {
        // All anchors of a message are used up with it.
        let bodies: Vec<&Bytes> = spot.anchors.iter().filter_map(|anchor| found.remove(anchor)).collect();
        let Some(body) = bodies.first() else { continue };
        let Some(left) = room.checked_sub(body.len()) else {
            restored.left_out.dropped(format!("messages[{}]", spot.message), "more is kept than is put back");
            continue;
        };
        room = left;
        let Ok(kept) = serde_json::from_slice::<Kept>(body) else { continue };
        restored.put(request, spot.message, kept, target);
    }
    restored
}

impl Restored {
    /// Puts one answer back into the messages that it was sent as, the last of which is this one.
    fn put(&mut self, request: &mut Request, last: usize, kept: Kept, target: Target<'_>) {
        let messages = trail::sent_as(&request.messages, last, &kept.parts);
        // Another answer, of which these messages are more, was put back already.
        if self.before.iter().any(|(at, _)| messages.contains(at)) {
            return;
        }
        let mut put = Putting::new(kept, target);
        let (mut sent, mut stood) = (Vec::new(), Vec::new());
        for at in messages {
            let message = request.messages.get_mut(at).filter(|message| message.role == Role::Assistant);
            let Some(message) = message else { continue };
            self.before.push((at, message.parts.clone()));
            stood.extend((0..message.parts.len()).map(|part| (at, part)));
            sent.extend(std::mem::take(&mut message.parts).into_iter().map(|part| (at, part)));
        }
        put.all(sent, last);
        self.bytes += put.bytes;
        if let Some((shown, reason)) = put.foreign {
            let end = stood.last().map_or((last, 0), |(at, part)| (*at, part + 1));
            let (at, part) = stood.get(shown).copied().unwrap_or(end);
            self.left_out.dropped(format!("messages[{at}].content[{part}]"), reason);
        }
        for (at, part, hidden) in put.out {
            let Some(message) = request.messages.get_mut(at) else { continue };
            if hidden {
                self.places.insert((at, message.parts.len()));
            }
            message.parts.push(part);
        }
    }
}

/// An answer in the making.
struct Putting<'a> {
    target: Target<'a>,
    from: Maker,
    /// What the client can show, each after what it cannot.
    visible: VecDeque<(Vec<Part>, Option<Part>)>,
    /// How many of them are behind us.
    shown: usize,
    /// What does not go to this target: how many of them come before it, and why.
    foreign: Option<(usize, String)>,
    hidden: bool,
    /// Parts with the message that each goes to, and whether its client could not send it.
    out: Vec<(usize, Part, bool)>,
    bytes: u64,
}

impl<'a> Putting<'a> {
    fn new(kept: Kept, target: Target<'a>) -> Self {
        let Kept { from, parts } = kept;
        let (mut visible, mut before) = (VecDeque::new(), Vec::new());
        let (mut foreign, mut hidden) = (None, false);
        for part in parts {
            if !is_hidden(&part) {
                visible.push_back((std::mem::take(&mut before), Some(part)));
                continue;
            }
            match target.takes(&from, part) {
                Ok(part) => {
                    hidden |= matches!(part.kind, PartKind::Reasoning(_));
                    before.push(part);
                }
                Err(reason) => {
                    foreign.get_or_insert((visible.len(), reason));
                }
            }
        }
        visible.push_back((before, None));
        Self { target, from, visible, shown: 0, foreign, hidden, out: Vec::new(), bytes: 0 }
    }

    /// Which kept part each of the client's is: by id and name, else by what it says.
    fn same(&self, sent: &[(usize, Part)]) -> Vec<Option<usize>> {
        let mut by_id: HashMap<(&str, &str), usize> = HashMap::new();
        let mut by_words: HashMap<Anchor, VecDeque<usize>> = HashMap::new();
        for (at, part) in self.visible.iter().enumerate() {
            let Some(part) = &part.1 else { continue };
            if let PartKind::ToolCall { id, name, .. } = &part.kind {
                by_id.insert((id, name), at);
            }
            if let Some(likeness) = trail::likeness(part) {
                by_words.entry(likeness).or_default().push_back(at);
            }
        }
        let mut same: Vec<Option<usize>> = sent
            .iter()
            .map(|(_, part)| match &part.kind {
                PartKind::ToolCall { id, name, .. } => by_id.remove(&(id.as_str(), name.as_str())),
                _ => None,
            })
            .collect();
        let mut used: HashSet<usize> = same.iter().flatten().copied().collect();
        for ((_, part), same) in sent.iter().zip(&mut same).filter(|(_, same)| same.is_none()) {
            let Some(alike) = trail::likeness(part).and_then(|likeness| by_words.get_mut(&likeness)) else {
                continue;
            };
            while let Some(at) = alike.pop_front() {
                if used.insert(at) {
                    *same = Some(at);
                    break;
                }
            }
        }
        same
    }

    /// Takes what the client sent, each part with its message. What comes after all of it goes to the last message.
    fn all(&mut self, sent: Vec<(usize, Part)>, last: usize) {
        let same = self.same(&sent);
        let used: HashSet<usize> = same.iter().flatten().copied().collect();
        let end = self.visible.len() - 1;
        let mut free = (0..end).filter(|at| !used.contains(at));
        for ((message, mut part), same) in sent.into_iter().zip(same) {
            // A client that shows thoughts sends them back without what makes them valid.
            let is_thought = matches!(part.kind, PartKind::Reasoning(_));
            if is_thought && self.hidden && part.native_for(self.target.account.dialect).is_none() {
                continue;
            }
            // What the client has joined or changed stands for the first that it does not send.
            self.show(same.or_else(|| free.next()).unwrap_or_default(), message);
            let kept = same.and_then(|at| self.visible.get_mut(at)).and_then(|(_, kept)| kept.take());
            // What stands beside it in the client's dialect says nothing to the target, what the target wrote does.
            let kept = kept.and_then(|kept| self.target.takes(&self.from, kept).ok());
            if let Some(native) = kept.and_then(|kept| kept.native) {
                self.bytes += size(&native.value);
                part.native = Some(native);
            }
            self.out.push((message, part, false));
        }
        self.show(end, last);
    }

    /// What comes before the kept part of this number, as far as it is not there.
    fn show(&mut self, upto: usize, message: usize) {
        while self.shown <= upto {
            let Some((hidden, _)) = self.visible.get_mut(self.shown) else { return };
            for part in std::mem::take(hidden) {
                self.bytes += match &part.kind {
                    PartKind::Reasoning(text) => text.len() as u64,
                    _ => 0,
                };
                self.bytes += part.native.as_ref().map_or(0, |native| size(&native.value));
                self.out.push((message, part, true));
            }
            self.shown += 1;
        }
    }
}

fn size(value: &Value) -> u64 {
    value.to_string().len() as u64
}

fn is_thought(part: &Part) -> bool {
    let kind = || part.native.as_ref()?.value.get("type")?.as_str();
    match part.kind {
        PartKind::Reasoning(_) => true,
        PartKind::Native => matches!(kind(), Some("thinking" | "redacted_thinking")),
        _ => false,
    }
}

/// Can a client of another dialect not send it back? A text of nothing may carry a signature (Gemini's last part); clients drop it.
fn is_hidden(part: &Part) -> bool {
    match &part.kind {
        PartKind::Reasoning(_) | PartKind::Native | PartKind::ServerCall(_) | PartKind::ServerResult(_) => {
            true
        }
        PartKind::Text(text) => text.is_empty() && part.native.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
