//! Writes the record of a finished request: the one piece of storage that runs while a request does.
//!
//! Written by hand and not by serde, which saves half a microsecond: names of fields are copied, not searched for
//! characters to escape. [`super::line`] says what the form is and reads it.

use std::net::IpAddr;

use contract::ports::{AttemptEntry, RequestEntry, Settled};
use contract::words::{Id, NanoUsd, Usage, UsageSource};

use super::line::{HEAD, VERSION};

/// Writes the line of a finished request into `line`, replacing what is there.
pub(super) fn encode(line: &mut Vec<u8>, settled: &Settled) {
    line.clear();
    line.extend_from_slice(&[b' '; HEAD]);
    let mut json = Json(line);
    json.request(&settled.request);
    json.raw(",\"attempts\":[");
    for (at, attempt) in settled.attempts.iter().enumerate() {
        json.raw(if at == 0 { "{" } else { ",{" });
        json.attempt(attempt);
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

/// JSON under way. A `name` is the text up to the value, such as `,"model":`.
struct Json<'a>(&'a mut Vec<u8>);

impl Json<'_> {
    fn request(&mut self, entry: &RequestEntry) {
        self.id("{\"id\":", entry.id);
        self.int(",\"at_us\":", entry.at.0);
        self.word(",\"dialect\":", entry.dialect.as_str());
        self.word(",\"operation\":", entry.operation.as_str());
        if let Some(key) = entry.key {
            self.id(",\"key\":", key);
        }
        self.text(",\"key_name\":", entry.key_name.as_deref());
        self.text(",\"org\":", entry.org.as_deref());
        self.text(",\"team\":", entry.team.as_deref());
        self.text(",\"app\":", entry.app.as_deref());
        self.text(",\"user\":", entry.user.as_deref());
        self.list(",\"tags\":", &entry.tags, |json, (name, value)| {
            json.text("[", Some(name));
            json.text(",", Some(value));
            json.raw("]");
        });
        self.address(",\"client\":", entry.client);
        self.text(",\"model\":", entry.model.as_deref());
        self.text(",\"deployment\":", entry.deployment.as_deref());
        if entry.stream {
            self.raw(",\"stream\":true");
        }
        self.count(",\"status\":", u64::from(entry.status));
        self.word(",\"outcome\":", entry.outcome.as_str());
        self.text(",\"error\":", entry.error.as_deref());
        self.text(",\"detail\":", entry.detail.as_deref());
        self.count(",\"attempt_count\":", u64::from(entry.attempts));
        self.usage(&entry.usage);
        self.money(",\"cost\":", entry.cost);
        self.count_if(",\"ttft_us\":", entry.ttft_us);
        self.count(",\"duration_us\":", entry.duration_us);
        self.count_unless_zero(",\"bytes_in\":", entry.bytes_in);
        self.count_unless_zero(",\"bytes_out\":", entry.bytes_out);
        self.list(",\"dropped\":", &entry.dropped, |json, field| json.text("", Some(field)));
        self.text(",\"trace_id\":", entry.trace_id.as_deref());
        self.count_unless_zero(",\"snapshot\":", entry.snapshot);
        self.text(",\"request_body\":", entry.request_body.as_deref());
        self.text(",\"response_body\":", entry.response_body.as_deref());
    }

    fn attempt(&mut self, entry: &AttemptEntry) {
        self.id("\"id\":", entry.id);
        self.int(",\"at_us\":", entry.at.0);
        self.count(",\"number\":", u64::from(entry.number));
        self.text(",\"deployment\":", Some(&entry.deployment));
        self.text(",\"provider\":", Some(&entry.provider));
        self.text(",\"kind\":", Some(&entry.provider_kind));
        self.text(",\"model\":", Some(&entry.upstream_model));
        self.word(",\"outcome\":", entry.outcome.as_str());
        self.count_if(",\"status\":", entry.status.map(u64::from));
        self.text(",\"error\":", entry.error.as_deref());
        self.usage(&entry.usage);
        self.word(
            ",\"source\":",
            match entry.usage_source {
                UsageSource::None => "none",
                UsageSource::Reported => "reported",
                UsageSource::Estimated => "estimated",
            },
        );
        self.text(",\"tier\":", entry.service_tier.as_deref());
        self.money(",\"cost\":", entry.cost);
        self.word(",\"cost_kind\":", entry.cost_kind.as_str());
        self.text(",\"price\":", entry.price_version.as_deref());
        self.count_if(",\"first_byte_us\":", entry.first_byte_us);
        self.count(",\"duration_us\":", entry.duration_us);
    }

    fn usage(&mut self, usage: &Usage) {
        if *usage == Usage::default() {
            return;
        }
        // The first figure is written even when it is zero, so that the commas come out right.
        self.count(",\"usage\":{\"input\":", usage.input);
        self.count_unless_zero(",\"cached\":", usage.cached);
        self.count_unless_zero(",\"cache_write\":", usage.cache_write);
        self.count_unless_zero(",\"cache_write_long\":", usage.cache_write_long);
        self.count_unless_zero(",\"audio_input\":", usage.audio_input);
        self.count_unless_zero(",\"output\":", usage.output);
        self.count_unless_zero(",\"reasoning\":", usage.reasoning);
        self.count_unless_zero(",\"audio_output\":", usage.audio_output);
        self.raw("}");
    }

    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A word of ours: nothing in it needs an escape.
    fn word(&mut self, name: &str, word: &str) {
        self.raw(name);
        self.0.push(b'"');
        self.raw(word);
        self.0.push(b'"');
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        let Some(text) = text else { return };
        if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
            self.word(name, text);
        } else {
            self.raw(name);
            // Writing text to memory cannot fail; were it to, the reader would leave this line out and count it.
            serde_json::to_writer(&mut *self.0, text).ok();
        }
    }

    fn list<T>(&mut self, name: &str, items: &[T], each: impl Fn(&mut Self, &T)) {
        if items.is_empty() {
            return;
        }
        self.raw(name);
        for (at, item) in items.iter().enumerate() {
            self.raw(if at == 0 { "[" } else { "," });
            each(self, item);
        }
        self.raw("]");
    }

    fn id(&mut self, name: &str, id: Id) {
        self.word(name, id.text().as_str());
    }

    fn address(&mut self, name: &str, address: IpAddr) {
        self.raw(name);
        match address {
            IpAddr::V4(address) => {
                let mut mark = "\"";
                for octet in address.octets() {
                    self.count(mark, u64::from(octet));
                    mark = ".";
                }
                self.raw("\"");
            }
            IpAddr::V6(address) => self.word("", &address.to_string()),
        }
    }

    fn int(&mut self, name: &str, number: i64) {
        self.raw(name);
        self.raw(itoa::Buffer::new().format(number));
    }

    fn count(&mut self, name: &str, number: u64) {
        self.raw(name);
        self.raw(itoa::Buffer::new().format(number));
    }

    fn count_if(&mut self, name: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.count(name, number);
        }
    }

    fn count_unless_zero(&mut self, name: &str, number: u64) {
        if number > 0 {
            self.count(name, number);
        }
    }

    fn money(&mut self, name: &str, amount: Option<NanoUsd>) {
        if let Some(amount) = amount {
            self.int(name, amount.0);
        }
    }
}
