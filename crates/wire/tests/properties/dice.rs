//! Choices drawn from bytes: what proptest shrinks to zeros becomes the plainest request.

/// Bytes to choose by; after their end all choices are the first.
pub(crate) struct Dice<'a> {
    bytes: std::slice::Iter<'a, u8>,
    words: u32,
}

const WORDS: [&str; 8] =
    ["plain", "two words", "é – 日本", "\"quoted\" \\", "a\nb", "<tag>&", "{\"a\":1}", "🙂"];

impl<'a> Dice<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter(), words: 0 }
    }

    /// One of so many.
    pub(crate) fn pick(&mut self, of: usize) -> usize {
        self.bytes.next().map_or(0, |byte| usize::from(*byte) % of)
    }

    pub(crate) fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.pick(all.len())].clone()
    }

    /// Rather not.
    pub(crate) fn rarely(&mut self) -> bool {
        self.pick(4) == 3
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.pick(2) == 1
    }

    /// Something, now and then.
    pub(crate) fn some<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.rarely().then(|| make(self))
    }

    /// A text that there is only once.
    pub(crate) fn text(&mut self) -> String {
        self.words += 1;
        format!("{} #{}.", self.of(&WORDS), self.words)
    }

    /// A name that there is only once.
    pub(crate) fn name(&mut self, prefix: &str) -> String {
        self.words += 1;
        format!("{prefix}_{}", self.words)
    }

    /// A share of one, with an end.
    pub(crate) fn quarter(&mut self) -> f64 {
        self.of(&[0.25, 0.5, 0.75, 1.0])
    }
}
