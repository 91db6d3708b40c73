//! The binary format of NUMERIC: base-10,000 digits, converted from and to decimals and text.
//!
//! Layout: `numeric_recv` and `numeric_send` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/numeric.c>.

mod print;
mod write;

use super::Malformed;
use super::copy::take;
use print::put_group;
pub use write::{NotNumeric, NotScaled, put_i128, put_text, scaled};

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const PLUS_INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// `NUMERIC_DSCALE_MAX`: the maximum of digits after the decimal point.
pub const MAX_SCALE: i32 = 0x3fff;
/// `NUMERIC_WEIGHT_MAX`, in base-10,000 digits.
const MAX_WEIGHT: i32 = 0x7fff;

#[expect(clippy::indexing_slicing, reason = "evaluated when compiled")]
const POWERS: [u128; 39] = {
    let mut powers = [1; 39];
    let mut i = 1;
    while i < 39 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// Ten to the power of `exponent`; `None` if that exceeds 128 bits.
#[must_use]
pub fn power_of_ten(exponent: u32) -> Option<u128> {
    POWERS.get(exponent as usize).copied()
}

/// A NUMERIC as received; its digits are borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numeric<'a> {
    /// A number.
    Finite(Digits<'a>),
    /// Not a number.
    NaN,
    /// Infinity or -infinity.
    Infinite {
        /// Whether it is -infinity.
        negative: bool,
    },
}

/// A finite number: base-10,000 digits ("groups"), the first of which counts `10_000 ^ weight`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits<'a> {
    groups: &'a [[u8; 2]],
    weight: i32,
    negative: bool,
    /// The display scale: the digits shown after the decimal point.
    pub scale: u16,
}

/// Decodes a NUMERIC.
pub fn parse(bytes: &[u8]) -> Result<Numeric<'_>, Malformed> {
    let mut groups = bytes;
    let count = u16::from_be_bytes(take(&mut groups)?);
    let weight = i16::from_be_bytes(take(&mut groups)?);
    let sign = u16::from_be_bytes(take(&mut groups)?);
    let scale = u16::from_be_bytes(take(&mut groups)?);
    let negative = match sign {
        POSITIVE => false,
        NEGATIVE => true,
        NAN | PLUS_INFINITY | MINUS_INFINITY if !groups.is_empty() => {
            return Err(Malformed::length(8, bytes.len()));
        }
        NAN => return Ok(Numeric::NaN),
        PLUS_INFINITY => return Ok(Numeric::Infinite { negative: false }),
        MINUS_INFINITY => return Ok(Numeric::Infinite { negative: true }),
        _ => return Err(Malformed(format!("numeric with sign {sign:#06x}"))),
    };
    let (groups, odd) = groups.as_chunks::<2>();
    if groups.len() != usize::from(count) || !odd.is_empty() {
        return Err(Malformed::length(8 + usize::from(count) * 2, bytes.len()));
    }
    if groups.iter().any(|group| u16::from_be_bytes(*group) > 9999) {
        return Err(Malformed("numeric with a digit over 9999".into()));
    }
    let weight = i32::from(weight);
    Ok(Numeric::Finite(Digits { groups, weight, negative, scale }))
}

