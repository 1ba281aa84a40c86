//! The request in the form a deployment takes: the client's own bytes with named edits, or through canon.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use contract::canon::{Asked, Receipt};
use contract::ports::{Anchor, Deployment, InputSize, PathFacts, StoredResponse};
use contract::words::Dialect;
use contract::{Code, Fault};

use wire::natives::{self, Maker, Restored, Spot, Trail};
use wire::stored::Places;
use wire::{Because, EncodeOptions, Envelope, LeftOut, Setting, stored};

use super::Admitted;
use super::assemble::{PREVIOUS, Previous, Turn, made, unknown};
use super::turns::{Named, as_turn, inlined};
use crate::pipeline::Run;
use crate::unable;
use crate::verdict::{Failure, refuses_background};

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
    /// What a conversation weighs that the client did not send itself.
    pub(crate) beyond: Beyond,
    /// Where things stand in what the client sent, when they stand elsewhere in the body.
    pub(crate) places: Option<Box<Places>>,
}

/// Mostly there is nothing.
pub(crate) type Beyond = Option<Box<InputSize>>;

/// What an answer that has to be written anew is written by.
#[derive(Default)]
pub(crate) struct Wants {
    /// What the request says about it.
    pub(crate) options: EncodeOptions,
    /// The conversation that is answered, as its client sent it.
    pub(crate) trail: Trail,
}

/// The request as deployments take it.
pub(crate) struct Hub<'a> {
    request: &'a Admitted,
    /// Read when the first deployment of another dialect needs it.
    canon: Option<Box<Canon>>,
    /// What came before, once a deployment had to be told of it.
    past: Option<Box<Past>>,
    /// What that added.
    beyond: Beyond,
    /// Where things stand in what the client sent, once the conversation was written out.
    places: Option<Box<Places>>,
    /// Has an account forgotten the conversation it should know?
    forgotten: bool,
    /// Is what was written last about something by an id alone that is kept here?
    by_id: bool,
    /// Has an account refused to work in the background?
    foreground: bool,
    /// The account that refused the request with the thoughts in it, or with what was put back for it.
    refused: Option<Arc<str>>,
    /// What it said.
    first: Option<Box<Failure>>,
    /// Was what was written last translated?
    translated: bool,
    /// Settings that deployments refused, by the deployments' ids.
    without: Vec<(Arc<str>, Setting)>,
}

/// Most settings that a deployment may refuse one after the other before its refusal stands.
const MOST_REFUSED: usize = 3;

/// What came before a request, for whoever is told of it.
#[derive(Default)]
struct Past {
    /// The conversation up to here.
    turns: Vec<StoredResponse>,
    /// Where thoughts stood that stayed behind.
    left_out: Vec<String>,
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

impl<'a> Hub<'a> {
    pub(crate) fn new(request: &'a Admitted) -> Self {
        Self {
            request,
            canon: None,
            past: None,
            beyond: None,
            places: None,
            forgotten: false,
            by_id: false,
            foreground: false,
            refused: None,
            first: None,
            translated: false,
            without: Vec::new(),
        }
    }

    /// Can this deployment be asked otherwise after such a failure: told all of a conversation that it forgot, without a setting
    /// that it does not take, or without the thoughts in it and the blocks that were put back for it? If not, gives the failure
    /// that counts.
    pub(crate) fn otherwise(&mut self, failure: Failure, at: &Deployment) -> Option<Failure> {
        if self.by_id && !self.forgotten && failure.forgot(self.request.envelope.body()) {
            self.forgotten = true;
            return None;
        }
        // A stream is one all the same. Who does not want to wait has the answer made here: see `Cleared::detach`.
        let streams = self.request.envelope.stream;
        if streams && refuses_background(&failure.fault) && !std::mem::replace(&mut self.foreground, true) {
            return None;
        }
        if let Some(setting) = self.refused_setting(&failure, at) {
            self.without.push((Arc::clone(&at.id), setting));
            return None;
        }
        if self.has_refused(at) {
            // Without them it is at fault as well: what was said of the client's own request says more.
            return Some(match self.first.take() {
                Some(first) if failure.faulted() => *first,
                _ => failure,
            });
        }
        let restored = || self.canon.as_ref().is_some_and(|canon| canon.restored.bytes > 0);
        if (failure.faulted() && !failure.means_otherwise() && restored())
            || (failure.blames_thoughts() && self.holds_thoughts(at))
            || (failure.blames_calls() && self.passes(at))
        {
            self.refused = Some(Arc::clone(&at.provider_name));
            self.first = Some(Box::new(failure));
            return None;
        }
        Some(failure)
    }

