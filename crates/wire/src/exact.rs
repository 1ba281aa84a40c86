//! Numbers that no `f64` holds, kept through [`Value`](serde_json::Value)s: in the text of a JSON document each of them is put
//! in a string with a mark ([`held`]), and taken out of it where the document is written ([`released`]).
//!
//! Predictions need it, whose bodies are anybody's. Dialects of conversations have no such numbers.

use std::borrow::Cow;

/// What such a string begins with, as it is written: a control character that no text of a client begins with, and a word.
const MARK: &[u8] = b"\"\\u0001number:";

/// The document with each number in a string that would change otherwise. What is no JSON stays as far as it is none.
#[must_use]
pub fn held(json: &[u8]) -> Cow<'_, [u8]> {
    rewritten(json, |json, at| {
        let first = json.get(at)?;
        if !(first.is_ascii_digit() || *first == b'-') {
            return None;
        }
        let end = at + json[at..].iter().take_while(|byte| is_of_number(**byte)).count();
        let token = std::str::from_utf8(&json[at..end]).ok()?;
        let held = || [MARK, token.as_bytes(), b"\""].concat();
        Some((end, is_lossy(token).then(held)))
    })
}

/// The document with its numbers as they were.
#[must_use]
pub fn released(json: &[u8]) -> Cow<'_, [u8]> {
    rewritten(json, |json, at| {
        let rest = json[at..].strip_prefix(MARK)?;
        let length = rest.iter().position(|byte| *byte == b'"')?;
        let token = std::str::from_utf8(&rest[..length]).ok()?;
        is_lossy(token).then(|| (at + MARK.len() + length + 1, Some(token.as_bytes().to_vec())))
    })
}

/// The document with what `replace` gives outside of strings, or in place of a whole one; it tells where to go on, and none
/// where what stands there stays.
fn rewritten(
    json: &[u8],
    replace: impl Fn(&[u8], usize) -> Option<(usize, Option<Vec<u8>>)>,
) -> Cow<'_, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let (mut at, mut copied) = (0, 0);
    while at < json.len() {
        if let Some((end, bytes)) = replace(json, at) {
            if let Some(bytes) = bytes {
                let out = out.get_or_insert_with(|| Vec::with_capacity(json.len()));
                out.extend_from_slice(&json[copied..at]);
                out.extend_from_slice(&bytes);
                copied = end;
            }
            at = end;
        } else if json[at] == b'"' {
            at = end_of_string(json, at);
        } else {
            at += 1;
        }
    }
    match out {
        Some(mut out) => {
            out.extend_from_slice(&json[copied..]);
            Cow::Owned(out)
        }
        None => Cow::Borrowed(json),
    }
}

/// Behind the string that begins here.
fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

const fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// Is it a number that would come back as another one?
fn is_lossy(token: &str) -> bool {
    // 15 significant digits always come back (IEEE 754, binary64).
    let short = token.len() <= 15 && !token.contains(['e', 'E']);
    if short || token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok() {
        return false;
    }
    let Some(said) = digits(token) else { return false };
    match token.parse::<f64>() {
        Ok(number) if number.is_finite() => digits(&format!("{number:e}")) != Some(said),
        _ => true,
    }
}

/// The significant digits of a number, and the power of ten of the first. None: it is no number of JSON (RFC 8259 §6).
fn digits(token: &str) -> Option<(bool, String, i64)> {
    let (negative, rest) = token.strip_prefix('-').map_or((false, token), |rest| (true, rest));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if !all_digits(unsigned) {
        return None;
    }
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().unwrap_or(i64::MAX / 2);
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    if significant.is_empty() {
        return Some((false, String::new(), 0));
    }
    let skipped = i64::try_from(all.len() - significant.len()).ok()?;
    let place = exponent.saturating_add(i64::try_from(whole.len()).ok()?).saturating_sub(skipped);
    Some((negative, significant.trim_end_matches('0').to_owned(), place))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The document after it was a value.
    fn through(json: &str) -> String {
        let value: Value = serde_json::from_slice(&held(json.as_bytes())).unwrap();
        String::from_utf8(released(value.to_string().as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn numbers_come_back_as_they_were() {
        for json in [
            "[12345678901234567890123,0.10000000000000000555,-12345678901234567890,1e400,123456789.123456789]",
            r#"{"a":{"b":[18446744073709551615,-9223372036854775808,0.1,7]},"n":1e-400}"#,
            r#"["12345678901234567890123","a\"12345678901234567890123",{"12345678901234567890123":1}]"#,
            "12345678901234567890123",
        ] {
            assert_eq!(through(json), json);
        }
        // The same numbers, written otherwise.
        assert_eq!(through("[2.50,1E2,100000000000000000000,-0.0]"), "[2.5,100.0,1e+20,-0.0]");
    }

    #[test]
    fn what_needs_nothing_is_not_copied() {
        for json in ["[1,2.5,\"a\"]", "", "\"", "-", "{\"a\":\"\\\"", "[1,", "1-2e+.5678901234567890"] {
            assert!(matches!(held(json.as_bytes()), Cow::Borrowed(_)), "{json}");
            assert!(matches!(released(json.as_bytes()), Cow::Borrowed(_)), "{json}");
        }
        // A text of a client that looks like it is no number.
        let text = r#"["\u0001number:abc","x\"\u0001number:12345678901234567890123\""]"#;
        assert!(matches!(released(text.as_bytes()), Cow::Borrowed(_)));
    }
}
