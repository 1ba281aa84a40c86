//! Decimals moved by powers of ten as text, so that no figure is rounded on its way.

/// A JSON number times 10^`shift`, as a plain decimal with at most `places` digits after the point; none when it has more,
/// is negative or is no number.
pub(super) fn shifted(number: &serde_json::Value, shift: i32, places: usize) -> Option<String> {
    let text = match number {
        serde_json::Value::Number(number) => number.to_string(),
        serde_json::Value::String(text) => text.clone(),
        _ => return None,
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa.to_owned(), exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((&mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()? + exponent + shift;
    place(&digits, point, places)
}

/// Writes `digits` with the decimal point after the first `point` of them.
fn place(digits: &str, point: i32, places: usize) -> Option<String> {
    let at = usize::try_from(point).unwrap_or(0);
    let padded = match point {
        ..=0 => format!("{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
        _ => format!("{digits:0<at$}"),
    };
    let (whole, fraction) = padded.split_at(at);
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > places {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_keep_every_digit() {
        for (number, text) in [
            (json!(2.5e-7), "0.25"),
            (json!(1e-5), "10"),
            (json!(3.75e-8), "0.0375"),
            (json!(0.00003), "30"),
            (json!(0.0), "0"),
            (json!(7.5e-5), "75"),
        ] {
            assert_eq!(shifted(&number, 6, 6).as_deref(), Some(text), "{number}");
        }
        assert_eq!(shifted(&json!(1.5), 0, 6).as_deref(), Some("1.5"));
        assert_eq!(shifted(&json!(1.234_567_8e-7), 6, 6), None);
        assert_eq!(shifted(&json!(-1.0), 6, 6), None);
        assert_eq!(shifted(&json!(null), 6, 6), None);
    }
}
