//! Names to plans. Resolution order: an alias of the configuration, `provider/upstream-name`, then a bare upstream name
//! that exactly some configured provider lists (the first one in configuration order wins).

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use contract::fault::Need;
use contract::ports::{Deployment, Health, ModelCard, Plan, RetryPolicy, Router, SharedProvider};
use contract::words::{Dialect, Operation};
use contract::{Code, Fault};
use smallvec::SmallVec;

use crate::config::ModelConfig;
use crate::health::Healths;
use crate::pick::Picker;

/// Most deployments kept ready for names that clients made up; beyond it they are made anew for each request.
const MOST_READY: usize = 4_096;

/// Makes a deployment of a provider's upstream model: prices, capabilities and timeouts looked up.
pub type MakeDeployment = dyn Fn(&SharedProvider, &str) -> Deployment + Send + Sync;

/// What a table is made of.
pub struct TableParts {
    /// The providers in configuration order.
    pub providers: Vec<SharedProvider>,
    /// The aliases, checked by [`crate::check`].
    pub models: BTreeMap<String, ModelConfig>,
    /// How deployments are made.
    pub make: Box<MakeDeployment>,
    /// The memory that outlives snapshots.
    pub healths: Arc<Healths>,
}

/// What one provider offers, as it said itself or as the catalogue knows.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The provider's name.
    pub provider: String,
    /// Its models, named as the upstream names them.
    pub models: Vec<ModelCard>,
}

/// The compiled routes of one snapshot.
pub struct Table {
    providers: Vec<SharedProvider>,
    aliases: HashMap<String, Alias>,
    make: Box<MakeDeployment>,
    ready: RwLock<HashMap<String, Arc<Deployment>>>,
    listing: ArcSwap<Listing>,
    healths: Arc<Healths>,
}

struct Alias {
    name: Arc<str>,
    targets: Vec<Arc<Deployment>>,
    weights: Vec<u32>,
    fallback: Vec<Arc<Deployment>>,
    retry: RetryPolicy,
    picker: Picker,
    card: Arc<ModelCard>,
}

#[derive(Default)]
struct Listing {
    cards: Vec<Arc<ModelCard>>,
    /// Bare upstream name → `provider/upstream-name`.
    bare: HashMap<String, String>,
}

impl Table {
    /// Compiles the routes. Targets of unknown providers are left out: the configuration check has named them already.
    #[must_use]
    pub fn new(parts: TableParts) -> Self {
        let mut table = Self {
            providers: parts.providers,
            aliases: HashMap::new(),
            make: parts.make,
            ready: RwLock::default(),
            listing: ArcSwap::default(),
            healths: parts.healths,
        };
        for (name, model) in parts.models {
            let alias = table.alias(&name, &model);
            table
                .healths
                .expect(alias.targets.iter().chain(&alias.fallback).map(|deployment| &deployment.id));
            table.aliases.insert(name, alias);
        }
        table.list(&[]);
        table
    }

    /// Takes in what the providers offer; replaces what was known before.
    pub fn list(&self, offers: &[Listed]) {
        let mut listing = Listing::default();
        let mut aliases: Vec<_> = self.aliases.values().map(|alias| alias.listed(offers)).collect();
        aliases.sort_by(|left, right| left.name.cmp(&right.name));
        listing.cards = aliases;
        for provider in &self.providers {
            let Some(offer) = offers.iter().find(|offer| offer.provider == provider.name()) else { continue };
            for card in &offer.models {
                let full = format!("{}/{}", provider.name(), card.name);
                if !self.aliases.contains_key(&card.name) {
                    listing.bare.entry(card.name.clone()).or_insert_with(|| full.clone());
                }
                listing.cards.push(Arc::new(ModelCard { name: full, ..card.clone() }));
            }
        }
        self.listing.store(Arc::new(listing));
    }

    fn alias(&self, name: &str, model: &ModelConfig) -> Alias {
        let route = &model.route;
        let mut targets = Vec::with_capacity(route.targets.len());
        let mut weights = Vec::with_capacity(route.targets.len());
        for target in &route.targets {
            if let Some(deployment) = self.deployment(&target.to) {
                targets.push(deployment);
                weights.push(target.weight);
            }
        }
        let fallback = route.fallback.iter().filter_map(|to| self.deployment(to)).collect();
        let card = targets.first().map(|first| ModelCard { name: name.to_owned(), ..(*first.card).clone() });
        Alias {
            name: name.into(),
            targets,
            weights,
            fallback,
            retry: route.retry.into(),
            picker: Picker::default(),
            card: Arc::new(card.unwrap_or_else(|| ModelCard::unknown(name))),
        }
    }

