//! Providers found in the environment when there is no configuration file. The caller hands the lookup in: nothing here
//! reads the environment.

use contract::settings::SecretText;

use std::path::Path;

use crate::{
    ProviderConfig, anthropic, azure, bedrock, cloudflare, cohere, databricks, demo, followers, gemini,
    github, jina, ollama, openai, replicate, snowflake, vertex, voyage, watsonx,
};

/// The environment: variables, and the files they name.
pub struct Environment<'a> {
    /// The value of a variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The content of a file.
    pub file: &'a dyn Fn(&Path) -> Option<String>,
}

impl Environment<'_> {
    /// A variable; an empty one counts as absent.
    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn key(&self, name: &str) -> Option<SecretText> {
        self.get(name).map(SecretText::new)
    }
}

/// The providers that the environment has credentials for, by name, and `demo`, which needs none.
#[must_use]
pub fn from_env(environment: &Environment<'_>) -> Vec<(String, ProviderConfig)> {
    let mut found = Vec::new();
    let mut add = |name: &str, config| found.push((name.to_owned(), config));

    if let api_key @ Some(_) = environment.key("OPENAI_API_KEY") {
        let base_url = environment.get("OPENAI_BASE_URL");
        add("openai", ProviderConfig::Openai(openai::Config { api_key, base_url, ..Default::default() }));
    }
    if let api_key @ Some(_) = environment.key("ANTHROPIC_API_KEY") {
        add("anthropic", ProviderConfig::Anthropic(anthropic::Config { api_key, ..Default::default() }));
    }
    if let api_key @ Some(_) = environment.key("GEMINI_API_KEY").or_else(|| environment.key("GOOGLE_API_KEY"))
    {
        add("gemini", ProviderConfig::Gemini(gemini::Config { api_key, ..Default::default() }));
    }
    for row in followers::ALL {
        let api_key = row.variable.and_then(|variable| environment.key(variable));
        let config = followers::Config { api_key, ..Default::default() };
        if let (Some(_), Some(config)) = (&config.api_key, ProviderConfig::following(row, config.clone())) {
            add(row.facts.kind, config);
        }
    }
    for config in clouds(environment).into_iter().flatten() {
        add(config.kind(), config);
    }
    if let Some(host) = environment.get("OLLAMA_HOST") {
        let base_url = Some(ollama_url(&host));
        add("ollama", ProviderConfig::Ollama(ollama::Config { base_url, ..Default::default() }));
    }
    add("demo", ProviderConfig::Demo(demo::Config::default()));
    found
}

/// Those that need more than a key.
fn clouds(environment: &Environment<'_>) -> [Option<ProviderConfig>; 12] {
    [
        bedrock_region(environment).map(ProviderConfig::Bedrock),
        environment
            .key("COHERE_API_KEY")
            .or_else(|| environment.key("CO_API_KEY"))
            .map(|key| ProviderConfig::Cohere(cohere::Config { api_key: Some(key), ..Default::default() })),
        environment
            .key("VOYAGE_API_KEY")
            .map(|key| ProviderConfig::Voyage(voyage::Config { api_key: Some(key), ..Default::default() })),
        environment
            .key("JINA_API_KEY")
            .map(|key| ProviderConfig::Jina(jina::Config { api_key: Some(key), ..Default::default() })),
        azure_account(environment).map(ProviderConfig::Azure),
        vertex_project(environment).map(ProviderConfig::Vertex),
        watsonx_instance(environment).map(ProviderConfig::Watsonx),
        snowflake_account(environment).map(ProviderConfig::Snowflake),
        databricks_workspace(environment).map(ProviderConfig::Databricks),
        cloudflare_account(environment).map(ProviderConfig::Cloudflare),
        github_account(environment).map(ProviderConfig::Github),
        environment.key("REPLICATE_API_TOKEN").map(|key| {
            ProviderConfig::Replicate(replicate::Config { api_key: Some(key), ..Default::default() })
        }),
    ]
}

/// What AWS's SDKs read. A region alone, or credentials without one, are of somebody who uses something else of AWS.
fn bedrock_region(environment: &Environment<'_>) -> Option<bedrock::Config> {
    let region = Some(environment.get("AWS_REGION").or_else(|| environment.get("AWS_DEFAULT_REGION"))?);
    if let api_key @ Some(_) = environment.key("AWS_BEARER_TOKEN_BEDROCK") {
        return Some(bedrock::Config { api_key, region, ..Default::default() });
    }
    Some(bedrock::Config {
        region,
        access_key_id: Some(environment.key("AWS_ACCESS_KEY_ID")?),
        secret_access_key: Some(environment.key("AWS_SECRET_ACCESS_KEY")?),
        session_token: environment.key("AWS_SESSION_TOKEN"),
        ..Default::default()
    })
}

