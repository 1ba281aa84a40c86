//! From a configuration to what requests run under: providers, routes, limits, prices.

use std::collections::HashMap;
use std::sync::Arc;

use contract::ports::{Clock, Deployment, ModelCard, Price, SharedProvider};
use contract::settings::Faults;
use engine::{BodyLog, Snapshot};
use metering::{PriceBook, PricesConfig};
use providers::ProviderConfig;
use routing::{Healths, Table, TableParts};

use crate::cli::{Exit, Failure};
use crate::config::{Config, provider_configs};

/// A compiled configuration, not yet in force.
pub(crate) struct Compiled {
    /// The routes.
    pub(crate) table: Arc<Table>,
    /// The accounts, with what the price book calls them.
    pub(crate) accounts: Vec<Account>,
    /// The prices.
    pub(crate) book: Arc<PriceBook>,
}

/// One provider of the snapshot.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) provider: SharedProvider,
    pub(crate) config: Arc<ProviderConfig>,
    /// The provider's name in the price book.
    pub(crate) in_book: Arc<str>,
}

impl Account {
    /// What is known of one of its models, whoever listed it, with the price its calls are charged with.
    pub(crate) fn about(&self, book: &PriceBook, upstream: &str) -> ModelCard {
        let card = book.lookup(&self.in_book, upstream).unwrap_or_else(|| ModelCard::unknown(upstream));
        self.priced(ModelCard { name: upstream.to_owned(), ..card })
    }

    /// The price that the configuration gives goes before the book's.
    pub(crate) fn priced(&self, card: ModelCard) -> ModelCard {
        match self.config.account().prices.get(&card.name) {
            Some(price) => {
                let (version, base) = ("configuration".into(), price.tier());
                let price = Price { version, base, own: true, ..Price::default() };
                ModelCard { price: Some(Arc::new(price)), ..card }
            }
            None => card,
        }
    }
}

/// Compiles a checked configuration.
///
/// # Errors
/// A provider of the environment cannot be built, or the price book cannot be read.
pub(crate) fn compile(
    config: &Config,
    healths: &Arc<Healths>,
    clock: &Arc<dyn Clock>,
) -> Result<Compiled, Failure> {
    let accounts = accounts(config, clock)?;
    let book = Arc::new(price_book(&config.prices)?);
    let make = Maker {
        accounts: accounts.iter().map(|one| (one.provider.name().to_owned(), one.clone())).collect(),
        book: Arc::clone(&book),
    };
    let table = Arc::new(Table::new(TableParts {
        providers: accounts.iter().map(|one| Arc::clone(&one.provider)).collect(),
        models: config.models.clone(),
        make: Box::new(move |provider, upstream| make.deployment(provider, upstream)),
        healths: Arc::clone(healths),
    }));
    Ok(Compiled { table, accounts, book })
}

impl Compiled {
    /// What the engine runs under.
    pub(crate) fn snapshot(&self, config: &Config, version: u64) -> Snapshot {
        let bodies = config.telemetry.bodies;
        Snapshot {
            version,
            router: Arc::clone(&self.table) as _,
            max_body: config.server.max_body.0,
            bodies: BodyLog { keep: bodies.log, max: usize::try_from(bodies.max.0).unwrap_or(usize::MAX) },
            keep_blocks: config.storage.block_retention.0,
            silence: config.server.timeouts.silence.0,
            keep_responses: config.storage.response_retention.0,
            tracing: config.collector().is_some(),
        }
    }
}

fn accounts(config: &Config, clock: &Arc<dyn Clock>) -> Result<Vec<Account>, Failure> {
    let mut faults = Faults::default();
    let mut accounts = Vec::new();
    for (name, one) in provider_configs(config) {
        let Some(provider) = providers::build(&name, &one, clock, &mut faults) else { continue };
        let host = one.account().base_url.and_then(|url| url.parse::<http::Uri>().ok());
        let in_book = PriceBook::provider_of(provider.kind(), host.as_ref().and_then(http::Uri::host)).into();
        accounts.push(Account { provider, config: Arc::new(one), in_book });
    }
    if faults.is_empty() { Ok(accounts) } else { Err(Failure::new(Exit::BadConfiguration, faults)) }
}

fn price_book(config: &PricesConfig) -> Result<PriceBook, Failure> {
    let book = match &config.file {
        Some(path) => PriceBook::load(path),
        None => PriceBook::embedded(),
    };
    book.map_err(|error| Failure::new(Exit::BadConfiguration, format!("prices.file: {error}")))
}

/// Makes deployments: looks up what is known of a provider's model.
struct Maker {
    accounts: HashMap<String, Account>,
    book: Arc<PriceBook>,
}

impl Maker {
    fn deployment(&self, provider: &SharedProvider, upstream: &str) -> Deployment {
        let account = self.accounts.get(provider.name());
        let card = account
            .map_or_else(|| ModelCard::unknown(upstream), |account| account.about(&self.book, upstream));
        let settings = account.map(|account| account.config.account());
        Deployment {
            id: format!("{}/{upstream}", provider.name()).into(),
            provider: Arc::clone(provider),
            provider_kind: provider.kind().into(),
            provider_name: provider.name().into(),
            upstream_model: upstream.into(),
            region: settings.and_then(|settings| settings.region.map(Into::into)),
            price: card.price.clone(),
            card: Arc::new(card),
            timeouts: settings.map(|settings| settings.timeouts.limits()).unwrap_or_default(),
        }
    }
}
