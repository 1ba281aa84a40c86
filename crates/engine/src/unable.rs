//! What a client reads when a model cannot do what its request needs: who cannot, which field asked for it, and who can.
//!
//! What is needed is in the fault. Who can is known from the cards of models, and by trying: a small request with the need in
//! it is written for them (`wire::needs`). Nothing is sent.

use std::fmt::Write as _;

use contract::canon::{Asked, MediaKind, Receipt};
use contract::fault::Need;
use contract::ports::{Capabilities, Deployment, ModelCard, Plan, Router};
use contract::words::{Dialect, Operation, Principal};
use contract::{Code, Fault};

/// Most models that are named instead.
const NAMED: usize = 5;
/// Most models that are tried for it.
const TRIED: usize = 200;
/// Bytes of losses after which the rest are left to the log.
const TOLD: usize = 1_000;

/// Whom a caller could ask.
#[derive(Clone, Copy)]
pub(crate) struct Reach<'a> {
    pub(crate) router: &'a dyn Router,
    pub(crate) who: &'a Principal,
    /// The dialect of its request.
    pub(crate) client: Dialect,
    /// The model it asked.
    pub(crate) model: &'a str,
}

/// The fault of a request that this deployment cannot take, with what the caller may use instead. Others stay as they are.
pub(crate) fn explained(fault: Fault, by: &Deployment, plan: &Plan, reach: Reach<'_>) -> Fault {
    if fault.code() != Code::UnsupportedCapability {
        return fault;
    }
    let mut says = format!(
        "{} Asked was provider '{}' (model '{}')",
        fault.message(),
        by.provider_name,
        by.upstream_model
    );
    if let Some(field) = fault.param().filter(|field| !fault.message().contains(field)) {
        // Writing to a string cannot fail.
        let _ = write!(says, ", for the field '{field}'");
    }
    says.push('.');
    let others: Vec<&str> = plan.deployments.iter().map(|it| &*it.id).filter(|id| *id != &*by.id).collect();
    if !others.is_empty() {
        let _ = write!(says, " The model '{}' also stands for {}.", reach.model, some(&others));
    }
    let mut detail = format!("{} cannot take the request", by.id);
    if let Some(need) = fault.need() {
        let _ = write!(detail, ": it needs {need}");
        says.push_str(&instead(need, Some(by), reach));
    }
    let fault = if fault.detail().is_some() { fault } else { fault.because(detail) };
    fault.reworded(says)
}

/// The fault of a model without a deployment for the operation, with those that have one.
pub(crate) fn rerouted(fault: Fault, reach: Reach<'_>) -> Fault {
    let Some(need) = fault.need().filter(|_| fault.code() == Code::UnsupportedCapability) else {
        return fault;
    };
    // Nobody learns what stands behind a model that they may not use.
    let mut says = match reach.who.may_use(reach.model) {
        true => fault.message().to_owned(),
        false => format!("The model '{}' does not do {need}.", reach.model),
    };
    says.push_str(&instead(need, None, reach));
    fault.reworded(says).because(format!("no deployment of '{}' does {need}", reach.model))
}

/// The fault of a request that this deployment would be sent with something left out, which strict mode forbids: what, and why.
pub(crate) fn strictly(deployment: &str, lost: &Receipt) -> Fault {
    let mut what = String::new();
    for entry in lost.entries() {
        let mark = if what.is_empty() { "" } else { ", " };
        if what.len() > TOLD {
            what.push_str(", ...");
            break;
        }
        let _ = write!(what, "{mark}{} ({})", entry.field, entry.reason);
    }
    let says =
        format!("{deployment} cannot carry: {what}. Remove these fields or leave out x-pathgate-strict.");
    let fault = Fault::saying(Code::NotTranslatable, says)
        .because(format!("{deployment} cannot carry all of the request, and its client is strict"));
    match lost.entries().first() {
        Some(first) => fault.at(first.field.clone()),
        None => fault,
    }
}

/// A sentence with the models that can, none if nobody is known to.
fn instead(need: Need, by: Option<&Deployment>, reach: Reach<'_>) -> String {
    let able = able(need, by, reach);
    match (need, able.is_empty()) {
        (Need::Operation(_), true) => " No model here is known to.".to_owned(),
        (_, true) => String::new(),
        (Need::Operation(_), false) => format!(" These do: {}.", able.join(", ")),
        (Need::Verbatim, false) => format!(" Models that take {need}: {}.", able.join(", ")),
        (_, false) => format!(" Models with {need}: {}.", able.join(", ")),
    }
}

fn some(names: &[&str]) -> String {
    let more = if names.len() > NAMED { " and others" } else { "" };
    format!("{}{more}", names[..names.len().min(NAMED)].join(", "))
}

/// Models other than the one asked that are known to meet the need and that this caller can reach in its dialect.
fn able(need: Need, by: Option<&Deployment>, reach: Reach<'_>) -> Vec<String> {
    // Whoever holds a conversation can say how long it is.
    let operation = match reach.client.operation() {
        Operation::CountTokens => Operation::Chat,
        operation => operation,
    };
    let cards = reach.router.models();
    let known = |card: &ModelCard| match ability(need) {
        Some(ability) => ability(&card.capabilities) == Some(true),
        None => card.operations.contains(&operation),
    };
    let sample = wire::needs::sample(need, reach.client.operation());
    let can = |card: &ModelCard| {
        let plan = reach.router.plan(&card.name, reach.client);
        let mut deployments = plan.iter().flat_map(|plan| &plan.deployments);
        deployments
            .any(|it| by.is_none_or(|by| by.id != it.id) && does(it, need, sample.as_ref(), reach.client))
    };
    let fits = cards.iter().filter(|card| card.name != reach.model && reach.who.may_use(&card.name));
    let tried = fits.filter(|card| known(card)).take(TRIED);
    tried.filter(|card| can(card)).map(|card| card.name.clone()).take(NAMED).collect()
}

/// Where a card tells of it.
fn ability(need: Need) -> Option<fn(&Capabilities) -> Option<bool>> {
    Some(match need {
        Need::Tools => |can| can.tools,
        Need::Media { kind: MediaKind::Image, .. } => |can| can.images,
        Need::Media { kind: MediaKind::Audio, .. } => |can| can.audio,
        Need::Media { kind: MediaKind::Video, .. } => |can| can.video,
        Need::Media { kind: MediaKind::Document, .. } => |can| can.pdf,
        _ => return None,
    })
}

/// Does a deployment take what this sample of a need asks, with nothing lost?
fn does(at: &Deployment, need: Need, sample: Option<&Asked>, client: Dialect) -> bool {
    let Some(target) = at.provider.dialect(client, &at.upstream_model) else { return false };
    if matches!(need, Need::Operation(_)) || (target == client && at.provider.verbatim(client)) {
        return true;
    }
    let Some(mut asked) = sample.cloned() else { return false };
    at.upstream_model.as_ref().clone_into(asked.model_mut());
    at.provider.translate(&asked, target).is_ok_and(|(_, lost)| lost.is_empty())
}