impl Digits<'_> {
    fn groups(&self) -> impl DoubleEndedIterator<Item = u16> + ExactSizeIterator {
        self.groups.iter().map(|group| u16::from_be_bytes(*group))
    }

    /// Whether the sign is negative.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// The number, if it is an integer of at most 16 digits.
    #[must_use]
    #[inline]
    pub fn whole(&self) -> Option<i64> {
        let count = i32::try_from(self.groups.len()).ok()?;
        if count == 0 {
            return Some(0);
        }
        if self.weight > 3 || count > self.weight + 1 {
            return None;
        }
        let number = self.groups().fold(0, |sum, group| sum * 10_000 + i64::from(group));
        let zeros = (self.weight + 1 - count) * 4;
        let number = (0..zeros).fold(number, |number, _| number * 10);
        Some(if self.negative { -number } else { number })
    }

    /// The number of digits before the decimal point.
    #[must_use]
    pub fn whole_digits(&self) -> i64 {
        let first = self
            .groups()
            .next()
            .map_or(0, |group| i64::from(group.checked_ilog10().unwrap_or(0)) + 1);
        (i64::from(self.weight) * 4 + first).max(0)
    }

    /// The number times `10 ^ scale`, if that is an integer of at most 128 bits.
    #[must_use]
    #[inline]
    pub fn unscaled(&self, scale: i32) -> Option<i128> {
        // Trailing zeros may exceed 128 bits in the calculation; then the text decides.
        self.folded(scale).or_else(|| self.unscaled_text(scale)?.parse().ok())
    }

    #[inline]
    fn folded(&self, scale: i32) -> Option<i128> {
        let count = i32::try_from(self.groups.len()).ok()?;
        if count == 0 {
            return Some(0);
        }
        let exponent = (self.weight - count + 1) * 4 + scale;
        let magnitude = if count <= 4 {
            u128::from(self.groups().fold(0_u64, |sum, group| sum * 10_000 + u64::from(group)))
        } else {
            self.groups().try_fold(0_u128, |sum, group| {
                sum.checked_mul(10_000)?.checked_add(u128::from(group))
            })?
        };
        let power = power_of_ten(exponent.unsigned_abs())?;
        let magnitude = if exponent >= 0 {
            multiply(magnitude, power)?
        } else {
            divide_exactly(magnitude, power)?
        };
        let value = i128::try_from(magnitude).ok()?;
        Some(if self.negative { -value } else { value })
    }

    /// The number times `10 ^ scale` as text, if that is an integer.
    #[must_use]
    pub fn unscaled_text(&self, scale: i32) -> Option<String> {
        let mut text = String::from(if self.negative { "-" } else { "" });
        for group in self.groups() {
            put_group(group, &mut text);
        }
        let count = i32::try_from(self.groups.len()).ok()?;
        let exponent = (self.weight - count + 1) * 4 + scale;
        if count == 0 {
            return Some("0".into());
        }
        if let Ok(zeros) = usize::try_from(exponent) {
            text.push_str(&"0".repeat(zeros));
            return Some(text);
        }
        let surplus = exponent.unsigned_abs() as usize;
        let digits = text.trim_start_matches('-').len();
        if surplus >= digits {
            return None;
        }
        let fraction = text.split_off(text.len() - surplus);
        fraction.bytes().all(|digit| digit == b'0').then_some(text)
    }
}

/// 128-bit division is slow, and most numbers fit 64 bits.
fn divide_exactly(magnitude: u128, power: u128) -> Option<u128> {
    if let (Ok(magnitude), Ok(power)) = (u64::try_from(magnitude), u64::try_from(power)) {
        return magnitude.is_multiple_of(power).then(|| u128::from(magnitude / power));
    }
    magnitude.is_multiple_of(power).then(|| magnitude / power)
}

