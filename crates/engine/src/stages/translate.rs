//! The request in the form a deployment takes: the client's own bytes with named edits, or through canon.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use contract::canon::{Asked, Receipt, VectorFormat};
use contract::ports::{Anchor, Deployment, NativeBlocks, PathFacts, ResponseStore, StoredResponse};
use contract::words::{Dialect, Timestamp};
use contract::{Code, Fault};

use wire::natives::{self, Maker, Restored, Spot, Trail};
use wire::stored::Places;
use wire::{Envelope, stored};

use super::Admitted;
use super::assemble::{PREVIOUS, Previous, Turn, conversation, made, unknown};
use crate::unable;
use crate::verdict::Failure;

/// A request ready to be sent to one deployment.
pub(crate) struct Outgoing {
    /// The upstream's dialect.
    pub(crate) target: Dialect,
    /// The body.
    pub(crate) body: VecDeque<Bytes>,
    /// Did we ask for usage on a stream whose client did not?
    pub(crate) usage_added: bool,
    /// What the client wants of an answer that has to be written anew; none when it passes as it is.
    pub(crate) wants: Option<Box<Wants>>,
    /// Bytes of a conversation that the client did not send itself.
    pub(crate) beyond: u64,
    /// Where things stand in what the client sent, when they stand elsewhere in the body.
    pub(crate) places: Option<Box<Places>>,
}

/// What a client wants of an answer in its own dialect, beyond what its envelope says.
#[derive(Default)]
pub(crate) struct Wants {
    /// How numbers of vectors are written.
    pub(crate) vectors: VectorFormat,
    /// How many vectors it wants.
    pub(crate) inputs: Option<usize>,
    /// The names of its custom tools.
    pub(crate) custom: Vec<String>,
    /// Its tools that are in groups.
    pub(crate) grouped: Vec<wire::Grouped>,
    /// The conversation that is answered, as its client sent it.
    pub(crate) trail: Trail,
}

/// The request as deployments take it.
pub(crate) struct Hub<'a> {
    request: &'a Admitted,
    /// Read when the first deployment of another dialect needs it.
    canon: Option<Box<Canon>>,
    /// The conversation up to here, once a deployment had to be told of it.
    turns: Option<Vec<StoredResponse>>,
    /// How many bytes that added.
    beyond: u64,
    /// Where things stand in what the client sent, once the conversation was written out.
    places: Option<Box<Places>>,
    /// Has an account forgotten the conversation it should know?
    forgotten: bool,
    /// Did thoughts of that conversation stay behind?
    thoughts_left: bool,
    /// The account that refused the request with what was put back for it.
    refused: Option<Arc<str>>,
}

/// The request in canon.
struct Canon {
    asked: Asked,
    /// The conversation as its client sent it.
    trail: Trail,
    /// What the model's messages in it are found by.
    spots: Vec<Spot>,
    /// What is kept of them, once it was looked for.
    found: Option<Vec<(Anchor, Bytes)>>,
    /// What was put back for the last target.
    restored: Restored,
}

impl Canon {
    /// Takes out what was put back.
    fn undo(&mut self) {
        if let Asked::Chat(request) = &mut self.asked {
            std::mem::take(&mut self.restored).undo(request);
        }
    }
}

/// Who makes blocks in this dialect at a deployment, or is to take them.
pub(crate) fn maker(at: &Deployment, dialect: Dialect) -> Maker {
    let family = at.provider.family(dialect, &at.upstream_model);
    Maker { dialect, account: at.provider_name.to_string(), family: family.map(str::to_owned) }
}

/// What the client's request refers to or cannot carry.
pub(crate) struct Memory<'a> {
    pub(crate) natives: &'a dyn NativeBlocks,
    pub(crate) responses: &'a dyn ResponseStore,
    pub(crate) now: Timestamp,
}

impl<'a> Hub<'a> {
    pub(crate) fn new(request: &'a Admitted) -> Self {
        Self {
            request,
            canon: None,
            turns: None,
            beyond: 0,
            places: None,
            forgotten: false,
            thoughts_left: false,
            refused: None,
        }
    }

