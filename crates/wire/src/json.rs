//! Reading JSON in passing: one pass checks the whole text and hands out the members of its outermost object.
//!
//! What passes is RFC 8259 but for its encoding: structure, numbers, literals, escapes (a lone surrogate is one), control
//! characters, and nothing behind the value. Whether strings are UTF-8 is not looked at. Nothing is built and nothing recurses: nesting costs a bit a level,
//! so its depth is bounded by the size of the text alone. Why a text is refused it does not say; serde_json does.
//! Next: `json/marks.rs` for the search within strings.

mod marks;

use std::borrow::Cow;

use marks::Marks;

/// What the outermost value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outer {
    /// An object; its members have been handed out.
    Object,
    /// Anything else.
    Other,
}

/// A member of the outermost object.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    /// Its name, escapes resolved; none when it has an escape that stands for no character.
    pub(crate) name: Option<Cow<'a, [u8]>>,
    /// Where its value starts in the text.
    pub(crate) start: usize,
    /// Its value as it stands.
    pub(crate) value: &'a [u8],
}

/// Checks a text and hands out the members of its outermost object, in their order. None when it is not JSON; members
/// handed out before that was seen count for nothing.
pub(crate) fn members<'a>(text: &'a [u8], mut each: impl FnMut(Member<'a>)) -> Option<Outer> {
    let mut reader = Reader { text, marks: Marks::new(text), open: Open::default(), escaped: false };
    let at = reader.blanks(0);
    let (outer, at) = if text.get(at) == Some(&b'{') {
        (Outer::Object, reader.object(at + 1, &mut each)?)
    } else {
        (Outer::Other, reader.value(at)?)
    };
    (reader.blanks(at) == text.len()).then_some(outer)
}

/// The text of a JSON string that passed; none when it is no string or has an escape that stands for no character.
pub(crate) fn string(value: &[u8]) -> Option<Cow<'_, str>> {
    let inside = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inside).is_some() {
        return serde_json::from_slice::<String>(value).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inside).ok().map(Cow::Borrowed)
}

/// Its functions take the place where they start and return the one behind what they read.
struct Reader<'a> {
    text: &'a [u8],
    marks: Marks<'a>,
    open: Open,
    /// Has there been an escape since this was reset?
    escaped: bool,
}

impl<'a> Reader<'a> {
    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    #[inline]
    fn blanks(&self, mut at: usize) -> usize {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte(at) {
            at += 1;
        }
        at
    }

