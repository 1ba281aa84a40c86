//! Counters, histograms and their series, made for writing: atomics, no lock that a reader could hold, no allocation once a
//! series exists.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use contract::ports::Outcome;
use contract::words::Dialect;

/// Requests that no deployment answered.
pub(super) const NO_DEPLOYMENT: &str = "none";
/// Deployments without series of their own: beyond [`MOST_DEPLOYMENTS`], or named by a client and never heard of.
pub(super) const OTHER_DEPLOYMENTS: &str = "other";
/// A gateway with `provider/*` routes meets as many deployments as its clients can name.
const MOST_DEPLOYMENTS: usize = 1000;

/// Upper bounds of buckets in microseconds: whole requests and waits for upstreams.
pub(super) const LATENCY: &[u64] = &[
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
];
/// Upper bounds of buckets in microseconds: our own stages, of which only `attempt` and `admit` wait for others.
pub(super) const SHORT: &[u64] = &[
    1, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000,
    60_000_000,
];

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// How often a duration fell between two bounds.
#[derive(Debug)]
pub(super) struct Histogram {
    bounds: &'static [u64],
    /// One more than bounds: the last one has none.
    buckets: Box<[AtomicU64]>,
    nanos: AtomicU64,
}

/// A histogram as it is shown: sum in seconds, count, and buckets with their upper bounds in seconds.
pub(super) struct Shown {
    pub(super) sum: f64,
    pub(super) count: u64,
    pub(super) buckets: Vec<(f64, u64)>,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [u64]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, nanos: AtomicU64::new(0) }
    }

    pub(super) fn observe(&self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let at = self.bounds.partition_point(|bound| bound * 1000 < nanos);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Relaxed);
        }
        // Most stages of most requests have nothing to do.
        if nanos > 0 {
            self.nanos.fetch_add(nanos, Relaxed);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a metric is read to a few digits")]
    pub(super) fn show(&self) -> Shown {
        let bounds = self.bounds.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
        let buckets: Vec<_> =
            bounds.zip(&self.buckets).map(|(bound, count)| (bound, count.load(Relaxed))).collect();
        Shown {
            sum: self.nanos.load(Relaxed) as f64 / 1e9,
            // The sum of what is shown, so that the last bucket and the count agree whatever happens meanwhile.
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

/// Counts by a small key. Few keys ever occur, so a search from the front is the fastest look-up.
#[derive(Debug)]
pub(super) struct Series<K>(RwLock<Vec<(K, Count)>>);

impl<K> Default for Series<K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: PartialEq + Clone> Series<K> {
    pub(super) fn add(&self, key: &K) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = known.iter().find(|(known, _)| known == key) {
            count.add(1);
            return;
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match known.iter().find(|(known, _)| known == key) {
            Some((_, count)) => count.add(1),
            None => known.push((key.clone(), Count(AtomicU64::new(1)))),
        }
    }

    pub(super) fn show(&self) -> Vec<(K, u64)> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(key, count)| (key.clone(), count.get())).collect()
    }
}

/// The kinds of tokens, in the order of [`DeploymentFigures::tokens`].
pub(super) const TOKEN_KINDS: [&str; 5] = ["input", "cached", "cache_write", "output", "reasoning"];

/// What is counted for one deployment.
#[derive(Debug)]
pub(super) struct DeploymentFigures {
    /// `provider/upstream-name`, or one of the two stand-ins above.
    pub(super) name: Arc<str>,
    pub(super) requests: Series<(Dialect, u16, Outcome)>,
    /// By provider too, as `other` stands for deployments of several.
    pub(super) attempts: Series<(Arc<str>, Outcome, Option<Arc<str>>)>,
    pub(super) tokens: [Count; 5],
    pub(super) cost_nano: Count,
    pub(super) cost_unknown: Count,
    pub(super) first_byte: Histogram,
}

impl DeploymentFigures {
    fn new(name: Arc<str>) -> Self {
        Self {
            name,
            requests: Series::default(),
            attempts: Series::default(),
            tokens: std::array::from_fn(|_| Count::default()),
            cost_nano: Count::default(),
            cost_unknown: Count::default(),
            first_byte: Histogram::new(LATENCY),
        }
    }
}

type Map = HashMap<Arc<str>, Arc<DeploymentFigures>>;

/// The figures of each deployment admitted so far. Reading takes no lock; admitting a deployment copies the map.
#[derive(Debug)]
pub(super) struct Deployments {
    map: ArcSwap<Map>,
    none: DeploymentFigures,
    other: DeploymentFigures,
    growing: Mutex<()>,
}

impl Default for Deployments {
    fn default() -> Self {
        Self {
            map: ArcSwap::default(),
            none: DeploymentFigures::new(NO_DEPLOYMENT.into()),
            other: DeploymentFigures::new(OTHER_DEPLOYMENTS.into()),
            growing: Mutex::default(),
        }
    }
}

/// The deployments as they were at one moment.
pub(super) struct Seen<'a> {
    map: Guard<Arc<Map>>,
    all: &'a Deployments,
}