    /// Can this deployment be asked otherwise after such a failure: told all of a conversation that it forgot, or without the
    /// blocks that were put back for it?
    pub(crate) fn otherwise(&mut self, failure: &Failure, at: &Deployment) -> bool {
        if failure.forgot() && self.tell_all() {
            return true;
        }
        let account = Some(Arc::clone(&at.provider_name));
        let restored = self.canon.as_ref().is_some_and(|canon| canon.restored.bytes > 0);
        let refused = failure.faulted() && restored && self.refused != account;
        if refused {
            self.refused = account;
        }
        refused
    }

    /// The account does not know the conversation, though it should. Can it be told all of it instead?
    fn tell_all(&mut self) -> bool {
        let kept = self.request.turn.as_deref().is_some_and(|turn| turn.kept().is_some());
        kept && !std::mem::replace(&mut self.forgotten, true)
    }

    /// Writes the request for a deployment.
    ///
    /// # Errors
    /// The client's request is not valid, the target cannot express it, or may not in strict mode.
    pub(crate) async fn write(
        &mut self,
        to: &Deployment,
        receipt: &mut Receipt,
        memory: &Memory<'_>,
    ) -> Result<Outgoing, Fault> {
        let client = self.request.dialect;
        let target = to.provider.dialect(client, &to.upstream_model).ok_or(Code::UnsupportedCapability)?;
        if let Some(canon) = &mut self.canon {
            canon.undo();
        }
        if target == client && to.provider.verbatim(client) {
            return self.pass(to, target, receipt, memory).await;
        }
        // The futures of what is rare are boxed: those of all requests would be as large.
        let canon = Box::pin(self.read(to, target, memory)).await?;
        let (asked, restored) = (&canon.asked, &canon.restored);
        let translated = to.provider.translate(asked, target);
        let (body, lost) = translated.map_err(|fault| wire::place_fault(client, asked, fault))?;
        let placed = |lost: &Receipt| wire::place(client, asked, lost);
        if self.request.strict && !lost.is_empty() {
            *receipt = placed(&restored.of_client(&lost));
            self.check_strict(to, receipt)?;
        }
        *receipt = if lost.is_empty() { lost } else { placed(&lost) };
        for lost in placed(&restored.left_out).into_entries() {
            receipt.dropped(lost.field, lost.reason);
        }
        let (vectors, inputs) = match asked {
            Asked::Embed(request) => (request.format, Some(request.inputs.len())),
            _ => (VectorFormat::default(), None),
        };
        let wants = Wants {
            vectors,
            inputs,
            custom: wire::custom_tools(asked),
            grouped: wire::grouped_tools(asked),
            trail: canon.trail.clone(),
        };
        let (body, beyond) = (VecDeque::from([body]), self.beyond + restored.bytes);
        self.canon = Some(canon);
        Ok(Outgoing { target, body, usage_added: false, wants: Some(Box::new(wants)), beyond, places: None })
    }

    /// The client's own bytes with named edits.
    async fn pass(
        &mut self,
        to: &Deployment,
        target: Dialect,
        receipt: &mut Receipt,
        memory: &Memory<'_>,
    ) -> Result<Outgoing, Fault> {
        let told = match self.request.turn.as_deref() {
            Some(turn) => Box::pin(self.told(turn, to, memory)).await?,
            None => None,
        };
        let envelope = told.as_ref().unwrap_or(&self.request.envelope);
        let usage_added = wire::asks_for_usage(target) && envelope.stream && !envelope.include_usage;
        let body = envelope.edited(&to.upstream_model, usage_added);
        let body = wire::without(body, to.provider.refuses(target), receipt);
        self.check_strict(to, receipt)?;
        if told.is_some() && self.thoughts_left {
            receipt.dropped(PREVIOUS, "thoughts that only their maker understands");
        }
        let beyond = told.as_ref().map_or(0, |_| self.beyond);
        let places = told.and_then(|_| self.places.clone());
        Ok(Outgoing { target, body, usage_added, wants: None, beyond, places })
    }

    /// Nothing may be lost in strict mode.
    fn check_strict(&self, to: &Deployment, lost: &Receipt) -> Result<(), Fault> {
        if !self.request.strict || lost.is_empty() {
            return Ok(());
        }
        Err(unable::strictly(&to.id, lost))
    }

