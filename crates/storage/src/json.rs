//! JSON written by hand: names of fields are copied, not searched for characters to escape. Serde takes half a microsecond
//! more for the record of a request.
//!
//! Not a serializer: who writes sees to commas and brackets. Used by the database's JSON columns.

use contract::words::Usage;

use crate::record::Text;

/// JSON under way. A `name` is the text up to the value, such as `,"model":`.
pub(crate) struct Json<'a>(pub(crate) &'a mut Vec<u8>);

impl Json<'_> {
    pub(crate) fn usage(&mut self, name: &str, usage: &Usage) {
        self.raw(name);
        // The first figure is written even when it is zero, so that the commas come out right.
        self.count("{\"input\":", usage.input);
        self.count_unless_zero(",\"cached\":", usage.cached);
        self.count_unless_zero(",\"cache_write\":", usage.cache_write);
        self.count_unless_zero(",\"cache_write_long\":", usage.cache_write_long);
        self.count_unless_zero(",\"audio_input\":", usage.audio_input);
        self.count_unless_zero(",\"output\":", usage.output);
        self.count_unless_zero(",\"reasoning\":", usage.reasoning);
        self.count_unless_zero(",\"audio_output\":", usage.audio_output);
        self.count_unless_zero(",\"image_input\":", usage.image_input);
        self.count_unless_zero(",\"image_output\":", usage.image_output);
        self.count_unless_zero(",\"searches\":", usage.searches);
        self.count_unless_zero(",\"tools\":", usage.tools);
        self.raw("}");
    }

    pub(crate) fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn text(&mut self, name: &str, text: Option<Text<'_>>) {
        let Some(Text(text)) = text else { return };
        self.raw(name);
        // Without a way out in the middle, so that many bytes are looked at in one step.
        let plain = |plain, byte: &u8| plain & (*byte >= b' ') & (*byte != b'"') & (*byte != b'\\');
        if text.iter().fold(true, plain) {
            self.0.push(b'"');
            self.0.extend_from_slice(text);
            self.0.push(b'"');
        } else {
            // Writing text to memory cannot fail.
            serde_json::to_writer(&mut *self.0, &String::from_utf8_lossy(text)).ok();
        }
    }

    pub(crate) fn list<T>(&mut self, name: &str, items: &[T], each: impl Fn(&mut Self, &T)) {
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

    pub(crate) fn tags(&mut self, name: &str, tags: &[(Text<'_>, Text<'_>)]) {
        self.list(name, tags, |json, (name, value)| {
            json.text("[", Some(*name));
            json.text(",", Some(*value));
            json.raw("]");
        });
    }

    pub(crate) fn count(&mut self, name: &str, number: u64) {
        self.raw(name);
        self.raw(itoa::Buffer::new().format(number));
    }

    pub(crate) fn count_unless_zero(&mut self, name: &str, number: u64) {
        if number > 0 {
            self.count(name, number);
        }
    }
}