fn multiply(magnitude: u128, power: u128) -> Option<u128> {
    if let (Ok(magnitude), Ok(power)) = (u64::try_from(magnitude), u64::try_from(power)) {
        return Some(u128::from(magnitude) * u128::from(power));
    }
    magnitude.checked_mul(power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(bytes: &[u8]) -> String {
        let mut text = String::new();
        parse(bytes).unwrap().text(&mut text);
        text
    }

    fn finite(bytes: &[u8]) -> Digits<'_> {
        match parse(bytes) {
            Ok(Numeric::Finite(digits)) => digits,
            other => panic!("expected a number, got {other:?}"),
        }
    }

    #[test]
    fn test_put_text_of_known_numbers_prints_as_the_server_does() {
        for (given, printed) in [
            ("0", "0"),
            ("-0.00", "0.00"),
            ("1", "1"),
            ("-1.50", "-1.50"),
            ("12345678.90123", "12345678.90123"),
            ("1e3", "1000"),
            ("1.5E+3", "1500"),
            ("1E-130", &format!("0.{}1", "0".repeat(129))),
            ("10000", "10000"),
            ("100000000.0001", "100000000.0001"),
            ("NaN", "NaN"),
            ("-Infinity", "-Infinity"),
            ("inf", "Infinity"),
        ] {
            let mut bytes = Vec::new();
            put_text(given, &mut bytes).unwrap();
            assert_eq!(text(&bytes), printed, "{given}");
        }
    }

    #[test]
    fn test_put_text_of_invalid_text_is_an_error() {
        for given in ["", "-", ".", "1.2.3", "abc", "1e", "0x1", "١"] {
            assert_eq!(put_text(given, &mut Vec::new()), Err(NotNumeric::Syntax), "{given}");
        }
        assert_eq!(put_text("1e-16384", &mut Vec::new()), Err(NotNumeric::Limits));
        assert_eq!(put_text("1e131072", &mut Vec::new()), Err(NotNumeric::Limits));
        assert!(put_text("1e131071", &mut Vec::new()).is_ok());
    }

    #[test]
    fn test_parse_of_bad_bytes_is_an_error() {
        for bytes in [
            &[][..],
            &[0, 1, 0, 0, 0, 0, 0],
            &[0, 1, 0, 0, 0, 0, 0, 0],
            &[0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10],
            &[0, 0, 0, 0, 0x12, 0x34, 0, 0],
        ] {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn test_scaled_of_texts_is_exact_or_refused() {
        for (text, scale, expected) in [
            ("12.34", 2, Ok(1234)),
            ("-12.34", 4, Ok(-123_400)),
            ("12.3400", 2, Ok(1234)),
            ("1E+3", 2, Ok(100_000)),
            ("0E-20", 2, Ok(0)),
            ("12.345", 2, Err(NotScaled::TooFine)),
            ("1e-3", 2, Err(NotScaled::TooFine)),
            (".", 2, Err(NotScaled::Syntax)),
            ("", 2, Err(NotScaled::Syntax)),
            ("1.2.3", 2, Err(NotScaled::Syntax)),
            ("NaN", 2, Err(NotScaled::Special)),
            ("-Infinity", 2, Err(NotScaled::Special)),
            ("9999999999999999999", 0, Ok(9_999_999_999_999_999_999)),
            ("99999999999999999999999999999999999999", 0, Ok(10_i128.pow(38) - 1)),
            ("1e39", 0, Err(NotScaled::TooLarge)),
            ("1", 39, Err(NotScaled::TooLarge)),
        ] {
            assert_eq!(scaled(text, scale), expected, "{text} at {scale}");
        }
    }

    #[test]
    fn test_whole_of_numbers_is_their_value_or_none() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-0.00", Some(0)),
            ("7", Some(7)),
            ("-10000", Some(-10_000)),
            ("100000000", Some(100_000_000)),
            ("9999999999999999", Some(9_999_999_999_999_999)),
            ("10000000000000000", None),
            ("1e300", None),
            ("12.00", Some(12)),
            ("1.5", None),
            ("0.0001", None),
        ] {
            let mut bytes = Vec::new();
            put_text(text, &mut bytes).unwrap();
            assert_eq!(finite(&bytes).whole(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn test_put_i128_of_any_value_and_scale_round_trips(value: i128, shift in 0_u32..127, scale in 0_u8..=38) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            put_i128(value, scale, &mut bytes);
            let digits = finite(&bytes);
            prop_assert_eq!(digits.scale, u16::from(scale));
            prop_assert_eq!(digits.unscaled(i32::from(scale)).or_else(|| digits.unscaled_text(i32::from(scale))?.parse().ok()), Some(value));
            let mut again = Vec::new();
            put_text(&text(&bytes), &mut again).unwrap();
            prop_assert_eq!(&again, &bytes);
        }

        #[test]
        fn test_unscaled_agrees_with_its_text(value: i64, scale in 0_u8..20, requested in 0_i32..24) {
            let mut bytes = Vec::new();
            put_i128(i128::from(value), scale, &mut bytes);
            let digits = finite(&bytes);
            let by_text = digits.unscaled_text(requested).and_then(|text| text.parse().ok());
            prop_assert_eq!(digits.unscaled(requested), by_text);
        }

        #[test]
        fn test_parse_of_any_bytes_never_panics(bytes: Vec<u8>) {
            if let Ok(value) = parse(&bytes) && !matches!(value, Numeric::Finite(d) if d.weight > 100) {
                value.text(&mut String::new());
            }
        }
    }
}
