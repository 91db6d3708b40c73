//! Encodes NUMERIC from integers with a scale and from text.

use super::{
    MAX_SCALE, MAX_WEIGHT, MINUS_INFINITY, NAN, NEGATIVE, Numeric, PLUS_INFINITY, POSITIVE,
    divide_exactly, multiply, parse, power_of_ten,
};

/// Appends `value / 10 ^ scale`.
#[inline]
pub fn put_i128(value: i128, scale: u8, out: &mut Vec<u8>) {
    let (padding, zeros) = match scale % 4 {
        0 => (0, 1),
        1 => (3, 1000),
        2 => (2, 100),
        _ => (1, 10),
    };
    let magnitude = u64::try_from(value.unsigned_abs()).ok();
    if let Some(magnitude) = magnitude.and_then(|magnitude| magnitude.checked_mul(zeros)) {
        put_u64(magnitude, value < 0, scale, (scale + padding) / 4, out);
    } else {
        let digits = value.unsigned_abs().to_string();
        put_digits(value < 0, digits.as_bytes(), i32::from(scale), out);
    }
}

/// Appends a magnitude whose last `fraction_groups` base-10,000 digits are the fraction.
fn put_u64(magnitude: u64, negative: bool, scale: u8, fraction_groups: u8, out: &mut Vec<u8>) {
    // Five base-10,000 digits hold 64 bits; the least significant is first.
    let mut groups = [0_u16; 5];
    let (mut rest, mut count) = (magnitude, 0_u16);
    for group in &mut groups {
        if rest == 0 {
            break;
        }
        *group = (rest % 10_000) as u16;
        rest /= 10_000;
        count += 1;
    }
    let used = groups.iter().take(usize::from(count));
    let zeros = used.take_while(|group| **group == 0).count();
    let shown = count - u16::try_from(zeros).unwrap_or(0);
    let weight = i16::try_from(count).unwrap_or(0) - i16::from(fraction_groups) - 1;
    let (weight, sign) = match (shown, negative) {
        (0, _) => (0, POSITIVE),
        (_, false) => (weight, POSITIVE),
        (_, true) => (weight, NEGATIVE),
    };
    out.extend_from_slice(&shown.to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&u16::from(scale).to_be_bytes());
    for group in groups.iter().take(usize::from(count)).skip(zeros).rev() {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

/// Appends a number given by its decimal digits, of which the last `scale` are the fraction; a
/// negative scale means zeros that follow the digits. The caller has checked the limits.
fn put_digits(negative: bool, digits: &[u8], scale: i32, out: &mut Vec<u8>) {
    let zeros = usize::try_from(-scale).unwrap_or(0);
    let scale = usize::try_from(scale).unwrap_or(0);
    let padding = (4 - scale % 4) % 4;
    let total = digits.len() + zeros + padding;
    let lead = (4 - total % 4) % 4;
    let at = |index: usize| {
        index
            .checked_sub(lead)
            .and_then(|i| digits.get(i))
            .map_or(0, |digit| u16::from(digit - b'0'))
    };
    let mut groups: Vec<u16> = (0..(lead + total) / 4)
        .map(|group| (0..4).fold(0, |sum, digit| sum * 10 + at(group * 4 + digit)))
        .collect();
    let (all, leading) = (groups.len(), groups.iter().take_while(|group| **group == 0).count());
    groups.drain(..leading);
    while groups.last() == Some(&0) {
        groups.pop();
    }
    // The limits that the caller has checked keep all of these within 16 bits.
    let short = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
    let weight = i16::try_from(groups_before_point(all, scale + padding, leading) - 1);
    let weight = weight.unwrap_or(i16::MAX);
    let zero = groups.is_empty();
    out.extend_from_slice(&short(groups.len()).to_be_bytes());
    out.extend_from_slice(&(if zero { 0 } else { weight }).to_be_bytes());
    out.extend_from_slice(&(if negative && !zero { NEGATIVE } else { POSITIVE }).to_be_bytes());
    out.extend_from_slice(&short(scale).to_be_bytes());
    for group in &groups {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

/// The number of base-10,000 digits before the decimal point without the leading zeros; negative if
/// the number begins after the point.
fn groups_before_point(all: usize, fraction_digits: usize, leading: usize) -> i64 {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    count(all) - count(fraction_digits / 4) - count(leading)
}

/// Why a text is not a NUMERIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNumeric {
    /// The text is not a number.
    Syntax,
    /// The number has more digits than NUMERIC can hold.
    Limits,
}

/// Parses and appends a number: digits with a point and an exponent, `NaN`, or `Infinity` with a
/// sign. Returns its scale; `None` for NaN and infinities.
///
/// # Errors
/// When the text is not a number, or one that NUMERIC cannot hold.
pub fn put_text(text: &str, out: &mut Vec<u8>) -> Result<Option<i32>, NotNumeric> {
    let (negative, magnitude) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if let Some(sign) = special(negative, magnitude) {
        // The server sends infinities with this scale; it has no meaning.
        let scale = if sign == NAN { 0 } else { 0x20 };
        for half in [0, 0, sign, scale] {
            out.extend_from_slice(&half.to_be_bytes());
        }
        return Ok(None);
    }
    if let Some((value, scale)) = short(magnitude.as_bytes()) {
        let value = i128::from(value);
        put_i128(if negative { -value } else { value }, scale, out);
        return Ok(Some(i32::from(scale)));
    }
    let (mantissa, exponent) = match magnitude.split_once(['e', 'E']) {
        None => (magnitude, 0),
        Some((mantissa, exponent)) => {
            (mantissa, exponent.parse::<i32>().map_err(|_| NotNumeric::Syntax)?)
        }
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole.as_bytes(), fraction.as_bytes()].concat();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NotNumeric::Syntax);
    }
    let fraction = i32::try_from(fraction.len()).map_err(|_| NotNumeric::Limits)?;
    let scale = fraction.checked_sub(exponent).ok_or(NotNumeric::Limits)?;
    let significant = digits.iter().skip_while(|digit| **digit == b'0').count();
    let whole_digits = i64::try_from(significant).unwrap_or(i64::MAX) - i64::from(scale);
    let fits = scale <= MAX_SCALE && whole_digits <= i64::from(MAX_WEIGHT + 1) * 4;
    if significant > 0 && !fits {
        return Err(NotNumeric::Limits);
    }
    let scale = if significant == 0 { scale.clamp(0, MAX_SCALE) } else { scale };
    let leading = digits.len() - significant;
    put_digits(negative, digits.get(leading..).unwrap_or_default(), scale, out);
    Ok(Some(scale.max(0)))
}

/// Parses a short number without an exponent: its digits as an integer, and its scale. Eighteen
/// digits fit 64 bits; `None` for all other numbers.
#[inline]
fn short(magnitude: &[u8]) -> Option<(u64, u8)> {
    let mut value: u64 = 0;
    let mut scale = 0;
    let mut point = false;
    let plain = magnitude.len() <= 19
        && magnitude.iter().all(|byte| match byte {
            b'0'..=b'9' => {
                value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
                scale += u8::from(point);
                true
            }
            b'.' if !point => {
                point = true;
                true
            }
            _ => false,
        });
    let digits = magnitude.len() - usize::from(point);
    (plain && (1..=18).contains(&digits)).then_some((value, scale))
}

/// Why a text cannot be converted to an unscaled integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotScaled {
    /// The text is not a number.
    Syntax,
    /// The text is NaN or an infinity.
    Special,
    /// The number has more fractional digits than the scale.
    TooFine,
    /// The number exceeds 128 bits.
    TooLarge,
}

