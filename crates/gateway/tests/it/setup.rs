//! The bench of every test here: a scripted provider, the built gateway in front of it, and the keys to both of its doors.
//!
//! One upstream plays all kinds of providers, told apart by the first segment of the path: an account named `claude` has
//! its base URL at `/claude`. What the gateway kept of a request is read through its admin API, asked again until it is there.

use std::time::Duration;

use serde_json::Value;
use testkit::client::{Answer, Client};
use testkit::gateway::{Gateway, Launch};
use testkit::upstream::Upstream;

/// The admin key of the configuration.
pub(crate) const ADMIN_KEY: &str = "admin-key-of-the-tests";
/// The virtual key that clients send; its name is `tests`.
pub(crate) const KEY: &str = "inference-key-of-the-tests";
/// What every account's own key begins with.
pub(crate) const SECRET: &str = "sk-secret-of-";

/// How often the admin API is asked while an entry is on its way to the database.
const LOOK: Duration = Duration::from_millis(10);

/// What to start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    server: String,
    keys: String,
    accounts: String,
    providers: String,
    sections: String,
    bare: bool,
}

/// The accounts that are always there: name and kind.
const ACCOUNTS: [(&str, &str); 5] = [
    ("openai", "openai"),
    ("house", "openai-compatible"),
    ("claude", "anthropic"),
    ("google", "gemini"),
    ("local", "ollama"),
];

impl Setup {
    /// The usual accounts, nothing else.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Without the usual accounts.
    pub(crate) fn without_accounts(mut self) -> Self {
        self.bare = true;
        self
    }

    /// With these settings of the listener, such as `max_connections: 1`.
    pub(crate) fn server(mut self, yaml: &str) -> Self {
        self.server.push_str(", ");
        self.server.push_str(yaml);
        self
    }

    /// With one more virtual key, such as `{ name: ci, key: … }`.
    pub(crate) fn key(mut self, yaml: &str) -> Self {
        self.keys.push_str("  - ");
        self.keys.push_str(yaml);
        self.keys.push('\n');
        self
    }

    /// With this on each of the usual accounts, such as `timeouts: { idle: 50ms }`.
    pub(crate) fn accounts(mut self, yaml: &str) -> Self {
        self.accounts.push_str(", ");
        self.accounts.push_str(yaml);
        self
    }

    /// With one more provider: `name: { kind: …, … }`. `{upstream}` stands for the URL of the scripted upstream.
    pub(crate) fn provider(mut self, yaml: &str) -> Self {
        self.providers.push_str("  ");
        self.providers.push_str(yaml);
        self.providers.push('\n');
        self
    }

    /// With one more section of the configuration.
    pub(crate) fn section(mut self, yaml: &str) -> Self {
        self.sections.push_str(yaml);
        self.sections.push('\n');
        self
    }

    /// The configuration with this upstream behind it. The names of models are given, so that no provider is asked.
    pub(crate) fn yaml(&self, upstream: &str) -> String {
        let mut yaml = format!(
            "server: {{ listen: \"{{listen}}\"{} }}\n\
             storage: {{ database: \"sqlite://{{dir}}/pathgate.db\" }}\n\
             auth: {{ admin_key: {ADMIN_KEY} }}\n\
             {}keys:\n  - {{ name: tests, key: {KEY} }}\n{}\
             providers:\n  demo: {{ kind: demo }}\n",
            self.server, self.sections, self.keys
        );
        for (name, kind) in ACCOUNTS.iter().filter(|_| !self.bare) {
            let accounts = &self.accounts;
            let version = if *kind == "openai" || *kind == "openai-compatible" { "/v1" } else { "" };
            yaml.push_str(&format!(
                "  {name}: {{ kind: {kind}, base_url: \"{upstream}/{name}{version}\", api_key: {SECRET}{name}, \
                 models: [some]{accounts} }}\n"
            ));
        }
        yaml.push_str(&self.providers.replace("{upstream}", upstream));
        yaml
    }

    /// Starts the upstream and the gateway, and waits until it is ready.
    pub(crate) async fn start(self) -> Bench {
        let upstream = Upstream::start().await;
        Bench { gateway: self.launch(&upstream).start().await, upstream }
    }

    /// The gateway with this upstream behind it, not yet started.
    pub(crate) fn launch(&self, upstream: &Upstream) -> Launch {
        Launch::new(env!("CARGO_BIN_EXE_pathgate")).config(&self.yaml(&upstream.url()))
    }
}

/// A gateway and the provider behind it.
pub(crate) struct Bench {
    pub(crate) gateway: Gateway,
    pub(crate) upstream: Upstream,
}

/// What the gateway kept of one request.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// Its line in the request log.
    pub(crate) request: Value,
    /// Its lines in the ledger, in order.
    pub(crate) attempts: Vec<Value>,
}

impl Bench {
    /// The usual accounts.
    pub(crate) async fn start() -> Self {
        Setup::new().start().await
    }

    /// A client that sends its key as OpenAI's SDKs do.
    pub(crate) fn openai(&self) -> Client {
        self.gateway.client().bearer(KEY)
    }

    /// A client that sends its key as Anthropic's SDKs do.
    pub(crate) fn anthropic(&self) -> Client {
        self.gateway.client().with("x-api-key", KEY).with("anthropic-version", "2023-06-01")
    }

    /// A client of the admin API.
    pub(crate) fn admin(&self) -> Client {
        self.gateway.client().bearer(ADMIN_KEY)
    }

    /// What was kept of the request behind this answer.
    pub(crate) async fn kept(&self, answer: &Answer) -> Kept {
        self.kept_of(&request_id(answer)).await
    }

    /// What was kept of the request with this id.
    pub(crate) async fn kept_of(&self, id: &str) -> Kept {
        let (admin, path) = (self.admin(), format!("/admin/v1/requests/{id}"));
        let found = until("an entry of the request log", async || {
            let answer = admin.get(&path).await;
            match answer.status.as_u16() {
                200 => Some(answer.json().await),
                404 => None,
                status => panic!("the admin API answered {status}: {}", answer.text().await),
            }
        });
        let mut found = found.await;
        let attempts = found["attempts"].as_array_mut().map(std::mem::take).expect("a list of attempts");
        Kept { request: found["request"].take(), attempts }
    }

    /// The entries of an admin list (`requests?outcome=failed`, `ledger`), newest first, as soon as there are this many.
    pub(crate) async fn list(&self, what: &str, count: usize) -> Vec<Value> {
        until(what, async || {
            let items = self.pages(what).await;
            (items.len() >= count).then_some(items)
        })
        .await
    }

    async fn pages(&self, what: &str) -> Vec<Value> {
        let mark = if what.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/admin/v1/{what}{mark}limit=1000{cursor}");
            let mut page = self.admin().get(&path).await.json().await;
            items.append(page["items"].as_array_mut().expect("a page of items"));
            match page["next"].as_str() {
                // A cursor is base64 or the like: these three are all that a query would misread.
                Some(next) => {
                    let next = next.replace('%', "%25").replace('+', "%2B").replace('=', "%3D");
                    cursor = format!("&cursor={next}");
                }
                None => return items,
            }
        }
    }
}

/// The id of the request behind an answer.
pub(crate) fn request_id(answer: &Answer) -> String {
    let id = answer.header("x-pathgate-request-id");
    assert!(id.starts_with("req_"), "no request id: {:?}", answer.headers);
    id.to_owned()
}

/// Looks again and again until there is something.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut ticks = tokio::time::interval(LOOK);
    testkit::soon(what, async {
        loop {
            ticks.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    })
    .await
}
