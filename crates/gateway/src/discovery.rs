//! Which models the providers offer: asked at start, after a reload and now and then; never on the path of a request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use contract::ports::{Clock, ModelCard, Upstream};
use contract::words::Operation;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use providers::ProviderConfig;
use routing::Listed;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::snapshot::{Account, Compiled};

/// How often providers are asked.
const EVERY: Duration = Duration::from_secs(300);
/// How often while one of them did not answer, such as an Ollama that is not started yet.
const RETRY: Duration = Duration::from_secs(30);
/// How long one of them may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the providers of the snapshot in force.
pub(crate) struct Discovery {
    current: RwLock<Arc<Compiled>>,
    /// By the provider's name.
    said: Mutex<HashMap<String, Said>>,
    changed: Notify,
    upstream: Arc<dyn Upstream>,
    clock: Arc<dyn Clock>,
}

/// What a provider said when it was asked last, and under which settings. It holds until it says something else: neither a
/// reload nor an outage takes models away.
struct Said {
    config: Arc<ProviderConfig>,
    models: Vec<ModelCard>,
}

impl Discovery {
    pub(crate) fn new(compiled: Arc<Compiled>, upstream: Arc<dyn Upstream>, clock: Arc<dyn Clock>) -> Self {
        let discovery = Self {
            current: RwLock::new(compiled),
            said: Mutex::default(),
            changed: Notify::new(),
            upstream,
            clock,
        };
        discovery.list(&discovery.current());
        discovery
    }

    fn current(&self) -> Arc<Compiled> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A new snapshot is in force: ask its providers at once.
    pub(crate) fn replace(&self, compiled: Arc<Compiled>) {
        self.list(&compiled);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = compiled;
        self.changed.notify_one();
    }

    /// Asks now and then, until told to stop.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let compiled = self.current();
            let everyone = tokio::select! {
                everyone = self.ask_all(&compiled) => everyone,
                () = self.changed.notified() => continue,
                () = stop.cancelled() => return,
            };
            let pause = if everyone { EVERY } else { RETRY };
            tokio::select! {
                () = self.clock.sleep(pause) => {}
                () = self.changed.notified() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Asks all providers at once, listing each as it answers; true if all did.
    async fn ask_all(&self, compiled: &Compiled) -> bool {
        let mut everyone = true;
        let asked: FuturesUnordered<_> = compiled
            .accounts
            .iter()
            .map(|account| async move { (account, self.ask(account).await) })
            .collect();
        // A list is made of all accounts: those that answer together share one.
        let mut asked = asked.ready_chunks(compiled.accounts.len().max(1));
        while let Some(answers) = asked.next().await {
            let mut told = false;
            for (account, answer) in answers {
                let name = account.provider.name();
                match answer {
                    Ok(models) => {
                        told = true;
                        let said = Said { config: Arc::clone(&account.config), models };
                        let mut all = self.said.lock().unwrap_or_else(PoisonError::into_inner);
                        all.insert(name.to_owned(), said);
                    }
                    Err(error) => {
                        everyone = false;
                        debug!(provider = name, error, "models cannot be listed");
                    }
                }
            }
            if told {
                self.list(compiled);
            }
        }
        everyone
    }

    async fn ask(&self, account: &Account) -> Result<Vec<ModelCard>, String> {
        tokio::select! {
            said = account.provider.discover(&*self.upstream) => said.map_err(|error| error.to_string()),
            () = self.clock.sleep(PATIENCE) => Err("no answer in time".to_owned()),
        }
    }

    /// Lists what every provider said, or until it says something, what the configuration and the price book know of it.
    fn list(&self, compiled: &Compiled) {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let offer = |account: &Account| {
            let name = account.provider.name();
            // A service that lists nothing has no list: what is known of it otherwise stands.
            let lists = |said: &&Said| said.config == account.config && !said.models.is_empty();
            let models = match said.get(name).filter(lists) {
                Some(said) => {
                    said.models.iter().map(|card| enrich(compiled, account, card.clone())).collect()
                }
                None => known(compiled, account),
            };
            Listed { provider: name.to_owned(), models }
        };
        compiled.table.list(&compiled.accounts.iter().map(offer).collect::<Vec<_>>());
    }
}

fn known(compiled: &Compiled, account: &Account) -> Vec<ModelCard> {
    let named = account.config.account().models;
    match named.is_empty() {
        false => named.iter().map(|name| account.about(&compiled.book, name)).collect(),
        true if account.config.is_self_hosted() => Vec::new(),
        true => {
            let mut cards = compiled.book.models_of(&account.in_book);
            cards.retain(|card| !card.operations.is_empty());
            cards.into_iter().map(|card| account.priced(card)).collect()
        }
    }
}

/// Adds what is known otherwise to what the provider said. It knows what its models can do; what a call is charged with is
/// for the configuration and the book to say.
fn enrich(compiled: &Compiled, account: &Account, said: ModelCard) -> ModelCard {
    let known = account.about(&compiled.book, &said.name);
    let operations = if said.operations.is_empty() { known.operations } else { said.operations };
    // Google says of its embedding models that they write one token.
    let silent = |does: &Operation| matches!(does, Operation::Embeddings | Operation::Rerank);
    let writes = operations.is_empty() || !operations.iter().all(silent);
    ModelCard {
        operations,
        context_window: said.context_window.or(known.context_window),
        max_output: said.max_output.or(known.max_output).filter(|_| writes),
        capabilities: said.capabilities.or(known.capabilities),
        deprecated: said.deprecated.or(known.deprecated),
        price: known.price,
        name: said.name,
    }
}