/// Parses a number and returns it times `10 ^ scale`, if that is an integer.
pub fn scaled(text: &str, scale: i32) -> Result<i128, NotScaled> {
    let (negative, magnitude) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        bytes => (false, bytes),
    };
    if let Some((value, shown)) = short(magnitude) {
        let (value, shown) = (u128::from(value), i32::from(shown));
        let power = power_of_ten((scale - shown).unsigned_abs()).ok_or(NotScaled::TooLarge)?;
        let value = if scale >= shown {
            multiply(value, power).ok_or(NotScaled::TooLarge)?
        } else {
            divide_exactly(value, power).ok_or(NotScaled::TooFine)?
        };
        let value = i128::try_from(value).map_err(|_| NotScaled::TooLarge)?;
        return Ok(if negative { -value } else { value });
    }
    let mut bytes = Vec::new();
    put_text(text, &mut bytes).map_err(|error| match error {
        NotNumeric::Syntax => NotScaled::Syntax,
        NotNumeric::Limits => NotScaled::TooLarge,
    })?;
    match parse(&bytes) {
        Ok(Numeric::Finite(digits)) => digits.unscaled(scale).ok_or_else(|| {
            if digits.unscaled_text(scale).is_some() {
                NotScaled::TooLarge
            } else {
                NotScaled::TooFine
            }
        }),
        _ => Err(NotScaled::Special),
    }
}

fn special(negative: bool, magnitude: &str) -> Option<u16> {
    if magnitude.eq_ignore_ascii_case("nan") {
        Some(NAN)
    } else if magnitude.eq_ignore_ascii_case("infinity") || magnitude.eq_ignore_ascii_case("inf") {
        Some(if negative { MINUS_INFINITY } else { PLUS_INFINITY })
    } else {
        None
    }
}
