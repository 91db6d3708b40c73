//! Checks values against the type modifier of a time, timestamp or interval column. The server
//! would silently round or cut off what exceeds it, so such values are refused.
//!
//! Source: `AdjustTimestampForTypmod` and `AdjustIntervalForTypmod` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/timestamp.c>,
//! `AdjustTimeForTypmod` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/date.c>.

use crate::wire::time::interval_text;

/// The fractional digits of seconds that a column stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Precision {
    digits: i32,
    step_us: i64,
}

impl Precision {
    /// The precision of a time or timestamp column, which is its modifier.
    pub fn of(typmod: i32) -> Self {
        let dropped_digits =
            6_i32.checked_sub(typmod).filter(|dropped_digits| (0..=6).contains(dropped_digits));
        let dropped_digits = dropped_digits
            .and_then(|dropped_digits| u32::try_from(dropped_digits).ok())
            .unwrap_or(0);
        Self { digits: typmod, step_us: 10_i64.pow(dropped_digits) }
    }

    /// Returns a value that has no more digits than the column stores; `text` formats it for the
    /// error.
    #[inline]
    pub fn check(self, us: i64, name: &str, text: impl Fn(&mut String)) -> Result<i64, String> {
        if self.step_us == 1 || us % self.step_us == 0 {
            return Ok(us);
        }
        let (mut value, digits) = (String::new(), self.digits);
        text(&mut value);
        Err(too_many_digits(&value, &format!("{name}({digits})")))
    }
}

fn too_many_digits(value: &str, name: &str) -> String {
    format!("{value} has more digits after the point than {name}; round it first")
}

/// The fields of an interval from largest to smallest, and their bits in a modifier
/// (`INTERVAL_MASK`).
const FIELDS: [(&str, u32); 6] =
    [("year", 2), ("month", 1), ("day", 3), ("hour", 10), ("minute", 11), ("second", 12)];

/// What an interval column stores of months, days and microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IntervalFields {
    months_step: i32,
    days: bool,
    /// Microseconds must be a multiple of this; 0 if they must be zero.
    step_us: i64,
    typmod: i32,
}

impl IntervalFields {
    pub fn of(typmod: i32) -> Self {
        let all = Self { months_step: 1, days: true, step_us: 1, typmod };
        if typmod < 0 {
            return all;
        }
        let precision = Precision::of(typmod & 0xffff);
        match last_field(typmod) {
            Some("year") => Self { months_step: 12, days: false, step_us: 0, ..all },
            Some("month") => Self { days: false, step_us: 0, ..all },
            Some("day") => Self { step_us: 0, ..all },
            Some("hour") => Self { step_us: 3_600_000_000, ..all },
            Some("minute") => Self { step_us: 60_000_000, ..all },
            _ => Self { step_us: precision.step_us, ..all },
        }
    }

    /// Checks that the column stores an interval unchanged.
    #[inline]
    pub fn check(self, months: i32, days: i32, us: i64) -> Result<(), String> {
        let Self { months_step, days: keeps_days, step_us, .. } = self;
        let time = step_us == 1 || us == 0 || step_us > 0 && us % step_us == 0;
        if time && (months_step == 1 || months % months_step == 0) && (keeps_days || days == 0) {
            return Ok(());
        }
        let mut value = String::new();
        interval_text(months, days, us, &mut value);
        let name = self.name();
        if (2..=1_000_000).contains(&step_us) {
            return Err(too_many_digits(&value, &name));
        }
        Err(format!("{value} has more than {name} holds; round it first"))
    }

    /// The column type as SQL declares it.
    fn name(self) -> String {
        let digits = self.typmod & 0xffff;
        let digits = if digits <= 6 { format!("({digits})") } else { String::new() };
        let first = fields(self.typmod).next();
        match (first, last_field(self.typmod)) {
            (Some(first), Some(last)) if first == last => format!("interval {last}{digits}"),
            (Some(first), Some(last)) => format!("interval {first} to {last}{digits}"),
            _ => format!("interval{digits}"),
        }
    }
}

/// The fields that a modifier lists; none if it allows all fields.
fn fields(typmod: i32) -> impl DoubleEndedIterator<Item = &'static str> {
    let range = (typmod >> 16) & 0x7fff;
    let named = move |(_, bit): &&(&str, u32)| range != 0x7fff && range & (1 << bit) != 0;
    FIELDS.iter().filter(named).map(|(name, _)| *name)
}

fn last_field(typmod: i32) -> Option<&'static str> {
    fields(typmod).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_precision_check_of_value_with_more_digits_fails() {
        for (typmod, us, fits) in [
            (-1, 1, true),
            (6, 1, true),
            (3, 1_001_000, true),
            (3, 1_001_001, false),
            (0, -1_000_000, true),
            (0, -999_999, false),
            (0, 500_000, false),
        ] {
            let checked = Precision::of(typmod).check(us, "time", |_| {});
            assert_eq!(checked.is_ok(), fits, "{us} µs in time({typmod})");
        }
    }

    /// Months, days and microseconds.
    type Span = (i32, i32, i64);

    /// The modifiers are those of PostgreSQL 18 for these declarations.
    #[test]
    fn test_interval_fields_check_of_value_with_other_fields_fails() {
        const HOUR: i64 = 3_600_000_000;
        let cases: [(i32, &str, Span, Span); 9] = [
            (i32::MAX - 0xffff, "interval(0)", (1, 1, 1_000_000), (0, 0, 1_500_000)),
            (i32::MAX - 0xffff + 3, "interval(3)", (1, -1, -1000), (0, 0, -1)),
            (0x4_ffff, "interval year", (24, 0, 0), (25, 0, 0)),
            (0x6_ffff, "interval year to month", (25, 0, 0), (0, 1, 0)),
            (0x8_ffff, "interval day", (1, 1, 0), (0, 1, 5 * HOUR)),
            (0x408_ffff, "interval day to hour", (1, 1, 5 * HOUR), (0, 0, HOUR + 60_000_000)),
            (0x800_ffff, "interval minute", (1, 1, 60_000_000), (0, 0, 1_000_000)),
            (0x1000_0002, "interval second(2)", (1, 1, 10_000), (0, 0, 9_999)),
            (0x1c08_ffff, "interval day to second", (1, 1, 1), (0, 0, 0)),
        ];
        for (typmod, name, stored, refused) in cases {
            let parts = IntervalFields::of(typmod);
            assert_eq!(parts.check(stored.0, stored.1, stored.2), Ok(()), "{name}");
            if refused != (0, 0, 0) {
                let error = parts.check(refused.0, refused.1, refused.2).unwrap_err();
                assert!(error.contains(name), "{error}");
            }
        }
        assert_eq!(IntervalFields::of(-1).check(1, 1, 1), Ok(()));
    }
}
