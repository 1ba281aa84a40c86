//! The query of a URL, with its escapes resolved.

use std::borrow::Cow;

/// Names and values, in their order. What is no pair has an empty value.
pub(crate) fn pairs(query: Option<&str>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (plain(name), plain(value))
    })
}

/// Resolves `%2F` and its like, and `+`; what does not resolve stands for itself.
fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let escaped = || {
            let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
            u8::try_from(digit(0)? << 4 | digit(1)?).ok()
        };
        match byte {
            b'%' => match escaped() {
                Some(meant) => {
                    bytes.push(meant);
                    rest = after.get(2..).unwrap_or_default();
                }
                None => bytes.push(b'%'),
            },
            b'+' => bytes.push(b' '),
            byte => bytes.push(*byte),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_resolved_in_names_and_values() {
        let read =
            |query| pairs(Some(query)).map(|(name, value)| format!("{name}|{value}")).collect::<Vec<_>>();
        assert_eq!(read("a=b&include%5B%5D=x%2Fy&c&&d=1=2"), ["a|b", "include[]|x/y", "c|", "d|1=2"]);
        assert_eq!(read("a=x+y%2B%"), ["a|x y+%"]);
        assert_eq!(read("a=%4&b=%zz&c=%ff"), ["a|%4", "b|%zz", "c|\u{fffd}"]);
        assert_eq!(pairs(None).count(), 0);
    }
}
