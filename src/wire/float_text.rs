//! The text of floats as the server prints it with all digits: the shortest decimal number that is
//! the same float.
//!
//! `float8out` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/float.c>.

use std::fmt::Write;

/// Appends the text of a number, given as `format!("{:e}")` gives it: with the shortest digits. From
/// the exponent `limit` on it is printed with an exponent.
fn put(scientific: &str, limit: i32, out: &mut String) {
    let (sign, scientific) = match scientific.strip_prefix('-') {
        Some(positive) => ("-", positive),
        None => ("", scientific),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    out.push_str(sign);
    match usize::try_from(exponent) {
        // Very large and very small numbers have an exponent.
        _ if !(-4..limit).contains(&exponent) => {
            out.push_str(mantissa);
            let sign = if exponent < 0 { '-' } else { '+' };
            let _infallible = write!(out, "e{sign}{:02}", exponent.unsigned_abs());
        }
        Ok(before) if digits.len() <= before + 1 => {
            out.push_str(&digits);
            out.extend(std::iter::repeat_n('0', before + 1 - digits.len()));
        }
        Ok(before) => {
            let (whole, fraction) = digits.split_at(before + 1);
            out.push_str(whole);
            out.push('.');
            out.push_str(fraction);
        }
        Err(_) => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', exponent.unsigned_abs() as usize - 1));
            out.push_str(&digits);
        }
    }
}

/// The text of a number that is not finite.
fn not_finite(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

/// Appends the text of a `float8`.
pub fn float8_text(value: f64, out: &mut String) {
    match not_finite(value) {
        Some(text) => out.push_str(text),
        None => put(&format!("{value:e}"), 15, out),
    }
}

/// Appends the text of a `float4`.
pub fn float4_text(value: f32, out: &mut String) {
    match not_finite(value.into()) {
        Some(text) => out.push_str(text),
        None => put(&format!("{value:e}"), 6, out),
    }
}

/// Parses a number as the server does: one that is too large or too small for the type is an error.
#[must_use]
pub fn parse_float8(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    let digits = text.split(['e', 'E']).next().unwrap_or_default();
    let is_zero = !digits.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    let spells_infinity = text.bytes().any(|byte| byte.eq_ignore_ascii_case(&b'f'));
    match number {
        _ if number.is_infinite() && !spells_infinity => None,
        0.0 if !is_zero => None,
        _ => Some(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_float8_text_is_that_of_the_server() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1.25e-7, "1.25e-07"),
            (123_456.789, "123456.789"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            let mut text = String::new();
            float8_text(value, &mut text);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn test_float4_text_is_that_of_the_server() {
        for (value, expected) in
            [(1.5, "1.5"), (123_456.0, "123456"), (1_234_567.0, "1.234567e+06"), (1e-5, "1e-05")]
        {
            let mut text = String::new();
            float4_text(value, &mut text);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn test_parse_float8_of_what_it_cannot_hold_is_none() {
        assert_eq!(parse_float8("1e400"), None);
        assert_eq!(parse_float8("1e-400"), None);
        assert_eq!(parse_float8("1,5"), None);
        assert_eq!(parse_float8("0e-400"), Some(0.0));
        assert_eq!(parse_float8("inf"), Some(f64::INFINITY));
    }
}