    /// The rest of the outermost object, behind its bracket.
    fn object(&mut self, at: usize, each: &mut impl FnMut(Member<'a>)) -> Option<usize> {
        let mut from = self.blanks(at);
        if self.byte(from)? == b'}' {
            return Some(from + 1);
        }
        loop {
            self.escaped = false;
            let to = self.name(from)?;
            let name = if self.escaped {
                string(&self.text[from..to]).map(|name| Cow::Owned(name.into_owned().into_bytes()))
            } else {
                Some(Cow::Borrowed(&self.text[from + 1..to - 1]))
            };
            let start = self.colon(to)?;
            let end = self.value(start)?;
            each(Member { name, start, value: &self.text[start..end] });
            let at = self.blanks(end);
            from = match self.byte(at)? {
                b',' => self.blanks(at + 1),
                b'}' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    /// A whole value, with all that is in it.
    fn value(&mut self, mut at: usize) -> Option<usize> {
        loop {
            at = match self.byte(at)? {
                b'"' => self.string(at + 1)?,
                bracket @ (b'{' | b'[') => {
                    let inside = self.blanks(at + 1);
                    let object = bracket == b'{';
                    // Both brackets stand two before their counterparts.
                    if self.byte(inside)? != bracket + 2 {
                        self.open.push(object);
                        at = if object { self.member(inside)? } else { inside };
                        continue;
                    }
                    inside + 1
                }
                b't' => self.literal(at, b"true")?,
                b'f' => self.literal(at, b"false")?,
                b'n' => self.literal(at, b"null")?,
                _ => self.number(at)?,
            };
            // Behind a value: what ends with it, and the comma before the next.
            loop {
                let Some(object) = self.open.top() else { return Some(at) };
                at = self.blanks(at);
                let byte = self.byte(at)?;
                at += 1;
                if byte == b',' {
                    at = self.blanks(at);
                    if object {
                        at = self.member(at)?;
                    }
                    break;
                }
                if byte != if object { b'}' } else { b']' } {
                    return None;
                }
                self.open.pop();
            }
        }
    }

    /// A name and its colon, with the blanks behind it.
    #[inline]
    fn member(&mut self, at: usize) -> Option<usize> {
        let at = self.name(at)?;
        self.colon(at)
    }

    #[inline]
    fn name(&mut self, at: usize) -> Option<usize> {
        if self.byte(at)? == b'"' { self.string(at + 1) } else { None }
    }

    #[inline]
    fn colon(&self, at: usize) -> Option<usize> {
        let at = self.blanks(at);
        (self.byte(at)? == b':').then(|| self.blanks(at + 1))
    }

    /// The rest of a string, behind its first quote.
    #[inline]
    fn string(&mut self, mut at: usize) -> Option<usize> {
        loop {
            at = self.marks.next(at);
            match self.byte(at)? {
                b'"' => return Some(at + 1),
                b'\\' => at = self.escape(at + 1)?,
                _ => return None,
            }
            self.escaped = true;
        }
    }

    /// The rest of an escape, behind its backslash.
    #[inline]
    fn escape(&self, at: usize) -> Option<usize> {
        match ESCAPES[usize::from(self.byte(at)?)] {
            Escape::Plain => Some(at + 1),
            Escape::Hex => {
                let digits = self.text.get(at + 1..at + 5)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 5)
            }
            Escape::None => None,
        }
    }

    #[inline]
    fn literal(&self, at: usize, whole: &[u8]) -> Option<usize> {
        let end = at + whole.len();
        (self.text.get(at..end)? == whole).then_some(end)
    }

    #[inline]
    fn number(&self, mut at: usize) -> Option<usize> {
        if self.byte(at)? == b'-' {
            at += 1;
        }
        at = match self.byte(at)? {
            b'0' => at + 1,
            b'1'..=b'9' => self.digits(at + 1),
            _ => return None,
        };
        if self.byte(at) == Some(b'.') {
            at = self.some_digits(at + 1)?;
        }
        if let Some(b'e' | b'E') = self.byte(at) {
            at += 1;
            if let Some(b'+' | b'-') = self.byte(at) {
                at += 1;
            }
            at = self.some_digits(at)?;
        }
        Some(at)
    }

    #[inline]
    fn some_digits(&self, at: usize) -> Option<usize> {
        let end = self.digits(at);
        (end > at).then_some(end)
    }

    /// Skips digits, eight at a time.
    #[inline]
    fn digits(&self, mut at: usize) -> usize {
        const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);
        const HIGH: u64 = u64::from_ne_bytes([0xf0; 8]);
        const SIX: u64 = u64::from_ne_bytes([6; 8]);
        while let Some(eight) = self.text.get(at..).and_then(<[u8]>::first_chunk) {
            let eight = u64::from_le_bytes(*eight) ^ ZEROS;
            // A digit is below 10 now. Carries only spoil bytes behind one that is none itself.
            let others = (eight | eight.wrapping_add(SIX)) & HIGH;
            if others != 0 {
                return at + others.trailing_zeros() as usize / 8;
            }
            at += 8;
        }
        while let Some(b'0'..=b'9') = self.byte(at) {
            at += 1;
        }
        at
    }
}

/// What a byte behind a backslash makes of the two.
#[derive(Clone, Copy)]
enum Escape {
    None,
    Plain,
    Hex,
}

/// By byte: a table, because what comes next cannot be foretold.
static ESCAPES: [Escape; 256] = {
    let mut escapes = [Escape::None; 256];
    let mut plain: &[u8] = b"\"\\/bfnrt";
    while let [byte, rest @ ..] = plain {
        escapes[*byte as usize] = Escape::Plain;
        plain = rest;
    }
    escapes[b'u' as usize] = Escape::Hex;
    escapes
};

/// The brackets that are open within the value being read: a bit each, set for an object.
#[derive(Default)]
struct Open {
    depth: usize,
    last: u64,
    earlier: Vec<u64>,
}

impl Open {
    #[inline]
    fn top(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.last & 1 == 1)
    }

    #[inline]
    fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.earlier.push(self.last);
        }
        self.last = self.last << 1 | u64::from(object);
        self.depth += 1;
    }

    #[inline]
    fn pop(&mut self) {
        self.last >>= 1;
        self.depth -= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.last = self.earlier.pop().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests;
