//! Accounts from their configuration: one line for each kind.

use std::sync::Arc;

use contract::ports::{Provider, SharedProvider};
use contract::settings::Faults;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use crate::config::{Kind, ProviderConfig};
use crate::demo::Demo;
use crate::profile::{Auth, Path, Profile};
use crate::remote::Remote;
use crate::{anthropic, gemini, ollama, openai, openai_compatible};

const USER_AGENT: &str = concat!("pathgate/", env!("CARGO_PKG_VERSION"));

fn profile(kind: Kind) -> Option<&'static Profile> {
    match kind {
        Kind::Openai => Some(&openai::PROFILE),
        Kind::OpenaiCompatible => Some(&openai_compatible::PROFILE),
        Kind::Anthropic => Some(&anthropic::PROFILE),
        Kind::Gemini => Some(&gemini::PROFILE),
        Kind::Ollama => Some(&ollama::PROFILE),
        Kind::Demo => None,
    }
}

/// The built-in provider under its usual name.
#[must_use]
pub fn demo() -> SharedProvider {
    Arc::new(Demo::new("demo"))
}

/// An account; what is wrong with it is noted under `providers.<name>`, and then there is none.
pub fn build(name: &str, config: &ProviderConfig, faults: &mut Faults) -> Option<SharedProvider> {
    let at = format!("providers.{name}");
    let before = faults.problems().len();
    let Some(profile) = profile(config.kind) else {
        return Some(Arc::new(Demo::new(name)) as Arc<dyn Provider>);
    };
    let base = base_url(profile, config, &at, faults);
    let headers = headers(profile, config, &at, faults);
    if let Some(tls) = &config.tls
        && tls.client_cert.is_some() != tls.client_key.is_some()
    {
        faults.add(format!("{at}.tls"), "`client_cert` and `client_key` go together");
    }
    if faults.problems().len() > before {
        return None;
    }
    let base = base?;
    let url = |path: &Path| match path {
        Path::Fixed(path) => format!("{base}{path}").parse::<Uri>().ok(),
        Path::Model { .. } => None,
    };
    Some(Arc::new(Remote {
        name: name.into(),
        profile,
        urls: profile.surfaces.iter().map(|surface| url(&surface.path)).collect(),
        base,
        headers,
        timeouts: config.timeouts.into(),
        listed: config.models.clone(),
    }))
}

fn base_url(profile: &Profile, config: &ProviderConfig, at: &str, faults: &mut Faults) -> Option<String> {
    let path = format!("{at}.base_url");
    let Some(text) = config.base_url.as_deref().or(profile.base_url) else {
        faults.add(path, "this kind needs a base URL, such as http://127.0.0.1:8000/v1");
        return None;
    };
    let text = text.trim_end_matches('/');
    let sound = text.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    });
    if !sound || text.contains('@') {
        faults
            .add(path, "not a base URL: write http:// or https://, a host and a path, without user or query");
        return None;
    }
    Some(text.to_owned())
}

fn headers(profile: &Profile, config: &ProviderConfig, at: &str, faults: &mut Faults) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    for (name, value) in profile.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    match config.api_key.as_ref().filter(|key| !key.is_empty()) {
        Some(key) => {
            let (name, text) = match profile.auth {
                Auth::Bearer => (header::AUTHORIZATION, format!("Bearer {}", key.reveal().expose())),
                Auth::Header(name) => (HeaderName::from_static(name), key.reveal().expose().to_owned()),
            };
            match secret(&text) {
                Some(value) => drop(headers.insert(name, value)),
                None => faults.add(format!("{at}.api_key"), "holds characters that a header cannot carry"),
            }
        }
        None if profile.needs_key => {
            faults.add(format!("{at}.api_key"), "this kind needs a key, such as ${OPENAI_API_KEY}");
        }
        None => {}
    }
    for (name, value) in &config.headers {
        match (HeaderName::try_from(name), secret(value.reveal().expose())) {
            (Ok(name), Some(value)) => drop(headers.insert(name, value)),
            _ => faults.add(format!("{at}.headers.{name}"), "not a header that can be sent"),
        }
    }
    headers
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
