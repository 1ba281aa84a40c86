//! Forms as clients upload them (`multipart/form-data`, RFC 7578 and RFC 2046 §5.1), read where they lie: parts are slices
//! of the body, nothing is copied, whatever the size of the files.
//!
//! It reads strictly. Servers disagree about forms that are almost right, and the gateway must not see one model in a form
//! where the provider sees another: what could be read in two ways is refused. What the fields mean is not known here;
//! [`crate::passing::envelope`] knows.

use std::ops::Range;

use contract::{Code, Fault};
use memchr::memmem::Finder;
use memchr::{memchr, memmem};

/// The longest boundary (RFC 2046 §5.1.1).
const LONGEST_BOUNDARY: usize = 70;
/// Most bytes of one part's header fields.
const HEAD_CAP: usize = 8 << 10;
/// Most parts of a form.
const MOST_PARTS: usize = 256;

/// What separates the parts of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Boundary(Vec<u8>);

/// One part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// The field's name.
    pub(crate) name: &'a str,
    /// Is it a file, by having the name of one?
    pub(crate) is_file: bool,
    /// Its media type, if it says one.
    pub(crate) media_type: Option<&'a str>,
    /// Where its value stands in the body.
    pub(crate) at: Range<usize>,
}

impl Boundary {
    /// The boundary that a `content-type` names; none when it announces no form.
    ///
    /// # Errors
    /// It announces a form without a boundary, or with one that no form may have.
    pub(crate) fn of(content_type: &[u8]) -> Option<Result<Self, Fault>> {
        const FORM: &[u8] = b"multipart/form-data";
        let end = memchr(b';', content_type).unwrap_or(content_type.len());
        if !content_type[..end].trim_ascii().eq_ignore_ascii_case(FORM) {
            return None;
        }
        let mut found = None;
        let read = parameters(&content_type[end..], |name, value| {
            if name.eq_ignore_ascii_case(b"boundary") && found.replace(value).is_some() {
                return Err("it names two boundaries");
            }
            Ok(())
        });
        let value = read.and_then(|()| found.ok_or("its content-type names no boundary"));
        Some(value.and_then(Self::new).map_err(broken))
    }

    fn new(value: &[u8]) -> Result<Self, &'static str> {
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
        if value.is_empty() || value.len() > LONGEST_BOUNDARY || value.ends_with(b" ") {
            return Err("a boundary has 1 to 70 characters");
        }
        if !value.iter().all(fits) {
            return Err("its boundary has characters that none may have");
        }
        Ok(Self([b"\r\n--", value].concat()))
    }

    /// A part that holds a text, to stand before those of a form. The text holds no line break.
    pub(crate) fn field(&self, name: &str, text: &str) -> Vec<u8> {
        let head = format!("\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
        [&self.0[2..], head.as_bytes()].concat()
    }

    /// Reads a form, one part after the other.
    ///
    /// # Errors
    /// `invalid_request`: it is not a form with this boundary; whatever `each` gives.
    pub(crate) fn parts<'a>(
        &self,
        body: &'a [u8],
        mut each: impl FnMut(Part<'a>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let finder = Finder::new(&self.0);
        // The first line has nothing before it.
        let Some(rest) = body.strip_prefix(&self.0[2..]) else {
            return Err(broken("it does not begin with its boundary"));
        };
        let mut at = body.len() - rest.len();
        for _ in 0..=MOST_PARTS {
            let (start, last) = after_boundary(body, at).map_err(broken)?;
            if last {
                return Ok(());
            }
            let unended = || broken("it ends before its closing boundary");
            // Where there are no header fields at all, their blank line is the one that ends the boundary's.
            let end = start + finder.find(&body[start..]).ok_or_else(unended)?;
            each(part(body, start..end).map_err(broken)?)?;
            at = end + self.0.len();
        }
        Err(broken("it has too many parts"))
    }
}

fn broken(reason: &'static str) -> Fault {
    Fault::saying(
        Code::InvalidRequest,
        format!("The body is not a valid multipart/form-data form: {reason}."),
    )
}

/// Where the part behind a boundary starts, and whether there is none because it was the closing one.
fn after_boundary(body: &[u8], at: usize) -> Result<(usize, bool), &'static str> {
    let rest = &body[at..];
    if let Some(epilogue) = rest.strip_prefix(b"--") {
        let blank = epilogue.iter().all(u8::is_ascii_whitespace);
        return if blank { Ok((body.len(), true)) } else { Err("something follows its closing boundary") };
    }
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let line_ends = rest[padding..].starts_with(b"\r\n");
    if line_ends {
        Ok((at + padding + 2, false))
    } else {
        Err("a boundary does not stand on a line of its own")
    }
}