    /// The setting that a deployment does not take, where it can do without: in what was translated for it, and not where the
    /// client wants to lose nothing. Each is found once, so that this comes to an end.
    fn refused_setting(&self, failure: &Failure, at: &Deployment) -> Option<Setting> {
        let canon = self.canon.as_ref().filter(|_| self.translated && !self.request.strict)?;
        let error = failure.fault.upstream().filter(|_| failure.faulted())?;
        let setting = wire::refused_setting(error, &canon.asked)?;
        let refused = self.without.iter().filter(|(id, _)| *id == at.id);
        let again = refused.clone().any(|(_, before)| *before == setting);
        (!again && refused.count() < MOST_REFUSED).then_some(setting)
    }

    /// What this deployment does not take.
    fn not_taken(&self, to: &Deployment) -> impl Iterator<Item = (Setting, Because)> {
        let thoughtless = to.card.capabilities.reasoning == Some(false);
        let settings = if thoughtless { &[Setting::Reasoning, Setting::Verbosity][..] } else { &[] };
        let refused = self.without.iter().filter(|(id, _)| *id == to.id);
        let refused = refused.map(|(_, setting)| (*setting, Because::Refused));
        settings.iter().map(|setting| (*setting, Because::NoThoughts)).chain(refused)
    }

    /// Does this deployment speak the client's dialect?
    fn passes(&self, at: &Deployment) -> bool {
        let client = self.request.dialect;
        at.provider.dialect(client, &at.upstream_model) == Some(client)
    }

    /// Did thoughts go to this deployment as the client sent them?
    fn holds_thoughts(&self, at: &Deployment) -> bool {
        let client = self.request.dialect;
        let expanded = self.places.as_ref().map(|places| &places.expanded);
        self.passes(at)
            && [Some(self.request.envelope.body()), expanded]
                .into_iter()
                .flatten()
                .any(|body| wire::has_thoughts(client, body))
    }

    /// Has this account refused the request as it was?
    fn has_refused(&self, to: &Deployment) -> bool {
        self.refused.as_ref() == Some(&to.provider_name)
    }

    /// Writes the request for a deployment.
    ///
    /// # Errors
    /// The client's request is not valid, the target cannot express it, or may not in strict mode.
    pub(crate) async fn write(
        &mut self,
        to: &Deployment,
        receipt: &mut Receipt,
        run: &Run<'_>,
    ) -> Result<Outgoing, Fault> {
        let client = self.request.dialect;
        let target = to.provider.dialect(client, &to.upstream_model).ok_or(Code::UnsupportedCapability)?;
        if let Some(canon) = &mut self.canon {
            canon.undo();
        }
        (self.by_id, self.translated) = (false, false);
        let own = target == client && to.provider.verbatim(client);
        if own && !self.is_rewritten(to) {
            return self.pass(to, target, receipt, run).await;
        }
        // The futures of what is rare are boxed: those of all requests would be as large.
        let mut canon = Box::pin(self.read(to, target, run)).await?;
        // Who speaks the dialect of the model knows what it takes.
        let mut left_out =
            if own { LeftOut::default() } else { LeftOut::take(&mut canon.asked, self.not_taken(to)) };
        let outgoing = self.anew((&canon, std::mem::take(&mut left_out.lost)), to, target, receipt);
        left_out.put_back(&mut canon.asked);
        (self.canon, self.translated) = (Some(canon), !own);
        outgoing
    }

