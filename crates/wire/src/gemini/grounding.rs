//! What Google searched for an answer, counted for the bill. What it found is cited in `sources.rs`.
//!
//! Each query that is not empty is a search (ai.google.dev/gemini-api/docs/google-search#pricing); whether each is billed or
//! the answer once is the model's price. Places of Google Maps have a price of their own.

use contract::words::Usage;
use serde::Deserialize;
use serde_json::Value;

use super::answer::Candidate;

const GROUNDING: &str = "groundingMetadata";

/// What was searched for one answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Searched {
    searches: u64,
    maps: bool,
}

impl Searched {
    /// Of these candidates too. A stream tells it in its last frames, some more than once.
    pub(super) fn see(&mut self, candidates: &[Candidate]) {
        let all = candidates.iter().filter_map(|candidate| candidate.fields.get(GROUNDING));
        self.most(all);
    }

    fn most<'v>(&mut self, all: impl Iterator<Item = &'v Value>) {
        let mut searches = 0;
        for metadata in all {
            let list = |name: &str| metadata.get(name).and_then(Value::as_array).into_iter().flatten();
            let queries = list("webSearchQueries").chain(list("imageSearchQueries"));
            searches += queries.filter(|query| query.as_str().is_some_and(|query| !query.is_empty())).count();
            self.maps |= list("groundingChunks").any(|chunk| chunk.get("maps").is_some());
        }
        self.searches = self.searches.max(searches as u64);
    }

    /// Beside these counts.
    pub(super) fn beside(self, usage: Usage) -> Usage {
        Usage { searches: self.searches, tools: u64::from(self.maps), ..usage }
    }
}

/// These counts with what `candidates` tells, JSON as it stands. Read only where something is told; the most counts.
pub(crate) fn grounded(usage: Usage, candidates: &[u8]) -> Usage {
    #[derive(Deserialize)]
    struct Grounded {
        #[serde(default, rename = "groundingMetadata")]
        metadata: Value,
    }
    if memchr::memmem::find(candidates, b"\"groundingMetadata\"").is_none() {
        return usage;
    }
    let Ok(candidates) = serde_json::from_slice::<Vec<Grounded>>(candidates) else { return usage };
    let mut searched = Searched { searches: usage.searches, maps: usage.tools > 0 };
    searched.most(candidates.iter().map(|candidate| &candidate.metadata));
    searched.beside(usage)
}