fn part(body: &[u8], at: Range<usize>) -> Result<Part<'_>, &'static str> {
    let bytes = &body[at.clone()];
    let window = &bytes[..bytes.len().min(HEAD_CAP)];
    let end = memmem::find(window, b"\r\n\r\n").ok_or("a part has no end of its header fields")?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "a part's header fields are not UTF-8")?;
    let (mut disposition, mut media_type) = (None, None);
    for line in head.split("\r\n") {
        if line.contains(['\r', '\n', '\0']) || line.starts_with([' ', '\t']) {
            return Err("a part's header field is folded or broken");
        }
        let (name, value) = line.split_once(':').ok_or("a part's header field has no colon")?;
        let second = if name.eq_ignore_ascii_case("content-disposition") {
            disposition.replace(value.trim()).is_some()
        } else if name.eq_ignore_ascii_case("content-type") {
            media_type.replace(value.trim()).is_some()
        } else if name.eq_ignore_ascii_case("content-transfer-encoding") {
            let plain = ["binary", "8bit", "7bit"].iter().any(|kind| value.trim().eq_ignore_ascii_case(kind));
            if !plain {
                return Err("a part is encoded, which forms no longer are");
            }
            false
        } else {
            false
        };
        if second {
            return Err("a part has a header field twice");
        }
    }
    let (name, is_file) = disposed(disposition.ok_or("a part has no content-disposition")?)?;
    Ok(Part { name, is_file, media_type, at: at.start + end + 4..at.end })
}

/// The name in a `content-disposition`, and whether it names a file.
fn disposed(value: &str) -> Result<(&str, bool), &'static str> {
    let end = value.find(';').ok_or("a part has no name")?;
    if !value[..end].trim().eq_ignore_ascii_case("form-data") {
        return Err("a part is not form-data");
    }
    let (mut name, mut file) = (None, false);
    parameters(&value.as_bytes()[end..], |key, value| {
        if key.eq_ignore_ascii_case(b"name*") {
            return Err("a part's name is encoded in a way that forms do not have");
        }
        file |= key.len() >= 8 && key[..8].eq_ignore_ascii_case(b"filename");
        if key.eq_ignore_ascii_case(b"name") && name.replace(value).is_some() {
            return Err("a part has two names");
        }
        Ok(())
    })?;
    let name = std::str::from_utf8(name.ok_or("a part has no name")?).map_err(|_| "a name is not UTF-8")?;
    // Some servers take the backslash away, others do not.
    if name.contains('\\') { Err("a part's name has a backslash") } else { Ok((name, file)) }
}

/// The parameters behind a header's first word: `; name=value` or `; name="value"`, as they stand.
fn parameters<'a>(
    mut rest: &'a [u8],
    mut each: impl FnMut(&'a [u8], &'a [u8]) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    const BROKEN: &str = "a header field has parameters that cannot be read";
    loop {
        rest = rest.trim_ascii();
        if rest.is_empty() {
            return Ok(());
        }
        rest = rest.strip_prefix(b";").ok_or(BROKEN)?.trim_ascii_start();
        if rest.is_empty() {
            return Ok(());
        }
        let equals = memchr(b'=', rest).ok_or(BROKEN)?;
        let name = rest[..equals].trim_ascii();
        rest = rest[equals + 1..].trim_ascii_start();
        let value = if let Some(quoted) = rest.strip_prefix(b"\"") {
            let end = quote(quoted).ok_or(BROKEN)?;
            rest = &quoted[end + 1..];
            &quoted[..end]
        } else {
            let end = memchr(b';', rest).unwrap_or(rest.len());
            let value = rest[..end].trim_ascii_end();
            rest = &rest[end..];
            if memchr(b'"', value).is_some() {
                return Err(BROKEN);
            }
            value
        };
        each(name, value)?;
    }
}

/// Where the closing quote stands. Browsers write a quote within as `%22`; a backslash before it is an escape to some
/// servers and the end of a Windows path to others, so that none may stand there.
fn quote(text: &[u8]) -> Option<usize> {
    let end = memchr(b'"', text)?;
    (end == 0 || text[end - 1] != b'\\').then_some(end)
}

#[cfg(test)]
mod tests;
