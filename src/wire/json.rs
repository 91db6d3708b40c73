//! Finds numbers in JSON text that a double cannot represent exactly.
//!
//! Grammar: <https://www.rfc-editor.org/rfc/rfc8259#section-6>. The server has validated the text.

/// Decimal numbers of up to this many digits round-trip through a double: `DBL_DIG`.
const EXACT_DIGITS: usize = 15;

/// The first number with a fraction or an exponent that a double would change.
#[must_use]
pub fn inexact(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        match first {
            b'"' => rest = after_string(tail),
            b'-' | b'0'..=b'9' => {
                let length = rest.iter().position(|byte| !is_number_byte(*byte));
                let (number, tail) = rest.split_at(length.unwrap_or(rest.len()));
                if !is_exact(number) {
                    return Some(number);
                }
                rest = tail;
            }
            _ => rest = tail,
        }
    }
    None
}

fn is_number_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E')
}

/// The text after a string; `rest` begins after its opening quote.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        let is_end = rest.get(end) == Some(&b'"');
        rest = rest.get(end + if is_end { 1 } else { 2 }..).unwrap_or_default();
        if is_end {
            return rest;
        }
    }
    &[]
}

/// Whether a double represents a number exactly. Integers are not converted to doubles.
fn is_exact(number: &[u8]) -> bool {
    let has = |byte: u8| number.contains(&byte);
    let has_exponent = has(b'e') || has(b'E');
    if !has_exponent && (number.len() <= EXACT_DIGITS || !has(b'.')) {
        return true;
    }
    let Ok(text) = str::from_utf8(number) else { return false };
    let Ok(double) = text.parse::<f64>() else { return false };
    if !double.is_finite() {
        return false;
    }
    // The shortest representation of the double, which Python prints and which is sent.
    digits(text) == digits(&format!("{double:e}"))
}

/// The digits of a number without leading and trailing zeros, and the exponent of the first of
/// them; `None` if the exponent is out of range.
fn digits(text: &str) -> Option<(Vec<u8>, i64)> {
    let text = text.trim_start_matches('-');
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let Some(first) = all.iter().position(|digit| *digit != b'0') else {
        return Some((Vec::new(), 0));
    };
    let last = all.iter().rposition(|digit| *digit != b'0')?;
    let point = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(first).ok()?)?;
    Some((all.get(first..=last)?.to_vec(), exponent.checked_add(point)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_inexact_of_numbers_that_a_double_represents_is_none() {
        for text in [
            "0.1",
            "-0.10000",
            "1e22",
            "1.5E+300",
            "123456789012345678901234567890",
            "0e99999",
            "-0.0e-5",
            "0.12345678901234568",
            "1e-7",
            "0.0000001",
            "1000000000000000000000.0",
            "5e-324",
            r#""0.1234567890123456789""#,
            r#"{"a\"1e400": "\\", "b": [1.5, null, true]}"#,
            r#"["0.1234567890123456789\\"]"#,
        ] {
            assert_eq!(inexact(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn test_inexact_of_number_that_a_double_changes_returns_it() {
        for (text, number) in [
            ("0.1234567890123456789", "0.1234567890123456789"),
            ("1e400", "1e400"),
            ("-1E-400", "-1E-400"),
            ("1e99999999999999999999", "1e99999999999999999999"),
            (r#"{"e\\": "x", "b": [1, 33.3333333333333333]}"#, "33.3333333333333333"),
            ("[9007199254740993.0]", "9007199254740993.0"),
            ("[1e-400, 0.5]", "1e-400"),
        ] {
            assert_eq!(inexact(text.as_bytes()), Some(number.as_bytes()), "{text}");
        }
    }

    #[test]
    fn test_inexact_of_invalid_json_terminates() {
        for text in ["", "\"", "\"\\", "-", "1e", "\"\\\"", "e5", ".5", "--", "1-1"] {
            let _ = inexact(text.as_bytes());
        }
    }
}
