//! Features in memory, as plain as they can be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::canon::Dropped;
use contract::fault::{Code, Fault};
use contract::ports::{
    Answer, AttemptEntry, BoxFuture, Capabilities, CostKind, Deployment, Health, KeyAdmin, KeySource,
    KeySpec, KeyView, Keyring, LedgerFilter, LedgerLine, LedgerStore, LogFilter, LogStore, MintedKey,
    ModelCard, Outcome, Page, PageRequest, Plan, Price, PriceTier, RequestEntry, Router, ServiceTier,
    StoreError,
};
use contract::words::{
    Dialect, Id, IdKind, NanoUsd, Operation, PicoUsd, Principal, Scope, Secret, Timestamp, Usage, UsageSource,
};

use super::{CALLER, READER, WRITER};
use crate::{AdminPorts, GatewayStatus, Reload, StatusSource};

pub(super) const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

/// All features at once, with what they were asked.
#[derive(Default)]
pub(super) struct Fakes {
    pub(super) keys: Mutex<Vec<KeyView>>,
    pub(super) requests: Mutex<Vec<RequestEntry>>,
    pub(super) lines: Mutex<Vec<LedgerLine>>,
    pub(super) log_asked: Mutex<Option<(LogFilter, PageRequest)>>,
    pub(super) ledger_asked: Mutex<Option<(LedgerFilter, PageRequest)>>,
    pub(super) reload: Mutex<Option<Reload>>,
    pub(super) database_away: AtomicBool,
}

pub(super) fn ports(fakes: &Arc<Fakes>) -> AdminPorts {
    let router = Arc::<Fakes>::clone(fakes);
    AdminPorts {
        keyring: Arc::<Fakes>::clone(fakes),
        keys: Arc::<Fakes>::clone(fakes),
        router: Arc::new(move || Arc::<Fakes>::clone(&router)),
        log: Arc::<Fakes>::clone(fakes),
        ledger: Arc::<Fakes>::clone(fakes),
        status: Arc::<Fakes>::clone(fakes),
    }
}

impl Fakes {
    fn page<T: Clone>(&self, all: &[T], page: &PageRequest) -> Result<Page<T>, StoreError> {
        if self.database_away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("disk on fire".into()));
        }
        let from: usize = page.cursor.as_deref().unwrap_or("0").parse().map_err(|_| StoreError::Cursor)?;
        let items: Vec<_> = all.iter().skip(from).take(page.limit as usize).cloned().collect();
        let reached = from + items.len();
        Ok(Page { items, next: (reached < all.len()).then(|| reached.to_string()) })
    }

    fn changed<T>(
        &self,
        id: Id,
        expected: Option<i64>,
        change: impl FnOnce(&mut KeyView) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut keys = self.keys.lock().unwrap();
        let key = keys.iter_mut().find(|key| key.id == id).ok_or_else(unknown)?;
        if key.source == KeySource::File {
            return Err(Code::ReadOnly.into());
        }
        if expected.is_some_and(|seen| seen != key.version) {
            return Err(Code::Conflict.into());
        }
        let result = change(key)?;
        key.version += 1;
        Ok(result)
    }
}

fn unknown() -> Fault {
    Fault::saying(Code::NotFound, "No key has this id.")
}

pub(super) fn secret() -> Secret {
    Secret::new("pgk_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0TyBiU")
}

pub(super) fn key(name: &str, source: KeySource) -> KeyView {
    KeyView {
        id: Id::new(IdKind::Key),
        spec: KeySpec { name: name.into(), ..KeySpec::default() },
        hint: Some("0TyB".into()),
        source,
        created: Some(NOW),
        revoked: None,
        version: 1,
    }
}

impl Keyring for Fakes {
    fn identify<'a>(&'a self, presented: Option<&'a str>) -> Answer<'a, Result<Arc<Principal>, Fault>> {
        let scopes = match presented {
            Some(READER) => vec![Scope::AdminRead],
            Some(WRITER) => vec![Scope::AdminRead, Scope::AdminWrite],
            Some(CALLER) | None => vec![Scope::Inference],
            Some(_) => return Answer::now(Err(Code::InvalidKey.into())),
        };
        Answer::now(Ok(Arc::new(Principal {
            key: None,
            name: "somebody".into(),
            org: "default".into(),
            team: None,
            app: None,
            scopes,
            models: Vec::new(),
            requests: None,
            expires: None,
        })))
    }
}

impl KeyAdmin for Fakes {
    fn list(&self, page: PageRequest) -> BoxFuture<'_, Result<Page<KeyView>, Fault>> {
        let keys = self.keys.lock().unwrap().clone();
        Box::pin(async move { self.page(&keys, &page).map_err(crate::paging::store_fault) })
    }

    fn get(&self, id: Id) -> BoxFuture<'_, Result<KeyView, Fault>> {
        let found = self.keys.lock().unwrap().iter().find(|key| key.id == id).cloned();
        Box::pin(async move { found.ok_or_else(unknown) })
    }

    fn create(&self, spec: KeySpec) -> BoxFuture<'_, Result<MintedKey, Fault>> {
        let mut keys = self.keys.lock().unwrap();
        let made = if keys.iter().any(|key| key.spec.name == spec.name) {
            Err(Fault::saying(Code::Conflict, "A key of this name exists.").at("name"))
        } else {
            let view = KeyView { spec, ..key("", KeySource::Store) };
            keys.push(view.clone());
            Ok(MintedKey { view, secret: secret() })
        };
        Box::pin(async move { made })
    }

    fn rotate(&self, id: Id, expected: Option<i64>) -> BoxFuture<'_, Result<MintedKey, Fault>> {
        let turned = self.changed(id, expected, |key| {
            if key.revoked.is_some() { Err(Code::Conflict.into()) } else { Ok(key.clone()) }
        });
        Box::pin(async move { turned.map(|view| MintedKey { view, secret: secret() }) })
    }

    fn revoke(&self, id: Id, expected: Option<i64>) -> BoxFuture<'_, Result<KeyView, Fault>> {
        let gone = self.changed(id, expected, |key| {
            key.revoked = Some(NOW);
            Ok(key.clone())
        });
        Box::pin(async move { gone })
    }
}