    /// The request written anew.
    fn anew(
        &self,
        (canon, left_out): (&Canon, Receipt),
        to: &Deployment,
        target: Dialect,
        receipt: &mut Receipt,
    ) -> Result<Outgoing, Fault> {
        let (client, asked, restored) = (self.request.dialect, &canon.asked, &canon.restored);
        let translated = to.provider.translate(asked, target);
        let (body, mut lost) = translated.map_err(|fault| wire::place_fault(client, asked, fault))?;
        lost.append(left_out);
        let placed = |lost: &Receipt| wire::place(client, asked, lost);
        if !lost.is_empty() {
            *receipt = placed(&restored.of_client(&lost));
            self.check_strict(to, receipt)?;
        }
        receipt.append(placed(&restored.left_out));
        let wants = Box::new(Wants { options: EncodeOptions::of(asked, target), trail: canon.trail.clone() });
        Ok(Outgoing {
            target,
            body: VecDeque::from([body]),
            usage_added: false,
            wants: Some(wants),
            beyond: self.beyond_with(restored.bytes),
            places: None,
        })
    }

    /// The client's own bytes with named edits.
    async fn pass(
        &mut self,
        to: &Deployment,
        target: Dialect,
        receipt: &mut Receipt,
        run: &Run<'_>,
    ) -> Result<Outgoing, Fault> {
        let told = match self.request.turn.as_deref() {
            Some(turn) => Box::pin(self.told(turn, to, run)).await?,
            None => None,
        };
        let known = self.known(told.as_ref(), to, receipt)?;
        let envelope = known.as_deref().or(told.as_ref()).unwrap_or(&self.request.envelope);
        let usage_added = wire::asks_for_usage(target) && envelope.stream && !envelope.include_usage;
        let body = envelope.edited(&to.upstream_model, usage_added);
        let body = wire::without(body, to.provider.refuses(target), receipt);
        self.check_strict(to, receipt)?;
        for field in self.past.iter_mut().flat_map(|past| past.left_out.drain(..)) {
            receipt.dropped(field, "thoughts that only their maker understands");
        }
        let beyond = told.as_ref().and_then(|_| self.beyond.clone());
        let places = told.and_then(|_| self.places.clone());
        Ok(Outgoing { target, body, usage_added, wants: None, beyond, places })
    }

    /// Must the request be written anew for a target that speaks its dialect? It holds thoughts or citations that nobody signed,
    /// thoughts or calls that were refused, or something else that the account does not take.
    fn is_rewritten(&self, to: &Deployment) -> bool {
        let client = self.request.dialect;
        !stored::is_kept(client)
            && (self.has_refused(to)
                || wire::needs_rewriting(client, to.provider.refuses(client), self.request.envelope.body()))
    }

    /// The request without what the target would look up and not find; none if there is nothing of that kind.
    fn known(
        &self,
        told: Option<&Envelope>,
        to: &Deployment,
        receipt: &mut Receipt,
    ) -> Result<Option<Box<Envelope>>, Fault> {
        let client = self.request.dialect;
        let body = told.unwrap_or(&self.request.envelope).body();
        let refused = self.has_refused(to);
        if !stored::is_kept(client) || !(refused || stored::has_made(body)) {
            return Ok(None);
        }
        let Some((body, thoughts)) = stored::known(body, refused) else { return Ok(None) };
        if thoughts {
            receipt.dropped("input", "thoughts that only their maker understands");
        }
        Envelope::read(client, &PathFacts::default(), body).map(|envelope| Some(Box::new(envelope)))
    }

    /// What the client did not send itself, with this much that was put back.
    fn beyond_with(&self, bytes: u64) -> Beyond {
        if bytes == 0 {
            return self.beyond.clone();
        }
        let size = self.beyond.as_deref().copied().unwrap_or_default();
        Some(Box::new(InputSize { text: size.text + bytes, ..size }))
    }

    /// Nothing may be lost in strict mode.
    fn check_strict(&self, to: &Deployment, lost: &Receipt) -> Result<(), Fault> {
        if !self.request.strict || lost.is_empty() {
            return Ok(());
        }
        Err(unable::strictly(&to.id, lost))
    }

