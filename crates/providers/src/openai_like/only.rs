//! Models that hold a conversation in one dialect alone, told by their names.

use contract::words::{Dialect, Operation};

/// A dialect, and the names of the models that speak no other; `*` stands for anything.
pub(crate) type Only = (Dialect, &'static [&'static str]);

/// The one dialect of a model in which a client of this one can be answered; none where the model is not so bound.
pub(crate) fn only(table: &[Only], client: Dialect, model: &str) -> Option<Dialect> {
    if client.operation() != Operation::Chat {
        return None;
    }
    table.iter().find(|(_, names)| names.iter().any(|name| fits(name, model))).map(|(dialect, _)| *dialect)
}

/// Does a name fit a pattern?
fn fits(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut last = None;
    for piece in pieces {
        if let Some(before) = last.replace(piece) {
            let Some((_, behind)) = rest.split_once(before) else { return false };
            rest = behind;
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, expected) in [
            ("a-b", "a-b", true),
            ("a-b", "a-b-c", false),
            ("a-*", "a-", true),
            ("a-*", "b-a-", false),
            ("*-b", "a-b", true),
            ("*-b", "a-b-c", false),
            ("a*-b*", "a.1-b", true),
            ("a*-b*", "a.1-b-2025", true),
            ("a*-b*", "a-c", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "ac", false),
            ("*b", "b", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