fn azure_account(environment: &Environment<'_>) -> Option<azure::Config> {
    let base_url = Some(environment.get("AZURE_OPENAI_ENDPOINT")?);
    let api_version =
        environment.get("AZURE_OPENAI_API_VERSION").or_else(|| environment.get("OPENAI_API_VERSION"));
    let place = azure::Config { base_url, api_version, ..Default::default() };
    if let api_key @ Some(_) = environment.key("AZURE_OPENAI_API_KEY") {
        return Some(azure::Config { api_key, ..place });
    }
    Some(azure::Config {
        tenant_id: Some(environment.get("AZURE_TENANT_ID")?),
        client_id: Some(environment.get("AZURE_CLIENT_ID")?),
        client_secret: Some(environment.key("AZURE_CLIENT_SECRET")?),
        ..place
    })
}

/// A credential of a kind we do not know is none of ours: it is there for other programs, too.
fn vertex_project(environment: &Environment<'_>) -> Option<vertex::Config> {
    let path = environment.get("GOOGLE_APPLICATION_CREDENTIALS")?;
    let text = (environment.file)(Path::new(&path)).filter(|text| vertex::can_use(text))?;
    Some(vertex::Config {
        project: Some(environment.get("GOOGLE_CLOUD_PROJECT")?),
        location: environment.get("GOOGLE_CLOUD_LOCATION"),
        credentials: Some(SecretText::new(text)),
        ..Default::default()
    })
}

fn watsonx_instance(environment: &Environment<'_>) -> Option<watsonx::Config> {
    let key = environment.key("WATSONX_APIKEY").or_else(|| environment.key("WATSONX_API_KEY"))?;
    let project_id = environment.get("WATSONX_PROJECT_ID");
    let space_id = environment.get("WATSONX_SPACE_ID").filter(|_| project_id.is_none());
    let base_url = Some(environment.get("WATSONX_URL")?);
    Some(watsonx::Config { api_key: Some(key), base_url, project_id, space_id, ..Default::default() })
}

fn snowflake_account(environment: &Environment<'_>) -> Option<snowflake::Config> {
    let api_key = Some(environment.key("SNOWFLAKE_PAT")?);
    let account = Some(environment.get("SNOWFLAKE_ACCOUNT")?);
    Some(snowflake::Config { api_key, account, ..Default::default() })
}

fn databricks_workspace(environment: &Environment<'_>) -> Option<databricks::Config> {
    let host = environment.get("DATABRICKS_HOST")?;
    let url = if host.contains("://") { host } else { format!("https://{host}") };
    let place = databricks::Config { base_url: Some(url), ..Default::default() };
    if let api_key @ Some(_) = environment.key("DATABRICKS_TOKEN") {
        return Some(databricks::Config { api_key, ..place });
    }
    Some(databricks::Config {
        client_id: Some(environment.get("DATABRICKS_CLIENT_ID")?),
        client_secret: Some(environment.key("DATABRICKS_CLIENT_SECRET")?),
        ..place
    })
}

fn cloudflare_account(environment: &Environment<'_>) -> Option<cloudflare::Config> {
    let key = environment.key("CLOUDFLARE_API_TOKEN").or_else(|| environment.key("CLOUDFLARE_API_KEY"))?;
    let account_id = Some(environment.get("CLOUDFLARE_ACCOUNT_ID")?);
    Some(cloudflare::Config { api_key: Some(key), account_id, ..Default::default() })
}

/// Many machines have a token of GitHub for other purposes, so it must be said that models are meant.
fn github_account(environment: &Environment<'_>) -> Option<github::Config> {
    environment.get("GITHUB_MODELS").filter(|said| !matches!(said.as_str(), "0" | "false"))?;
    Some(github::Config { api_key: Some(environment.key("GITHUB_TOKEN")?), ..Default::default() })
}

