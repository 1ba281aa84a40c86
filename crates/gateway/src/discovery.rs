//! Which models the providers offer: asked at start, after a reload and now and then; never on the path of a request.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use contract::ports::{Clock, ModelCard, Upstream};
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
    changed: Notify,
    upstream: Arc<dyn Upstream>,
    clock: Arc<dyn Clock>,
}

impl Discovery {
    pub(crate) fn new(compiled: Arc<Compiled>, upstream: Arc<dyn Upstream>, clock: Arc<dyn Clock>) -> Self {
        list_known(&compiled);
        Self { current: RwLock::new(compiled), changed: Notify::new(), upstream, clock }
    }

    /// A new snapshot is in force: ask its providers at once.
    pub(crate) fn replace(&self, compiled: Arc<Compiled>) {
        list_known(&compiled);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = compiled;
        self.changed.notify_one();
    }

    /// Asks now and then, until told to stop.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let compiled = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
            let everyone = tokio::select! {
                everyone = self.ask_all(&compiled) => everyone,
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

    /// Asks the providers one after the other, listing each as it answers; true if all did.
    async fn ask_all(&self, compiled: &Compiled) -> bool {
        let mut everyone = true;
        let mut offers: Vec<Listed> =
            compiled.accounts.iter().map(|account| known(compiled, account)).collect();
        for (account, offer) in compiled.accounts.iter().zip(0..) {
            let asked = tokio::select! {
                asked = account.provider.discover(&*self.upstream) => asked.map_err(|error| error.to_string()),
                () = self.clock.sleep(PATIENCE) => Err("no answer in time".to_owned()),
            };
            match asked {
                Ok(cards) => {
                    offers[offer].models =
                        cards.into_iter().map(|card| enrich(compiled, account, card)).collect();
                }
                Err(error) => {
                    everyone = false;
                    debug!(provider = account.provider.name(), %error, "models cannot be listed");
                }
            }
            compiled.table.list(&offers);
        }
        everyone
    }
}

/// Until a provider answers, what the configuration and the price book know of it.
fn list_known(compiled: &Compiled) {
    let offers: Vec<Listed> = compiled.accounts.iter().map(|account| known(compiled, account)).collect();
    compiled.table.list(&offers);
}

fn known(compiled: &Compiled, account: &Account) -> Listed {
    let named = account.config.account().models;
    let models = match named.is_empty() {
        false => named.iter().map(|name| enrich(compiled, account, ModelCard::unknown(name))).collect(),
        true if account.config.is_self_hosted() => Vec::new(),
        true => {
            let mut cards = compiled.book.models_of(&account.in_book);
            cards.retain(|card| !card.operations.is_empty());
            cards
        }
    };
    Listed { provider: account.provider.name().to_owned(), models }
}

/// Adds what the price book knows to what the provider said.
fn enrich(compiled: &Compiled, account: &Account, said: ModelCard) -> ModelCard {
    let Some(entry) = compiled.book.lookup(&account.in_book, &said.name) else { return said };
    let book = entry.card;
    ModelCard {
        operations: if said.operations.is_empty() { book.operations } else { said.operations },
        context_window: said.context_window.or(book.context_window),
        max_output: said.max_output.or(book.max_output),
        capabilities: book.capabilities,
        deprecated: book.deprecated,
        name: said.name,
    }
}
