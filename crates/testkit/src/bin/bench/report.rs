//! Medians over the rounds, the table for people and the line for machines.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::plan::PHASES;
use crate::round::{Round, Sample};

const TARGETS: [&str; 4] = ["direct", "nginx", "pathgate", "before"];
const DIRECT: usize = 0;
const NGINX: usize = 1;
const OURS: usize = 2;
/// Another build of ours, if there is one.
const BEFORE: usize = 3;

/// Everything that is printed.
pub(crate) struct Figures {
    rows: Vec<[Row; 4]>,
    ready_ms: f64,
    rss_first_mb: f64,
    rss_mb: f64,
    nginx_rss_mb: f64,
    requests: u64,
    errors: u64,
}

/// Medians of one phase and one target.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
    ttft_p50_us: f64,
    ttft_p99_us: f64,
    cpu_us: f64,
    stalls: u64,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        len if len % 2 == 1 => values[len / 2],
        len => f64::midpoint(values[len / 2 - 1], values[len / 2]),
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn row(samples: &[&Sample]) -> Row {
    let of = |figure: fn(&Sample) -> f64| median(samples.iter().map(|sample| figure(sample)).collect());
    Row {
        per_second: of(|sample| sample.found.requests as f64 / sample.found.seconds),
        p50_us: of(|sample| sample.found.p50_us),
        p99_us: of(|sample| sample.found.p99_us),
        ttft_p50_us: of(|sample| sample.found.ttft_p50_us),
        ttft_p99_us: of(|sample| sample.found.ttft_p99_us),
        cpu_us: of(|sample| sample.cpu_us),
        stalls: samples.iter().map(|sample| sample.found.stalls).sum(),
    }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn ratio(ours: f64, theirs: f64) -> Value {
    if theirs > 0.0 { json!((ours / theirs * 1_000.0).round() / 1_000.0) } else { Value::Null }
}

impl Figures {
    pub(crate) fn from_rounds(rounds: &[Round], ready: Vec<f64>) -> Self {
        let rows = (0..PHASES.len())
            .map(|phase| {
                std::array::from_fn(|target| {
                    row(&rounds.iter().filter_map(|round| round[phase].get(target)).collect::<Vec<_>>())
                })
            })
            .collect();
        let all = || rounds.iter().flatten();
        let rss = |round: Option<&Round>, target: usize| {
            round.and_then(|round| round.last()).map_or(0.0, |row| row[target].rss_mb)
        };
        Self {
            rows,
            ready_ms: median(ready),
            rss_first_mb: rss(rounds.first(), OURS),
            rss_mb: rss(rounds.last(), OURS),
            nginx_rss_mb: rss(rounds.last(), NGINX),
            requests: all().map(|row| row[OURS].found.requests).sum(),
            errors: all().flatten().map(|sample| sample.found.errors).sum(),
        }
    }

    pub(crate) const fn errors(&self) -> u64 {
        self.errors
    }

    fn phase(&self, name: &str) -> [Row; 4] {
        let at = PHASES.iter().position(|phase| phase.name == name);
        at.and_then(|at| self.rows.get(at)).copied().unwrap_or_default()
    }

    /// CPU time to that of the other build, where there is one.
    fn to_before(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let both = PHASES
            .iter()
            .zip(&self.rows)
            .map(|(phase, row)| (phase.name, row[OURS].cpu_us, row[BEFORE].cpu_us));
        both.take(3).filter(|(_, _, before)| *before > 0.0).map(|(name, ours, before)| (name, ours / before))
    }

    pub(crate) fn table(&self) -> String {
        let mut out = String::new();
        for (phase, row) in PHASES.iter().zip(&self.rows) {
            let (what, first) =
                if phase.stream { ("streams/s", "   TTFT p50/p99 µs") } else { ("req/s", "") };
            writeln!(out, "\n{}", phase.title).ok();
            writeln!(
                out,
                "{:10} {what:>10} {:>20} {:>13} {:>7}{first}",
                "", "p50/p99 µs", "CPU-s/1k", "× nginx"
            )
            .ok();
            let there = TARGETS.iter().zip(row).filter(|(_, figures)| figures.per_second > 0.0);
            for (name, figures) in there {
                writeln!(out, "{}", line(name, figures, &row[NGINX], phase.stream)).ok();
            }
        }
        writeln!(
            out,
            "\nMemory: pathgate {:.1} MB after the first round, {:.1} MB after {} requests; nginx {:.1} MB. \
             Ready in {:.0} ms.",
            self.rss_first_mb, self.rss_mb, self.requests, self.nginx_rss_mb, self.ready_ms
        )
        .ok();
        for (name, share) in self.to_before() {
            writeln!(out, "CPU time to the build before, {name}: {share:.3}").ok();
        }
        writeln!(out, "CPU-s/1k counts what a proxy does after its last answer too, until it is at rest.\n")
            .ok();
        out
    }

    pub(crate) fn json(&self) -> Value {
        let (small, large, stream) = (self.phase("1k"), self.phase("100k"), self.phase("stream"));
        let (latency, ttft) = (self.phase("latency"), self.phase("ttft"));
        let per_target = |figure: &dyn Fn(usize) -> f64| json!({ "direct": figure(DIRECT), "nginx": figure(NGINX), "pathgate": figure(OURS) });
        let cpu =
            |row: [Row; 4]| json!({ "nginx": tenth(row[NGINX].cpu_us), "pathgate": tenth(row[OURS].cpu_us) });
        json!({
            "cpu_ratio_1k": ratio(small[OURS].cpu_us, small[NGINX].cpu_us),
            "cpu_ratio_100k": ratio(large[OURS].cpu_us, large[NGINX].cpu_us),
            "cpu_ratio_stream": ratio(stream[OURS].cpu_us, stream[NGINX].cpu_us),
            "to_before": self.to_before().map(|(name, share)| (name.to_owned(), json!((share * 1_000.0).round() / 1_000.0))).collect::<serde_json::Map<_, _>>(),
            "added_p50_us": tenth(latency[OURS].p50_us - latency[NGINX].p50_us),
            "added_p99_us": tenth(latency[OURS].p99_us - latency[NGINX].p99_us),
            "added_ttft_us": tenth(ttft[OURS].ttft_p50_us - ttft[NGINX].ttft_p50_us),
            "rss_mb": tenth(self.rss_mb),
            "rss_first_round_mb": tenth(self.rss_first_mb),
            "ready_ms": tenth(self.ready_ms),
            "stalls": stream[OURS].stalls + ttft[OURS].stalls,
            "cpu_us_1k": cpu(small),
            "cpu_us_100k": cpu(large),
            "cpu_us_stream": cpu(stream),
            "per_second_1k": per_target(&|target| small[target].per_second.round()),
            "per_second_100k": per_target(&|target| large[target].per_second.round()),
            "streams_per_second": per_target(&|target| stream[target].per_second.round()),
            "p50_us_c1": per_target(&|target| tenth(latency[target].p50_us)),
            "p99_us_c1": per_target(&|target| tenth(latency[target].p99_us)),
            "ttft_p50_us_c1": per_target(&|target| tenth(ttft[target].ttft_p50_us)),
            "requests": self.requests,
            "errors": self.errors,
        })
    }
}

fn line(name: &str, row: &Row, nginx: &Row, stream: bool) -> String {
    let mut out =
        format!("{name:10} {:>10.0} {:>20}", row.per_second, format!("{:.0}/{:.0}", row.p50_us, row.p99_us));
    if row.cpu_us > 0.0 {
        write!(out, " {:>13.4} {:>7.2}", row.cpu_us / 1_000.0, row.cpu_us / nginx.cpu_us).ok();
    } else {
        write!(out, " {:>13} {:>7}", "–", "–").ok();
    }
    if stream {
        write!(out, "   {:.0}/{:.0}", row.ttft_p50_us, row.ttft_p99_us).ok();
        if row.stalls > 0 {
            write!(out, "   {} stalls ≥ 30 ms", row.stalls).ok();
        }
    }
    out
}
