//! Betas of Anthropic's dialect, for clouds that offer Claude: they refuse a request that names one they do not know, and
//! Claude's clients name them all. Those a cloud has are told by its quirks.

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const BETA: HeaderName = HeaderName::from_static("anthropic-beta");

/// The betas a cloud has, by how their names begin, and those it calls otherwise.
#[derive(Debug)]
pub(crate) struct Betas {
    pub(crate) known: &'static [&'static str],
    pub(crate) renamed: &'static [(&'static str, &'static str)],
}

impl Betas {
    /// The betas in a request's headers that the cloud has, as it calls them.
    pub(crate) fn of<'a>(&'a self, headers: &'a HeaderMap) -> Vec<&'a str> {
        let lists = headers.get_all(BETA).iter().filter_map(|value| value.to_str().ok());
        let mut out = Vec::new();
        for beta in lists.flat_map(|list| list.split(',')).map(str::trim) {
            let renamed = self.renamed.iter().find(|(from, _)| *from == beta).map(|(_, to)| *to);
            let known = || self.known.iter().any(|known| beta.starts_with(known)).then_some(beta);
            if let Some(beta) = renamed.or_else(known)
                && !out.contains(&beta)
            {
                out.push(beta);
            }
        }
        out
    }

    /// Leaves only these in the headers.
    pub(crate) fn filter(&self, headers: &mut HeaderMap) {
        let kept = HeaderValue::from_str(&self.of(headers).join(","));
        headers.remove(BETA);
        if let Some(kept) = kept.ok().filter(|kept| !kept.is_empty()) {
            headers.insert(BETA, kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_cloud_has_goes_on() {
        let betas = Betas { known: &["effort-"], renamed: &[("old-1", "new-1")] };
        let mut headers = HeaderMap::new();
        for list in ["claude-code-20250219, effort-2025-11-24", "old-1,new-1,,effort-2025-11-24"] {
            headers.append(BETA, HeaderValue::from_static(list));
        }
        assert_eq!(betas.of(&headers), ["effort-2025-11-24", "new-1"]);
        betas.filter(&mut headers);
        assert_eq!(headers[BETA], "effort-2025-11-24,new-1");
        let mut headers = HeaderMap::from_iter([(BETA, HeaderValue::from_static("claude-code-20250219"))]);
        betas.filter(&mut headers);
        assert!(headers.is_empty());
    }
}
