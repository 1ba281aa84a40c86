//! `models:` of the configuration: aliases and their routes.

use std::collections::{BTreeMap, BTreeSet};

use contract::ports::RetryPolicy;
use contract::settings::{Faults, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One alias.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// How the alias becomes a plan.
    pub route: RouteConfig,
}

/// How an alias becomes a plan.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// How the first target is picked.
    #[serde(default)]
    pub strategy: Strategy,
    /// Where requests go.
    pub targets: Vec<Target>,
    /// Where they go, in this order, when every target failed: `provider/upstream-name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<String>,
    /// When and how often to try again.
    #[serde(default)]
    pub retry: RetryConfig,
}

/// How the first target is picked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// In proportion to the weights.
    #[default]
    Weighted,
}

/// One target of a route.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `provider/upstream-name`.
    pub to: String,
    /// Its share; 0 takes no traffic of its own but still stands in when others fail. 1 when left out.
    #[serde(default = "one")]
    pub weight: u32,
}

const fn one() -> u32 {
    1
}

/// When and how often to try again. Only failures that may pass are tried again: connection errors, timeouts before the
/// answer began, 408, 429 and 5xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryConfig {
    /// Most attempts on one deployment, the first included. 2 when left out.
    pub per_deployment: u32,
    /// Most attempts in all. 4 when left out.
    pub total: u32,
    /// The first wait, doubled each time, with full jitter. `200ms` when left out.
    pub base: Span,
    /// The longest wait. A `retry-after` beyond it moves on to the next deployment instead. `5s` when left out.
    pub cap: Span,
}

impl Default for RetryConfig {
    fn default() -> Self {
        let policy = RetryPolicy::default();
        Self {
            per_deployment: policy.per_deployment,
            total: policy.total,
            base: Span(policy.base),
            cap: Span(policy.cap),
        }
    }
}

impl From<RetryConfig> for RetryPolicy {
    fn from(config: RetryConfig) -> Self {
        Self {
            per_deployment: config.per_deployment,
            total: config.total,
            base: config.base.0,
            cap: config.cap.0,
        }
    }
}

/// What the schema cannot say: every target names a provider that exists, and a route can answer at all.
pub fn check(models: &BTreeMap<String, ModelConfig>, providers: &BTreeSet<&str>, faults: &mut Faults) {
    for (alias, model) in models {
        let route = &model.route;
        let at = format!("models.{alias}.route");
        if alias.contains('/') {
            faults.add(format!("models.{alias}"), "a model name of your own cannot contain `/`");
        }
        if route.targets.is_empty() {
            faults.add(format!("{at}.targets"), "a route needs at least one target");
        } else if route.targets.iter().all(|target| target.weight == 0) {
            faults.add(format!("{at}.targets"), "at least one target needs a weight above 0");
        }
        for (index, target) in route.targets.iter().enumerate() {
            check_name(&target.to, &format!("{at}.targets[{index}].to"), providers, faults);
        }
        for (index, to) in route.fallback.iter().enumerate() {
            check_name(to, &format!("{at}.fallback[{index}]"), providers, faults);
        }
        if route.retry.per_deployment == 0 || route.retry.total == 0 {
            faults.add(format!("{at}.retry"), "counts include the first attempt: write at least 1");
        }
    }
}

fn check_name(name: &str, path: &str, providers: &BTreeSet<&str>, faults: &mut Faults) {
    match name.split_once('/') {
        Some((provider, upstream)) if !upstream.is_empty() => {
            if !providers.contains(provider) {
                faults.add(path, format!("no provider `{provider}` is configured"));
            }
        }
        _ => faults.add(path, format!("`{name}` is not of the form provider/upstream-name")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(yaml: serde_json::Value) -> Vec<String> {
        let models: BTreeMap<String, ModelConfig> = serde_json::from_value(yaml).unwrap();
        let mut faults = Faults::default();
        check(&models, &BTreeSet::from(["openai"]), &mut faults);
        faults.problems().iter().map(|problem| problem.path.clone()).collect()
    }

    #[test]
    fn every_fault_is_found_with_its_path() {
        let found = problems(serde_json::json!({
            "a/b": { "route": { "targets": [] } },
            "fast": { "route": {
                "targets": [{ "to": "openai/x", "weight": 0 }, { "to": "mars/x", "weight": 0 }],
                "fallback": ["nowhere"],
                "retry": { "total": 0 },
            } },
        }));
        assert_eq!(
            found,
            [
                "models.a/b",
                "models.a/b.route.targets",
                "models.fast.route.targets",
                "models.fast.route.targets[1].to",
                "models.fast.route.fallback[0]",
                "models.fast.route.retry",
            ]
        );
    }

    #[test]
    fn a_sound_route_passes() {
        let route = serde_json::json!({ "fast": { "route": { "targets": [{ "to": "openai/x" }] } } });
        assert_eq!(problems(route), Vec::<String>::new());
    }
}
