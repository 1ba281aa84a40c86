//! A strict reader of the OpenMetrics text format 1.0, as far as the gateway uses it. What it does not know it refuses.

use std::collections::{BTreeMap, BTreeSet};

/// An exposition that was read without a complaint.
pub(crate) struct Exposition {
    samples: BTreeMap<Sample, f64>,
}

/// The name of a sample and its labels, in the order of their names.
type Sample = (String, BTreeMap<String, String>);

/// A family while its lines are read.
#[derive(Default)]
struct Family {
    name: String,
    kind: String,
    unit: Option<String>,
    helped: bool,
}

impl Exposition {
    /// Reads all of it.
    ///
    /// # Panics
    /// With the line at fault.
    pub(crate) fn read(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
        let (mut samples, mut names, mut family) = (BTreeMap::new(), BTreeSet::new(), Family::default());
        for line in body.lines() {
            match line.strip_prefix("# ") {
                Some(rest) => family.describe(rest, &mut names),
                None => {
                    let (sample, value) = read_sample(line);
                    family.check(&sample, value, line);
                    assert!(samples.insert(sample, value).is_none(), "stands twice: {line}");
                }
            }
        }
        let exposition = Self { samples };
        exposition.check_histograms();
        exposition
    }

    /// The value of one sample, written as in the exposition (`name{label="value"}`); 0 when it is not there.
    pub(crate) fn value(&self, sample: &str) -> f64 {
        let (sample, _) = read_sample(&format!("{sample} 0"));
        self.samples.get(&sample).copied().unwrap_or_default()
    }

    /// Asserts that each of these lines is in it.
    pub(crate) fn assert_shows(&self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (sample, value) = read_sample(line);
            let found = self.samples.get(&sample).copied().unwrap_or_default();
            assert_eq!(found, value, "{line}");
        }
    }

    /// The sum over all samples of this name.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.samples.iter().filter(|((found, _), _)| found == name).map(|(_, value)| value).sum()
    }

    /// Every name of a sample.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.samples.keys().map(|(name, _)| name.as_str()).collect()
    }

    /// Buckets only grow, the last is `+Inf` and says what `_count` says.
    fn check_histograms(&self) {
        let mut buckets: BTreeMap<Sample, Vec<(f64, f64)>> = BTreeMap::new();
        for ((name, labels), value) in &self.samples {
            if let (Some(stem), Some(bound)) = (name.strip_suffix("_bucket"), labels.get("le")) {
                let mut rest = labels.clone();
                rest.remove("le");
                let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().expect("a bound") };
                buckets.entry((stem.to_owned(), rest)).or_default().push((bound, *value));
            }
        }
        for ((stem, labels), mut found) in buckets {
            found.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(
                found.windows(2).all(|pair| pair[0].1 <= pair[1].1),
                "{stem} {labels:?} shrinks: {found:?}"
            );
            let (last, count) = *found.last().expect("a bucket");
            assert_eq!(last, f64::INFINITY, "{stem} {labels:?} has no +Inf");
            assert_eq!(
                Some(&count),
                self.samples.get(&(format!("{stem}_count"), labels.clone())),
                "{stem}_count"
            );
            assert!(self.samples.contains_key(&(format!("{stem}_sum"), labels)), "{stem}_sum");
        }
    }
}

impl Family {
    fn describe(&mut self, rest: &str, names: &mut BTreeSet<String>) {
        let mut words = rest.splitn(3, ' ');
        let (word, name, text) =
            (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
        if self.name != name {
            assert!(is_name(name) && names.insert(name.to_owned()), "the family {name} is not in one place");
            *self = Self { name: name.to_owned(), ..Self::default() };
        }
        match word {
            "TYPE" => self.kind = text.to_owned(),
            "HELP" => self.helped = text.ends_with('.'),
            "UNIT" => {
                assert!(name.ends_with(&format!("_{text}")), "{name} does not end with its unit {text}");
                self.unit = Some(text.to_owned());
            }
            _ => panic!("not a line of a family: {rest}"),
        }
    }

    fn check(&self, (name, labels): &Sample, value: f64, line: &str) {
        let suffix =
            name.strip_prefix(&*self.name).unwrap_or_else(|| panic!("{line} is outside of {}", self.name));
        assert!(self.helped, "{} has no help", self.name);
        let allowed: &[&str] = match &*self.kind {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            kind => panic!("{} is of the kind {kind:?}", self.name),
        };
        assert!(allowed.contains(&suffix), "{line} does not suit a {}", self.kind);
        assert_eq!(suffix == "_bucket", labels.contains_key("le"), "{line}");
        assert!(self.kind == "gauge" || value >= 0.0, "{line} is negative");
    }
}

fn is_name(text: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().all(rest) && text.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// `name{label="value",…} number`.
fn read_sample(line: &str) -> (Sample, f64) {
    let (name, rest) = line.split_at(line.find(['{', ' ']).expect("a value"));
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    let mut rest = rest;
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").expect("a label");
            let (value, after) = read_text(after);
            assert!(is_name(label) && labels.insert(label.to_owned(), value).is_none(), "{line}");
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let number = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let value = number.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
    ((name.to_owned(), labels), value)
}

/// A label's value up to its quote, and what follows.
fn read_text(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match characters.next() {
                Some((_, 'n')) => '\n',
                Some((_, escaped @ ('"' | '\\'))) => escaped,
                other => panic!("not an escape: {other:?} in {text}"),
            }),
            _ => value.push(character),
        }
    }
    panic!("an open quote: {text}");
}

#[test]
#[should_panic(expected = "stands twice")]
fn the_reader_is_strict() {
    let family = "# TYPE a counter\n# HELP a It counts.\n";
    let read = Exposition::read(&format!("{family}a_total{{b=\"c\\\"d\"}} 1\n# EOF\n"));
    assert_eq!(read.value("a_total{b=\"c\\\"d\"}"), 1.0);
    Exposition::read(&format!("{family}a_total 1\na_total 2\n# EOF\n"));
}