    /// The deployment behind `provider/upstream-name`, made on first use.
    fn deployment(&self, full: &str) -> Option<Arc<Deployment>> {
        if let Some(ready) = self.ready.read().unwrap_or_else(PoisonError::into_inner).get(full) {
            return Some(Arc::clone(ready));
        }
        let (provider_name, upstream) = full.split_once('/')?;
        if upstream.is_empty() {
            return None;
        }
        let provider = self.providers.iter().find(|provider| provider.name() == provider_name)?;
        let made = Arc::new((self.make)(provider, upstream));
        let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
        if ready.len() < MOST_READY {
            ready.insert(full.to_owned(), Arc::clone(&made));
        }
        Some(made)
    }

    fn resolve(&self, model: &str) -> Option<Plan> {
        if let Some(alias) = self.aliases.get(model) {
            return Some(alias.plan());
        }
        let deployment = match self.deployment(model) {
            Some(deployment) => deployment,
            None => self.deployment(self.listing.load().bare.get(model)?)?,
        };
        Some(Plan {
            model: Arc::clone(&deployment.id),
            deployments: SmallVec::from_iter([deployment]),
            retry: RetryPolicy::default(),
        })
    }
}

impl Alias {
    /// Its card: that of its first target, as the provider offers it if it does.
    fn listed(&self, offers: &[Listed]) -> Arc<ModelCard> {
        let offered = self.targets.first().and_then(|target| {
            let offer = offers.iter().find(|offer| *offer.provider == *target.provider_name)?;
            offer.models.iter().find(|card| *card.name == *target.upstream_model)
        });
        match offered {
            Some(card) => Arc::new(ModelCard { name: self.name.to_string(), ..card.clone() }),
            None => Arc::clone(&self.card),
        }
    }

    fn plan(&self) -> Plan {
        let mut deployments: SmallVec<[Arc<Deployment>; 4]> = self
            .picker
            .order(&self.weights)
            .into_iter()
            .map(|index| Arc::clone(&self.targets[index]))
            .collect();
        deployments.extend(self.fallback.iter().map(Arc::clone));
        Plan { model: Arc::clone(&self.name), deployments, retry: self.retry }
    }
}

impl Router for Table {
    fn plan(&self, model: &str, client: Dialect) -> Result<Plan, Fault> {
        let mut plan = self.resolve(model).ok_or_else(|| not_found(model))?;
        match client.counted() {
            Some(chat) => count(&mut plan, client, chat),
            None => plan.deployments.retain(|deployment| serves(deployment, client)),
        }
        if plan.deployments.is_empty() {
            let refused = self.resolve(model).map(|plan| plan.deployments).unwrap_or_default();
            return Err(unable(&plan.model, &refused, client.operation()));
        }
        Ok(plan)
    }

    fn observe(&self, deployment: &Deployment, outcome: Result<Duration, Code>) {
        self.healths.note(&deployment.id, outcome);
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        self.listing.load().cards.clone()
    }

    fn health(&self) -> Vec<Health> {
        self.healths.view()
    }
}

/// Leaves those that count the tokens of a conversation; where none does, those that hold it, for a count without them.
fn count(plan: &mut Plan, client: Dialect, chat: Dialect) {
    let able =
        if plan.deployments.iter().any(|deployment| serves(deployment, client)) { client } else { chat };
    plan.deployments.retain(|deployment| serves(deployment, able));
}

fn serves(deployment: &Deployment, client: Dialect) -> bool {
    let operations = &deployment.card.operations;
    // Whoever holds a conversation can say how long it is.
    let known = match client.operation() {
        Operation::CountTokens => Operation::Chat,
        operation => operation,
    };
    deployment.provider.dialect(client, &deployment.upstream_model).is_some()
        && (operations.is_empty() || operations.contains(&known))
}

/// The fault for a model that cannot do what is asked, with the accounts behind it.
fn unable(model: &str, refused: &[Arc<Deployment>], operation: Operation) -> Fault {
    let mut message = format!("The model '{model}' does not do {}. Asked was", operation.as_str());
    for (at, one) in refused.iter().take(NAMED).enumerate() {
        let mark = if at == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(message, "{mark} provider '{}' (model '{}')", one.provider_name, one.upstream_model);
    }
    message.push('.');
    Fault::saying(Code::UnsupportedCapability, message).needing(Need::Operation(operation)).at("model")
}

/// Most accounts behind a model that are named.
const NAMED: usize = 5;

fn not_found(model: &str) -> Fault {
    let shown: String = model.chars().take(100).collect();
    Fault::saying(
        Code::ModelNotFound,
        format!(
            "The model '{shown}' does not exist here. Use a name from GET /v1/models, or 'provider/model' with a \
             configured provider."
        ),
    )
    .at("model")
}

#[cfg(test)]
mod tests;