    /// The client's own request for a deployment that has to be told of the conversation, or is not to answer later.
    async fn told(
        &mut self,
        turn: &Turn,
        to: &Deployment,
        memory: &Memory<'_>,
    ) -> Result<Option<Envelope>, Fault> {
        let untold = if self.forgotten { turn.kept() } else { turn.untold(to) };
        if untold.is_none() && !turn.detached {
            return Ok(None);
        }
        let mut body = self.request.envelope.body().clone();
        if let Some(previous) = untold {
            body = self.expanded(previous, memory, Some(to)).await?;
        }
        if turn.detached {
            body = stored::foreground(&body);
        }
        Envelope::read(self.request.dialect, &PathFacts::default(), body).map(Some)
    }

    /// The client's request for a deployment of another dialect, which keeps nothing.
    async fn stateless(&mut self, memory: &Memory<'_>) -> Result<Bytes, Fault> {
        let Some(turn) = self.request.turn.as_deref() else { return self.request.envelope.as_json() };
        let body = self.request.envelope.body();
        match &turn.previous {
            Previous::Unknown => Err(unknown()),
            Previous::None => Ok(stored::stateless(body)),
            Previous::Kept(previous) => Ok(stored::stateless(&self.expanded(previous, memory, None).await?)),
        }
    }

    /// The request with the conversation written out: for this deployment, which speaks its dialect, or to be translated.
    async fn expanded(
        &mut self,
        previous: &StoredResponse,
        memory: &Memory<'_>,
        to: Option<&Deployment>,
    ) -> Result<Bytes, Fault> {
        let turns = match self.turns.take() {
            Some(turns) => turns,
            None => conversation(memory.responses, previous, memory.now).await?,
        };
        let turns = self.turns.insert(turns).iter();
        let own = |turn| to.is_some_and(|to| made(to, turn));
        let turns: Vec<_> = turns
            .map(|turn| stored::Turn { input: &turn.input, response: &turn.body, own: own(turn) })
            .collect();
        let body = self.request.envelope.body();
        let expanded;
        (expanded, self.thoughts_left) = stored::expand(body, &turns, to.is_some())?;
        self.beyond = expanded.len().saturating_sub(body.len()) as u64;
        let previous = previous.id.to_string();
        self.places = Some(Box::new(Places { body: body.clone(), expanded: expanded.clone(), previous }));
        Ok(expanded)
    }

    /// Brings the request into canon, with the blocks of earlier turns that this target takes.
    async fn read(
        &mut self,
        to: &Deployment,
        target: Dialect,
        memory: &Memory<'_>,
    ) -> Result<Box<Canon>, Fault> {
        let mut canon = match self.canon.take() {
            Some(canon) => canon,
            None => Box::new(self.first_read(memory).await?),
        };
        to.upstream_model.as_ref().clone_into(canon.asked.model_mut());
        let Canon { asked: Asked::Chat(request), spots, found, restored, .. } = &mut *canon else {
            return Ok(canon);
        };
        request.stream = self.request.envelope.stream;
        request.stream_usage = true;
        if natives::has_natives(target) && !spots.is_empty() {
            let found = match found {
                Some(found) => found,
                None => found.insert(self.find(spots, memory).await),
            };
            let refused = self.refused.as_ref() == Some(&to.provider_name);
            let target = natives::Target { account: &maker(to, target), refused };
            *restored = natives::restore(request, spots, found, target);
        }
        Ok(canon)
    }

    async fn first_read(&mut self, memory: &Memory<'_>) -> Result<Canon, Fault> {
        let body = self.stateless(memory).await?;
        let asked = wire::read_request(self.request.dialect, &body);
        let mut asked = asked.map_err(|fault| match &self.places {
            Some(places) => places.fault(fault),
            None => fault,
        })?;
        if self.request.turn.is_some() {
            stored::placed(&mut asked, self.request.envelope.body(), &body);
        }
        let (trail, spots) = match &asked {
            Asked::Chat(request) => Trail::of(request),
            _ => Default::default(),
        };
        Ok(Canon { asked, trail, spots, found: None, restored: Restored::default() })
    }

    /// What is kept of the conversation, in one look.
    async fn find(&self, spots: &[Spot], memory: &Memory<'_>) -> Vec<(Anchor, Bytes)> {
        let anchors: Vec<Anchor> = spots.iter().flat_map(|spot| &spot.anchors).copied().collect();
        memory.natives.find(&self.request.tenant(), &anchors, memory.now).await
    }
}