/// `OLLAMA_HOST` as Ollama reads it: scheme and port may be missing, and what a server binds to is no address to call.
fn ollama_url(host: &str) -> String {
    let (scheme, place) = host.split_once("://").unwrap_or(("http", host));
    let (place, path) = place.split_once('/').map_or((place, ""), |(place, path)| (place, path));
    let bracket = place.rfind(']').unwrap_or(0);
    let (name, port) = match place.rfind(':').filter(|colon| *colon >= bracket) {
        Some(colon) => (&place[..colon], &place[colon + 1..]),
        None => (
            place,
            match host.split_once("://") {
                Some(("https", _)) => "443",
                Some(_) => "80",
                None => "11434",
            },
        ),
    };
    let name = match name {
        "" | "0.0.0.0" | "[::]" => "127.0.0.1",
        name => name,
    };
    let slash = if path.is_empty() { "" } else { "/" };
    format!("{scheme}://{name}:{port}{slash}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::settings::Faults;

    fn found(variables: &[(&str, &str)]) -> Vec<(String, ProviderConfig)> {
        let variable = |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        };
        let file = |path: &Path| match path.to_str() {
            Some("/gcp.json") => {
                let person =
                    r#"{"type":"authorized_user","client_id":"a","client_secret":"b","refresh_token":"c"}"#;
                Some(person.to_owned())
            }
            Some("/federated.json") => Some(r#"{"type":"external_account"}"#.to_owned()),
            _ => None,
        };
        from_env(&Environment { variable: &variable, file: &file })
    }

    fn names(variables: &[(&str, &str)]) -> Vec<String> {
        found(variables).into_iter().map(|(name, _)| name).filter(|name| name != "demo").collect()
    }

    #[test]
    fn an_empty_environment_has_the_demo() {
        let found = found(&[("OPENAI_API_KEY", " ")]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0.as_str(), found[0].1.kind()), ("demo", "demo"));
    }

    #[test]
    fn everything_that_is_found_builds() {
        let mut variables: Vec<_> =
            followers::ALL.iter().filter_map(|row| row.variable).map(|variable| (variable, "key")).collect();
        let followers = variables.len();
        variables.extend([
            ("OPENAI_API_KEY", "key"),
            ("OPENAI_BASE_URL", "https://proxy.test/v1"),
            ("ANTHROPIC_API_KEY", "key"),
            ("GOOGLE_API_KEY", "key"),
            ("CO_API_KEY", "key"),
            ("VOYAGE_API_KEY", "key"),
            ("JINA_API_KEY", "key"),
            ("OLLAMA_HOST", "0.0.0.0"),
            ("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/"),
            ("AZURE_OPENAI_API_KEY", "key"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/gcp.json"),
            ("GOOGLE_CLOUD_PROJECT", "p"),
            ("WATSONX_APIKEY", "key"),
            ("WATSONX_URL", "https://eu-de.ml.cloud.ibm.com"),
            ("SNOWFLAKE_PAT", "key"),
            ("SNOWFLAKE_ACCOUNT", "org-acct"),
            ("DATABRICKS_HOST", "dbc-1.cloud.databricks.com"),
            ("DATABRICKS_TOKEN", "key"),
            ("CLOUDFLARE_API_TOKEN", "key"),
            ("CLOUDFLARE_ACCOUNT_ID", "0a"),
            ("GITHUB_TOKEN", "key"),
            ("GITHUB_MODELS", "1"),
            ("REPLICATE_API_TOKEN", "key"),
        ]);
        let found = found(&variables);
        assert_eq!(followers, 16);
        assert_eq!(found.len(), followers + 16);
        let mut faults = Faults::default();
        for (name, config) in &found {
            let built = crate::build(name, config, &crate::conformance::stopped(), &mut faults);
            assert!(built.is_some(), "{name}: {faults}");
        }
        assert_eq!(found[0].1.account().base_url, Some("https://proxy.test/v1"));
    }

    #[test]
    fn aws_needs_a_region_and_a_credential() {
        let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
        assert_eq!(found(&keys).len(), 1);
        assert_eq!(found(&[("AWS_REGION", "us-east-1")]).len(), 1);
        let with_keys = found(&[keys[0], keys[1], ("AWS_DEFAULT_REGION", "us-east-1")]);
        let with_token =
            found(&[("AWS_BEARER_TOKEN_BEDROCK", "t"), ("AWS_REGION", "eu-west-1"), keys[0], keys[1]]);
        for found in [&with_keys, &with_token] {
            let mut faults = Faults::default();
            assert_eq!((found[0].0.as_str(), found[0].1.kind()), ("bedrock", "bedrock"));
            let built = crate::build("bedrock", &found[0].1, &crate::conformance::stopped(), &mut faults);
            assert!(built.is_some(), "{faults}");
        }
        assert_eq!(with_token[0].1.account().region, Some("eu-west-1"));
    }

    #[test]
    fn what_is_not_clearly_meant_is_left_alone() {
        assert_eq!(names(&[("GITHUB_TOKEN", "t")]), [""; 0]);
        assert_eq!(names(&[("GITHUB_TOKEN", "t"), ("GITHUB_MODELS", "false")]), [""; 0]);
        assert_eq!(names(&[("AZURE_OPENAI_API_KEY", "k")]), [""; 0]);
        let federated =
            [("GOOGLE_APPLICATION_CREDENTIALS", "/federated.json"), ("GOOGLE_CLOUD_PROJECT", "p")];
        assert_eq!(names(&federated), [""; 0]);
        assert_eq!(names(&[("CLOUDFLARE_API_TOKEN", "k")]), [""; 0]);
    }

    #[test]
    fn service_principals_are_found() {
        let azure = [
            ("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com"),
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_ID", "c"),
            ("AZURE_CLIENT_SECRET", "s"),
        ];
        let databricks = [
            ("DATABRICKS_HOST", "https://dbc.test"),
            ("DATABRICKS_CLIENT_ID", "c"),
            ("DATABRICKS_CLIENT_SECRET", "s"),
        ];
        assert_eq!(names(&azure), ["azure"]);
        assert_eq!(names(&databricks), ["databricks"]);
    }

    #[test]
    fn ollama_hosts() {
        for (host, url) in [
            ("127.0.0.1:11434", "http://127.0.0.1:11434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            (":11500", "http://127.0.0.1:11500"),
            ("box", "http://box:11434"),
            ("http://box:8000/ollama", "http://box:8000/ollama"),
            ("https://ollama.test", "https://ollama.test:443"),
            ("[::1]", "http://[::1]:11434"),
            ("[::]:11434", "http://127.0.0.1:11434"),
        ] {
            assert_eq!(ollama_url(host), url, "{host}");
        }
    }
}
