//! Which proxy a target is reached through, with the meaning of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`.
//!
//! There is no standard; these are the rules of Go's `httpproxy`, which most infrastructure tools follow. Proxies that
//! are themselves spoken to over TLS, and SOCKS, are refused at start.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contract::settings::{Faults, SecretText};
use http::HeaderValue;

use crate::addresses::Net;
use crate::config::ProxyConfig;
use crate::error::EgressError;
use crate::target::Target;

/// A proxy to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of `proxy-authorization`.
    pub(crate) credentials: Option<HeaderValue>,
}

/// The proxies and their exceptions.
#[derive(Debug, Default)]
pub(crate) struct ProxyRules {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: Vec<Exception>,
}

#[derive(Debug, PartialEq, Eq)]
enum Exception {
    All,
    Net(Net),
    Address(IpAddr, Option<u16>),
    /// Subdomains of this name (which begins with a dot), and itself unless only they are meant.
    Domain {
        suffix: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl ProxyRules {
    pub(crate) fn new(config: &ProxyConfig) -> Result<Self, EgressError> {
        let direct = config.no_proxy.as_deref().unwrap_or_default();
        Ok(Self {
            http: parse(config.http.as_ref(), "http")?,
            https: parse(config.https.as_ref(), "https")?,
            direct: direct
                .split([',', ' '])
                .map(str::trim)
                .filter(|entry| !entry.is_empty())
                .map(Exception::parse)
                .collect(),
        })
    }

    /// The proxy for a target, if it is not to be reached directly.
    pub(crate) fn pick(&self, target: &Target) -> Option<&Proxy> {
        let proxy = if target.tls { self.https.as_ref() } else { self.http.as_ref() }?;
        let (host, port) = (target.host().trim_end_matches('.').to_ascii_lowercase(), target.port());
        let address = host.parse::<IpAddr>().ok();
        let loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        let direct = loopback || self.direct.iter().any(|rule| rule.covers(&host, address, port));
        (!direct).then_some(proxy)
    }
}

impl Exception {
    fn parse(entry: &str) -> Self {
        if entry == "*" {
            return Self::All;
        }
        if let Some(net) = Net::parse(entry) {
            return Self::Net(net);
        }
        let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Self::Address(address, None);
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => (name, port.parse().ok()),
            _ => (entry, None),
        };
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Self::Address(address, port);
        }
        let name = name.strip_prefix('*').unwrap_or(name).trim_end_matches('.').to_ascii_lowercase();
        let itself = !name.starts_with('.');
        let suffix = if itself { format!(".{name}") } else { name };
        Self::Domain { suffix, itself, port }
    }

    fn covers(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::Net(net) => address.is_some_and(|address| net.contains(address)),
            Self::Address(rule, only) => address == Some(*rule) && only.is_none_or(|only| only == port),
            Self::Domain { suffix, itself, port: only } => {
                only.is_none_or(|only| only == port)
                    && (host.ends_with(suffix.as_str()) || (*itself && host == &suffix[1..]))
            }
        }
    }
}

/// Notes the addresses that cannot be used.
pub(crate) fn check(config: &ProxyConfig, faults: &mut Faults) {
    for (setting, field) in [(&config.http, "http"), (&config.https, "https")] {
        if let Err(EgressError::Proxy { field, reason }) = parse(setting.as_ref(), field) {
            faults.add(format!("egress.proxy.{field}"), reason);
        }
    }
}

fn parse(setting: Option<&SecretText>, field: &'static str) -> Result<Option<Proxy>, EgressError> {
    let Some(setting) = setting.filter(|setting| !setting.is_empty()) else { return Ok(None) };
    let wrong = |reason: &str| EgressError::Proxy { field, reason: reason.to_owned() };
    let secret = setting.reveal();
    let text = secret.expose().trim();
    let rest = match text.split_once("://") {
        Some(("http", rest)) => rest,
        Some(_) => return Err(wrong("only proxies with an http:// address are supported")),
        None => text,
    };
    let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (credentials, place) = match rest.rsplit_once('@') {
        Some((credentials, place)) => (Some(credentials), place),
        None => (None, rest),
    };
    let authority: http::uri::Authority = place.parse().map_err(|_| wrong("not an address"))?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    if host.is_empty() {
        return Err(wrong("no host"));
    }
    let credentials = credentials.map(basic).transpose().map_err(|()| wrong("bad user name or password"))?;
    Ok(Some(Proxy { host, port: authority.port_u16().unwrap_or(80), credentials }))
}

