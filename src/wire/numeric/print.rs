//! Formats NUMERIC as text.

use super::{Digits, Numeric};

impl Digits<'_> {
    /// Appends the number as `numeric_out` prints it.
    pub fn text(&self, out: &mut String) {
        if self.negative {
            out.push('-');
        }
        let mut groups = self.groups();
        if self.weight < 0 {
            out.push('0');
        } else {
            put_first_group(groups.next().unwrap_or(0), out);
        }
        for _ in 0..self.weight {
            put_group(groups.next().unwrap_or(0), out);
        }
        let scale = usize::from(self.scale);
        if scale > 0 {
            out.push('.');
            let end = out.len() + scale;
            let mut zeros = -1 - self.weight.min(-1);
            while out.len() < end {
                let group = if zeros > 0 { None } else { groups.next() };
                put_group(group.unwrap_or(0), out);
                zeros -= 1;
            }
            out.truncate(end);
        }
    }
}

impl Numeric<'_> {
    /// Appends the value as `numeric_out` prints it.
    pub fn text(&self, out: &mut String) {
        match self {
            Self::Finite(digits) => digits.text(out),
            Self::NaN => out.push_str("NaN"),
            Self::Infinite { negative: false } => out.push_str("Infinity"),
            Self::Infinite { negative: true } => out.push_str("-Infinity"),
        }
    }
}

/// The four decimal digits of a base-10,000 digit.
fn digits_of(group: u16) -> [char; 4] {
    let digit = |power: u16| char::from(b'0' + (group / power % 10) as u8);
    [digit(1000), digit(100), digit(10), digit(1)]
}

/// Appends the four decimal digits of a base-10,000 digit.
pub(super) fn put_group(group: u16, out: &mut String) {
    out.extend(digits_of(group));
}

/// Appends the first base-10,000 digit, without leading zeros.
fn put_first_group(group: u16, out: &mut String) {
    let zeros = 3 - group.checked_ilog10().unwrap_or(0) as usize;
    out.extend(digits_of(group).into_iter().skip(zeros));
}
