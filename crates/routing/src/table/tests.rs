//! Name resolution and plans, with providers that are never called.

use contract::canon::{Asked, Receipt};
use contract::ports::{BoxFuture, Call, Provider, ProviderReply, Timeouts, Upstream, UpstreamFailure};
use contract::words::Dialect;

use super::*;

struct Idle(&'static str);

impl Provider for Idle {
    fn name(&self) -> &str {
        self.0
    }

    fn kind(&self) -> &'static str {
        "idle"
    }

    fn dialect(&self, client: Dialect, _: &str) -> Option<Dialect> {
        (client.operation() == Operation::Chat).then_some(Dialect::OpenaiChat)
    }

    fn translate(&self, _: &Asked, _: Dialect) -> Result<(bytes::Bytes, Receipt), Fault> {
        unreachable!("routing never translates")
    }

    fn call<'a>(
        &'a self,
        _: Call<'a>,
        _: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        unreachable!("routing never calls")
    }

    fn discover<'a>(&'a self, _: &'a dyn Upstream) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        unreachable!("routing never calls")
    }
}

fn table(models: serde_json::Value) -> Table {
    Table::new(TableParts {
        providers: vec![Arc::new(Idle("one")), Arc::new(Idle("two"))],
        models: serde_json::from_value(models).unwrap(),
        make: Box::new(|provider, upstream| Deployment {
            id: format!("{}/{upstream}", provider.name()).into(),
            provider: Arc::clone(provider),
            provider_name: provider.name().into(),
            provider_kind: provider.kind().into(),
            upstream_model: upstream.into(),
            region: None,
            price: None,
            card: Arc::new(ModelCard::unknown(upstream)),
            timeouts: Timeouts::default(),
        }),
        healths: Arc::default(),
    })
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.deployments.iter().map(|deployment| &*deployment.id).collect()
}

#[test]
fn an_alias_gives_its_targets_then_its_fallbacks() {
    let table = table(serde_json::json!({
        "fast": { "route": { "targets": [{ "to": "one/a" }, { "to": "two/b", "weight": 0 }], "fallback": ["two/c"] } }
    }));
    let plan = table.plan("fast", Dialect::OpenaiChat).unwrap();
    assert_eq!(names(&plan), ["one/a", "two/b", "two/c"]);
    assert_eq!(&*plan.model, "fast");
}

#[test]
fn a_full_name_needs_no_configuration() {
    let table = table(serde_json::json!({}));
    let plan = table.plan("two/org/some-model", Dialect::OpenaiChat).unwrap();
    assert_eq!(names(&plan), ["two/org/some-model"]);
    assert_eq!(&*plan.deployments[0].upstream_model, "org/some-model");
}

#[test]
fn a_bare_name_goes_to_the_first_provider_that_lists_it() {
    let table = table(serde_json::json!({}));
    assert_eq!(table.plan("m", Dialect::OpenaiChat).unwrap_err().code(), Code::ModelNotFound);
    let offer = |provider: &str| Listed { provider: provider.into(), models: vec![ModelCard::unknown("m")] };
    table.list(&[offer("two"), offer("one")]);
    assert_eq!(names(&table.plan("m", Dialect::OpenaiChat).unwrap()), ["one/m"]);
    let listed: Vec<String> = table.models().iter().map(|card| card.name.clone()).collect();
    assert_eq!(listed, ["one/m", "two/m"]);
}

#[test]
fn an_alias_is_listed_with_what_its_first_target_offers() {
    let table = table(serde_json::json!({
        "fast": { "route": { "targets": [{ "to": "two/b" }, { "to": "one/a" }] } }
    }));
    let window = || table.models().iter().find(|card| card.name == "fast").unwrap().context_window;
    assert_eq!(window(), None);
    let card = |name: &str, window| ModelCard { context_window: Some(window), ..ModelCard::unknown(name) };
    let offer = |provider: &str, models| Listed { provider: provider.into(), models };
    table.list(&[offer("one", vec![card("a", 1), card("b", 2)]), offer("two", vec![card("b", 3)])]);
    assert_eq!(window(), Some(3));
    table.list(&[offer("one", vec![card("b", 2)])]);
    assert_eq!(window(), None);
}

#[test]
fn unknown_names_and_operations_are_told_apart() {
    let table = table(serde_json::json!({}));
    for name in ["nope", "three/x", "one/", ""] {
        assert_eq!(table.plan(name, Dialect::OpenaiChat).unwrap_err().code(), Code::ModelNotFound, "{name}");
    }
    let fault = table.plan("one/x", Dialect::OpenaiEmbeddings).unwrap_err();
    assert_eq!(fault.code(), Code::UnsupportedCapability);
}

#[test]
fn the_health_of_targets_is_kept_before_they_answer() {
    let table = table(serde_json::json!({
        "fast": { "route": { "targets": [{ "to": "one/a" }], "fallback": ["two/c"] } }
    }));
    for name in ["fast", "one/made-up"] {
        for deployment in table.plan(name, Dialect::OpenaiChat).unwrap().deployments {
            table.observe(&deployment, Err(Code::UpstreamConnect));
        }
    }
    let seen: Vec<String> = table.health().into_iter().map(|health| health.deployment).collect();
    assert_eq!(seen, ["one/a", "two/c"]);
}
