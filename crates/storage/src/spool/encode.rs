//! Writes the record of a finished request: the one piece of storage that runs while a request does.
//!
//! [`super::line`] says what the form is and reads it.

use contract::ports::{AttemptEntry, RequestEntry, Settled};
use contract::words::UsageSource;

use super::line::{HEAD, VERSION};
use crate::json::Json;

/// Longer than most lines: one allocation.
const USUAL: usize = 1_536;

/// Writes the line of a finished request into `line`, replacing what is there.
pub(super) fn encode(line: &mut Vec<u8>, settled: &Settled) {
    line.clear();
    line.reserve(USUAL);
    line.extend_from_slice(&[b' '; HEAD]);
    let mut json = Json(line);
    request(&mut json, &settled.request);
    json.raw(",\"attempts\":[");
    for (at, attempt) in settled.attempts.iter().enumerate() {
        json.raw(if at == 0 { "{" } else { ",{" });
        attempt_fields(&mut json, attempt);
        json.raw("}");
    }
    json.raw("]}");
    let (head, json) = line.split_at_mut(HEAD);
    head[0] = VERSION;
    hex(&mut head[2..10], u32::try_from(json.len()).unwrap_or(u32::MAX));
    hex(&mut head[11..19], crc32fast::hash(json));
    line.push(b'\n');
}

fn hex(digits: &mut [u8], number: u32) {
    for (at, digit) in digits.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * at) & 15) as usize];
    }
}

fn request(json: &mut Json<'_>, entry: &RequestEntry) {
    json.id("{\"id\":", entry.id);
    json.int(",\"at_us\":", entry.at.0);
    json.word(",\"dialect\":", entry.dialect.as_str());
    json.word(",\"operation\":", entry.operation.as_str());
    if let Some(key) = entry.key {
        json.id(",\"key\":", key);
    }
    json.text(",\"key_name\":", entry.key_name.as_deref());
    json.text(",\"org\":", entry.org.as_deref());
    json.text(",\"team\":", entry.team.as_deref());
    json.text(",\"app\":", entry.app.as_deref());
    json.text(",\"user\":", entry.user.as_deref());
    json.tags(",\"tags\":", &entry.tags);
    json.address(",\"client\":", entry.client);
    json.text(",\"model\":", entry.model.as_deref());
    json.text(",\"deployment\":", entry.deployment.as_deref());
    if entry.stream {
        json.raw(",\"stream\":true");
    }
    json.count(",\"status\":", u64::from(entry.status));
    json.word(",\"outcome\":", entry.outcome.as_str());
    json.text(",\"error\":", entry.error.as_deref());
    json.text(",\"detail\":", entry.detail.as_deref());
    json.count(",\"attempt_count\":", u64::from(entry.attempts));
    json.usage(&entry.usage);
    json.money(",\"cost\":", entry.cost);
    json.count_if(",\"ttft_us\":", entry.ttft_us);
    json.count(",\"duration_us\":", entry.duration_us);
    json.count_unless_zero(",\"bytes_in\":", entry.bytes_in);
    json.count_unless_zero(",\"bytes_out\":", entry.bytes_out);
    json.list(",\"dropped\":", &entry.dropped, |json, field| json.text("", Some(field)));
    json.text(",\"trace_id\":", entry.trace_id.as_deref());
    json.count_unless_zero(",\"snapshot\":", entry.snapshot);
    json.text(",\"request_body\":", entry.request_body.as_deref());
    json.text(",\"response_body\":", entry.response_body.as_deref());
}

fn attempt_fields(json: &mut Json<'_>, entry: &AttemptEntry) {
    json.id("\"id\":", entry.id);
    json.int(",\"at_us\":", entry.at.0);
    json.count(",\"number\":", u64::from(entry.number));
    json.text(",\"deployment\":", Some(&entry.deployment));
    json.text(",\"provider\":", Some(&entry.provider));
    json.text(",\"kind\":", Some(&entry.provider_kind));
    json.text(",\"model\":", Some(&entry.upstream_model));
    json.word(",\"outcome\":", entry.outcome.as_str());
    json.count_if(",\"status\":", entry.status.map(u64::from));
    json.text(",\"error\":", entry.error.as_deref());
    json.usage(&entry.usage);
    json.word(
        ",\"source\":",
        match entry.usage_source {
            UsageSource::None => "none",
            UsageSource::Reported => "reported",
            UsageSource::Estimated => "estimated",
        },
    );
    json.text(",\"tier\":", entry.service_tier.as_deref());
    json.money(",\"cost\":", entry.cost);
    json.word(",\"cost_kind\":", entry.cost_kind.as_str());
    json.text(",\"price\":", entry.price_version.as_deref());
    json.count_if(",\"first_byte_us\":", entry.first_byte_us);
    json.count(",\"duration_us\":", entry.duration_us);
}
