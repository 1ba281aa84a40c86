//! Where a URL leads, and the three ways a request line can name it.

use contract::Body;
use contract::ports::UpstreamFailure;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Uri};

/// The server a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) tls: bool,
    pub(crate) authority: Authority,
}

impl Target {
    pub(crate) fn of(uri: &Uri) -> Result<Self, UpstreamFailure> {
        let refused = |what: &str| Err(UpstreamFailure::Build(what.to_owned()));
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return refused("the URL is neither http nor https"),
        };
        match uri.authority() {
            Some(authority) if authority.host().is_empty() => refused("the URL names no host"),
            Some(authority) if authority.as_str().contains('@') => refused("the URL holds credentials"),
            Some(authority) => Ok(Self { tls, authority: authority.clone() }),
            None => refused("the URL names no host"),
        }
    }

    /// The host without the brackets of an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        let host = self.authority.host();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    pub(crate) fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.tls { 443 } else { 80 })
    }

    /// The `host` header.
    pub(crate) fn host_header(&self) -> Result<HeaderValue, UpstreamFailure> {
        HeaderValue::from_str(self.authority.as_str())
            .map_err(|_| UpstreamFailure::Build("the URL's host is not valid in a header".to_owned()))
    }
}

/// How a connection wants its requests to name their target (RFC 9112 §3.2, RFC 9113 §8.3.1).
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// HTTP/1 to the server: path and query, the host in its header.
    Origin(HeaderValue),
    /// HTTP/1 to a proxy: the whole URL, the host in its header, credentials for the proxy.
    Absolute(HeaderValue, Option<HeaderValue>),
    /// HTTP/2: the whole URL, from which the pseudo headers are made; no `host` header.
    Pseudo,
}

impl Form {
    /// Writes the target into a request.
    pub(crate) fn apply(&self, request: &mut Request<Body>, url: &Uri) {
        match self {
            Self::Origin(host) => {
                let path = url.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
                *request.uri_mut() = Uri::from(path);
                request.headers_mut().insert(HOST, host.clone());
            }
            Self::Absolute(host, credentials) => {
                *request.uri_mut() = url.clone();
                request.headers_mut().insert(HOST, host.clone());
                if let Some(credentials) = credentials {
                    request.headers_mut().insert(PROXY_AUTHORIZATION, credentials.clone());
                }
            }
            Self::Pseudo => {
                *request.uri_mut() = url.clone();
                request.headers_mut().remove(HOST);
            }
        }
    }

    /// Takes out again what must not reach another connection.
    pub(crate) fn undo(&self, request: &mut Request<Body>) {
        if let Self::Absolute(_, Some(_)) = self {
            request.headers_mut().remove(PROXY_AUTHORIZATION);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, UpstreamFailure> {
        Target::of(&url.parse().unwrap())
    }

    #[test]
    fn ports_follow_the_scheme() {
        for (url, host, port) in [
            ("http://a.test/x", "a.test", 80),
            ("https://a.test", "a.test", 443),
            ("https://a.test:8443/", "a.test", 8443),
            ("http://[::1]:81/", "::1", 81),
        ] {
            let target = target(url).unwrap();
            assert_eq!((target.host(), target.port()), (host, port), "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for url in ["/path", "ftp://a.test/", "http://user:secret@a.test/"] {
            let failure = target(url).unwrap_err();
            assert!(matches!(failure, UpstreamFailure::Build(_)), "{url}");
            assert!(!failure.to_string().contains("secret"));
        }
    }
}