impl Router for Fakes {
    fn plan(&self, _: &str, _: Dialect) -> Result<Plan, Fault> {
        Err(Code::ModelNotFound.into())
    }

    fn observe(&self, _: &Deployment, _: Result<Duration, Code>) {}

    fn models(&self) -> Vec<Arc<ModelCard>> {
        let tier = |input: i64| PriceTier { input: PicoUsd(input), ..PriceTier::default() };
        let price = Arc::new(Price {
            version: "2026-06-30".into(),
            base: PriceTier { cached: Some(PicoUsd(125_000)), ..tier(1_250_000) },
            above: vec![(272_000, tier(2_500_000))],
            tiers: vec![ServiceTier { name: "flex".into(), base: tier(625_000), above: Vec::new() }],
            ..Price::default()
        });
        let card = |name: &str| {
            Arc::new(ModelCard {
                name: name.into(),
                operations: vec![Operation::Chat],
                context_window: Some(128_000),
                max_output: None,
                capabilities: Capabilities { tools: Some(true), ..Capabilities::default() },
                deprecated: None,
                price: (name != "fast").then(|| Arc::clone(&price)),
            })
        };
        ["openai/gpt-5", "fast", "demo/echo", "claude/haiku"].map(card).into()
    }

    fn health(&self) -> Vec<Health> {
        let one = |deployment: &str, failures| Health {
            deployment: deployment.into(),
            attempts: 10,
            failures,
            last_error: (failures > 0).then(|| "upstream_timeout".to_owned()),
            consecutive_failures: failures,
            first_byte_us: Some(1200),
        };
        vec![one("openai/gpt-5", 2), one("house/org/model", 0)]
    }
}

pub(super) fn entry(model: &str) -> RequestEntry {
    RequestEntry {
        id: Id::new(IdKind::Request),
        at: NOW,
        dialect: Dialect::OpenaiChat,
        operation: Operation::Chat,
        key: Some(Id::new(IdKind::Key)),
        key_name: Some("ci".into()),
        org: Some("default".into()),
        team: None,
        app: None,
        user: Some("u1".into()),
        tags: vec![("env".into(), "prod".into())],
        client: std::net::Ipv4Addr::LOCALHOST.into(),
        model: Some(model.into()),
        deployment: Some("openai/gpt-5".into()),
        stream: true,
        status: 200,
        outcome: Outcome::Answered,
        error: None,
        detail: None,
        attempts: 2,
        usage: Usage { input: 10, output: 5, ..Usage::default() },
        cost: Some(NanoUsd(125_000)),
        ttft_us: Some(1),
        duration_us: 2,
        bytes_in: 3,
        bytes_out: 4,
        dropped: vec![Dropped { field: "logit_bias".into(), reason: "why".into() }],
        trace_id: None,
        snapshot: 7,
        request_body: Some("{\"asked\":1}".into()),
        response_body: None,
    }
}

pub(super) fn line(request: Id, number: u32, cost: Option<i64>) -> LedgerLine {
    LedgerLine {
        request,
        key: None,
        key_name: None,
        org: None,
        team: None,
        app: None,
        model: Some("fast".into()),
        attempt: AttemptEntry {
            id: Id::new(IdKind::Attempt),
            at: NOW,
            number,
            deployment: "openai/gpt-5".into(),
            provider: "openai".into(),
            provider_kind: "openai".into(),
            upstream_model: "gpt-5".into(),
            outcome: Outcome::Answered,
            status: Some(200),
            error: None,
            usage: Usage { input: 10, output: 5, ..Usage::default() },
            usage_source: UsageSource::Reported,
            service_tier: None,
            cost: cost.map(NanoUsd),
            cost_kind: if cost.is_some() { CostKind::Exact } else { CostKind::UnknownPrice },
            price_version: None,
            first_byte_us: Some(1),
            duration_us: 2,
        },
    }
}

impl LogStore for Fakes {
    fn request(&self, id: Id) -> BoxFuture<'_, Result<Option<RequestEntry>, StoreError>> {
        let found = self.requests.lock().unwrap().iter().find(|entry| entry.id == id).cloned();
        Box::pin(async move { Ok(found) })
    }

    fn requests(
        &self,
        filter: LogFilter,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<RequestEntry>, StoreError>> {
        *self.log_asked.lock().unwrap() = Some((filter, page.clone()));
        let all = self.requests.lock().unwrap().clone();
        Box::pin(async move { self.page(&all, &page) })
    }
}

impl LedgerStore for Fakes {
    fn attempts(
        &self,
        filter: LedgerFilter,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<LedgerLine>, StoreError>> {
        let of = filter.request;
        *self.ledger_asked.lock().unwrap() = Some((filter, page.clone()));
        let lines = self.lines.lock().unwrap();
        let all: Vec<_> =
            lines.iter().filter(|line| of.is_none_or(|id| id == line.request)).cloned().collect();
        Box::pin(async move { self.page(&all, &page) })
    }
}

impl StatusSource for Fakes {
    fn status(&self) -> GatewayStatus {
        let reload = self.reload.lock().unwrap().clone();
        GatewayStatus { version: "0.1.0", started: NOW, snapshot: 3, reload }
    }
}
