//! What a client reads when a model cannot do what its request needs: who cannot, which field asked for it, and who can.

use contract::ports::{Capabilities, Deployment, Router};
use contract::words::{Dialect, Principal};
use contract::{Code, Fault};

/// Most models that are named instead.
const NAMED: usize = 5;

/// A capability by the words that refusals have for it, its name here, and where a card tells of it.
type Known = (&'static [&'static str], &'static str, fn(&Capabilities) -> Option<bool>);

const KNOWN: [Known; 4] = [
    (&["audio", "sound"], "audio", |can| can.audio),
    (&["image", "picture"], "images", |can| can.images),
    (&["tool"], "tools", |can| can.tools),
    (&["pdf", "document file"], "PDF", |can| can.pdf),
];

/// The fault of a request that this deployment cannot take, with what the caller may use instead. Others stay as they are.
pub(crate) fn explained(
    fault: Fault,
    by: &Deployment,
    client: Dialect,
    (router, who): (&dyn Router, &Principal),
) -> Fault {
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
        says.push_str(&format!(", for the field '{field}'"));
    }
    says.push('.');
    let words = fault.message().to_lowercase();
    let known = KNOWN.iter().find(|(said, ..)| said.iter().any(|word| words.contains(word)));
    if let Some((_, name, can)) = known {
        let able = able(*can, client, (router, who));
        if !able.is_empty() {
            says.push_str(&format!(" Models with {name}: {}.", able.join(", ")));
        }
    }
    match fault.param() {
        Some(field) => Fault::saying(Code::UnsupportedCapability, says).at(field),
        None => Fault::saying(Code::UnsupportedCapability, says),
    }
}

/// Models that are known to have a capability and that this caller can reach in its dialect.
fn able(
    can: fn(&Capabilities) -> Option<bool>,
    client: Dialect,
    (router, who): (&dyn Router, &Principal),
) -> Vec<String> {
    let cards = router.models();
    let fits = cards.iter().filter(|card| can(&card.capabilities) == Some(true) && who.may_use(&card.name));
    let reached = fits.filter(|card| router.plan(&card.name, client).is_ok());
    reached.map(|card| card.name.clone()).take(NAMED).collect()
}