impl Deployments {
    pub(super) fn load(&self) -> Seen<'_> {
        Seen { map: self.map.load(), all: self }
    }

    /// All of them, in the order of their names, the stand-ins last.
    pub(super) fn show(
        &self,
        mut each: impl FnMut(&DeploymentFigures) -> std::fmt::Result,
    ) -> std::fmt::Result {
        let map = self.map.load();
        let mut all: Vec<_> = map.values().collect();
        all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        for figures in all {
            each(figures)?;
        }
        each(&self.none)?;
        each(&self.other)
    }

    fn grow(&self, name: &Arc<str>) -> Option<Arc<DeploymentFigures>> {
        let _one_at_a_time = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let map = self.map.load();
        if let Some(figures) = map.get(name) {
            return Some(Arc::clone(figures));
        }
        if map.len() >= MOST_DEPLOYMENTS {
            return None;
        }
        let figures = Arc::new(DeploymentFigures::new(Arc::clone(name)));
        let mut grown = Map::clone(&map);
        grown.insert(Arc::clone(name), Arc::clone(&figures));
        self.map.store(Arc::new(grown));
        Some(figures)
    }
}

impl Seen<'_> {
    /// What to count in for a deployment that has series of its own, or for all others; `None` is for requests that no
    /// deployment answered.
    pub(super) fn get(&self, name: Option<&Arc<str>>) -> &DeploymentFigures {
        let Some(name) = name else { return &self.all.none };
        self.map.get(name).map_or(&self.all.other, |figures| figures)
    }

    /// Counts for a deployment, which gets series of its own now if there is room.
    pub(super) fn admit(&self, name: &Arc<str>, count: impl FnOnce(&DeploymentFigures)) {
        match self.map.get(name) {
            Some(figures) => count(figures),
            None => match self.all.grow(name) {
                Some(figures) => count(&figures),
                None => count(&self.all.other),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_fall_below_their_bound() {
        let histogram = Histogram::new(&[1, 10]);
        for micros in [0, 1, 2, 10, 11, 1_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let shown = histogram.show();
        assert_eq!(shown.buckets, [(1e-6, 2), (1e-5, 2), (f64::INFINITY, 2)]);
        assert_eq!(shown.count, 6);
        assert!((shown.sum - 1.000_024).abs() < 1e-9);
    }

    #[test]
    fn deployments_are_capped() {
        let deployments = Deployments::default();
        for number in 0..MOST_DEPLOYMENTS + 5 {
            let name: Arc<str> = format!("p/{number}").into();
            deployments.load().admit(&name, |figures| figures.cost_unknown.add(1));
        }
        assert_eq!(deployments.map.load().len(), MOST_DEPLOYMENTS);
        assert_eq!(deployments.other.cost_unknown.get(), 5);
    }
}