/// `user:password`, percent-encoded, as a Basic credential (RFC 7617).
fn basic(text: &str) -> Result<HeaderValue, ()> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let mut plain = percent_decoded(user)?;
    plain.push(b':');
    plain.extend(percent_decoded(password)?);
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain))).map_err(|_| ())?;
    value.set_sensitive(true);
    Ok(value)
}

fn percent_decoded(text: &str) -> Result<Vec<u8>, ()> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit().ok_or(())?, digit().ok_or(())?);
        out.push(u8::try_from(high * 16 + low).map_err(|_| ())?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(no_proxy: &str) -> ProxyRules {
        let proxy = Some(SecretText::new("http://proxy.test:3128"));
        ProxyRules::new(&ProxyConfig {
            http: proxy.clone(),
            https: proxy,
            no_proxy: Some(no_proxy.to_owned()),
        })
        .unwrap()
    }

    fn direct(no_proxy: &str, url: &str) -> bool {
        rules(no_proxy).pick(&Target::of(&url.parse().unwrap()).unwrap()).is_none()
    }

    #[test]
    fn no_proxy_table() {
        for (no_proxy, url, expected) in [
            ("", "https://api.test/", false),
            ("*", "https://api.test/", true),
            ("api.test", "https://api.test/", true),
            ("api.test", "https://API.Test./", true),
            ("api.test", "https://eu.api.test/", true),
            ("api.test", "https://myapi.test/", false),
            (".api.test", "https://api.test/", false),
            (".api.test", "https://eu.api.test/", true),
            ("*.api.test", "https://eu.api.test/", true),
            ("*.api.test", "https://api.test/", false),
            ("api.test:8443", "https://api.test/", false),
            ("api.test:8443", "https://api.test:8443/", true),
            ("a.test, b.test", "https://b.test/", true),
            ("10.0.0.0/8", "http://10.2.3.4/", true),
            ("10.0.0.0/8", "http://11.2.3.4/", false),
            ("10.0.0.0/8", "http://10.2.3.4.test/", false),
            ("10.1.1.1", "http://10.1.1.1:81/", true),
            ("10.1.1.1:80", "http://10.1.1.1:81/", false),
            ("fd00::/8", "http://[fd12::1]/", true),
            ("fd12::1", "http://[fd12::1]:81/", true),
            ("[fd12::1]:81", "http://[fd12::1]:81/", true),
            ("[fd12::1]:82", "http://[fd12::1]:81/", false),
            ("", "http://localhost:11434/", true),
            ("", "http://127.0.0.1:8000/", true),
            ("", "http://[::1]/", true),
        ] {
            assert_eq!(direct(no_proxy, url), expected, "NO_PROXY={no_proxy} {url}");
        }
    }

    #[test]
    fn proxy_addresses() {
        let some = |text: &str| parse(Some(&SecretText::new(text)), "http").map(Option::unwrap);
        let proxy = some("http://me:p%40ss@proxy.test:3128/").unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.test", 3128));
        assert_eq!(proxy.credentials.unwrap(), format!("Basic {}", STANDARD.encode("me:p@ss")).as_str());
        assert_eq!(some("proxy.test").unwrap().port, 80);
        assert_eq!(some("http://[fd00::1]:8080").unwrap().host, "fd00::1");
        for text in ["https://proxy.test", "socks5://proxy.test", "http://:80", "http://a%zz:b@proxy.test"] {
            assert!(some(text).is_err(), "{text}");
        }
        assert!(parse(Some(&SecretText::new("")), "http").unwrap().is_none());
    }
}