    /// The client's own request for a deployment that has to be told of the conversation, or is not to answer later.
    async fn told(&mut self, turn: &Turn, to: &Deployment, run: &Run<'_>) -> Result<Option<Envelope>, Fault> {
        let untold = if self.forgotten { turn.kept() } else { turn.untold(to) };
        let stays = |named: &Named| !self.forgotten && named.is_kept(to);
        let all_stay = turn.named.iter().all(stays);
        self.by_id = (turn.kept().is_some() && untold.is_none()) || turn.named.iter().any(stays);
        let foreground = self.foreground || turn.foreground(to);
        if untold.is_none() && all_stay && !foreground {
            return Ok(None);
        }
        let (mut body, left_out) = inlined(self.request.envelope.body(), &turn.named, Some(to), stays);
        if !left_out.is_empty() {
            let left_out = left_out.into_iter().map(|at| format!("input[{at}]"));
            self.past.get_or_insert_default().left_out.extend(left_out);
        }
        if let Some(previous) = untold {
            body = self.expanded(&body, previous, run, Some(to)).await?;
        }
        self.beyond = Some(Box::new(turn.beyond_in(&body)));
        if foreground {
            body = stored::foreground(&body);
        }
        Envelope::read(self.request.dialect, &PathFacts::default(), body).map(Some)
    }

    /// The client's request for a deployment of another dialect, which keeps nothing.
    async fn stateless(&mut self, run: &Run<'_>) -> Result<Bytes, Fault> {
        let Some(turn) = self.request.turn.as_deref() else { return self.request.envelope.as_json() };
        let (mut body, _) = inlined(self.request.envelope.body(), &turn.named, None, |_| false);
        match &turn.previous {
            Previous::Unknown => return Err(unknown()),
            Previous::None => {}
            Previous::Kept(previous) => body = self.expanded(&body, previous, run, None).await?,
        }
        self.beyond = Some(Box::new(turn.beyond_in(&body)));
        let told = stored::all_told(&body);
        told.map_err(|fault| self.placed(fault))?;
        Ok(stored::stateless(&body))
    }

    /// The request with the conversation written out: for this deployment, which speaks its dialect, or to be translated.
    async fn expanded(
        &mut self,
        body: &Bytes,
        previous: &StoredResponse,
        run: &Run<'_>,
        to: Option<&Deployment>,
    ) -> Result<Bytes, Fault> {
        let past = self.past.get_or_insert_default();
        if past.turns.is_empty() {
            past.turns = run.conversation(previous).await?;
        }
        let own = |turn| to.is_some_and(|to| made(to, turn));
        let turns: Vec<_> = past.turns.iter().map(|turn| as_turn(turn, own(turn))).collect();
        let (expanded, left_out) = stored::expand(body, &turns, to.is_some())?;
        past.left_out.extend(left_out.then(|| PREVIOUS.to_owned()));
        let previous = previous.id.to_string();
        self.places = Some(Box::new(Places { body: body.clone(), expanded: expanded.clone(), previous }));
        Ok(expanded)
    }

    /// A fault that names places as the client would.
    fn placed(&self, fault: Fault) -> Fault {
        match &self.places {
            Some(places) => places.fault(fault),
            None => fault,
        }
    }

    /// Brings the request into canon, with the blocks of earlier turns that this target takes.
    async fn read(&mut self, to: &Deployment, target: Dialect, run: &Run<'_>) -> Result<Box<Canon>, Fault> {
        let mut canon = match self.canon.take() {
            Some(canon) => canon,
            None => Box::new(self.first_read(run).await?),
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
                None => found.insert(self.find(spots, run).await),
            };
            let target = natives::Target { account: &maker(to, target), refused: self.has_refused(to) };
            *restored = natives::restore(request, spots, found, target);
        }
        if self.has_refused(to) && target == self.request.dialect {
            restored.without_thoughts(request);
        }
        Ok(canon)
    }

    async fn first_read(&mut self, run: &Run<'_>) -> Result<Canon, Fault> {
        let body = self.stateless(run).await?;
        let asked = wire::read_request(self.request.dialect, &body);
        let mut asked = asked.map_err(|fault| self.placed(fault))?;
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
    async fn find(&self, spots: &[Spot], run: &Run<'_>) -> Vec<(Anchor, Bytes)> {
        let anchors: Vec<Anchor> = spots.iter().flat_map(|spot| &spot.anchors).copied().collect();
        let natives = &run.handles.natives;
        natives.find(&self.request.tenant(), &anchors, run.handles.clock.now()).await
    }
}
