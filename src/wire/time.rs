//! Dates and times as text, and the epochs: PostgreSQL counts from 2000-01-01, Unix from
//! 1970-01-01.
//!
//! Source: `src/include/datatype/timestamp.h` and `EncodeDateTime` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/datetime.c>.

use std::fmt::Write;

/// Days from the Unix epoch to PostgreSQL's.
pub const EPOCH_DAYS: i32 = 10_957;
/// Microseconds in a day.
pub const DAY_US: i64 = 86_400_000_000;
/// Microseconds from the Unix epoch to PostgreSQL's.
pub const EPOCH_US: i64 = EPOCH_DAYS as i64 * DAY_US;

/// Appends a date in the ISO style, given in days since 2000-01-01.
pub fn date_text(days: i32, out: &mut String) {
    match days {
        i32::MAX => out.push_str("infinity"),
        i32::MIN => out.push_str("-infinity"),
        _ => {
            let (year, month, day) = civil(i64::from(days) + i64::from(EPOCH_DAYS));
            put_date(year, month, day, out);
            put_era(year, out);
        }
    }
}

/// Appends a timestamp in the ISO style, given in microseconds since 2000-01-01, followed by
/// `zone`, such as `+00`.
pub fn timestamp_text(us: i64, zone: &str, out: &mut String) {
    match us {
        i64::MAX => out.push_str("infinity"),
        i64::MIN => out.push_str("-infinity"),
        _ => {
            let (year, month, day) = civil(us.div_euclid(DAY_US) + i64::from(EPOCH_DAYS));
            put_date(year, month, day, out);
            out.push(' ');
            time_text(us.rem_euclid(DAY_US), out);
            out.push_str(zone);
            put_era(year, out);
        }
    }
}

/// Appends a time of day or the time part of an interval, given in microseconds.
pub fn time_text(us: i64, out: &mut String) {
    let (seconds, fraction) = (us.unsigned_abs() / 1_000_000, us.unsigned_abs() % 1_000_000);
    let sign = if us < 0 { "-" } else { "" };
    put(
        out,
        format_args!("{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    );
    if fraction > 0 {
        let digits = format!(".{fraction:06}");
        out.push_str(digits.trim_end_matches('0'));
    }
}

/// The largest offset from UTC in seconds (`MAX_TZDISP_HOUR` of `src/include/datatype/timestamp.h`).
pub const MAX_OFFSET_S: i32 = 16 * 3600 - 1;

/// Appends a time of day with its offset from UTC in seconds, positive to the east.
pub fn timetz_text(us: i64, offset: i32, out: &mut String) {
    time_text(us, out);
    let (sign, seconds) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
    put(out, format_args!("{sign}{:02}", seconds / 3600));
    if seconds % 3600 != 0 {
        put(out, format_args!(":{:02}", seconds / 60 % 60));
    }
    if seconds % 60 != 0 {
        put(out, format_args!(":{:02}", seconds % 60));
    }
}

/// Appends an interval in the style `postgres`.
pub fn interval_text(months: i32, days: i32, us: i64, out: &mut String) {
    match (months, days, us) {
        (i32::MAX, i32::MAX, i64::MAX) => return out.push_str("infinity"),
        (i32::MIN, i32::MIN, i64::MIN) => return out.push_str("-infinity"),
        _ => {}
    }
    let start = out.len();
    let mut after_negative = false;
    for (amount, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if amount != 0 {
            let space = if out.len() > start { " " } else { "" };
            let sign = if after_negative && amount > 0 { "+" } else { "" };
            let plural = if amount == 1 { "" } else { "s" };
            put(out, format_args!("{space}{sign}{amount} {unit}{plural}"));
            after_negative = amount < 0;
        }
    }
    if us != 0 || out.len() == start {
        if out.len() > start {
            out.push(' ');
        }
        if after_negative && us > 0 {
            out.push('+');
        }
        time_text(us, out);
    }
}

/// The year (0 is 1 BC), month and day of a date given in days since 1970-01-01. Howard Hinnant's
/// `civil_from_days`: <https://howardhinnant.github.io/date_algorithms.html>. PostgreSQL's years
/// exceed the range of the date libraries.
#[must_use]
pub fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn put_date(year: i64, month: i64, day: i64, out: &mut String) {
    let shown = if year > 0 { year } else { 1 - year };
    put(out, format_args!("{shown:04}-{month:02}-{day:02}"));
}

fn put_era(year: i64, out: &mut String) {
    if year <= 0 {
        out.push_str(" BC");
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(put: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        put(&mut out);
        out
    }

    #[test]
    fn test_texts_of_limits_are_those_of_the_server() {
        for (days, text) in [
            (0, "2000-01-01"),
            (-1, "1999-12-31"),
            (59, "2000-02-29"),
            (2_921_939, "9999-12-31"),
            (2_921_940, "10000-01-01"),
            (-730_119, "0001-01-01"),
            (-730_120, "0001-12-31 BC"),
            (-2_451_545, "4714-11-24 BC"),
            (2_145_031_948, "5874897-12-31"),
            (i32::MAX, "infinity"),
            (i32::MIN, "-infinity"),
        ] {
            assert_eq!(text_of(|out| date_text(days, out)), text);
        }
        assert_eq!(text_of(|out| timestamp_text(-1, "+00", out)), "1999-12-31 23:59:59.999999+00");
        assert_eq!(text_of(|out| timestamp_text(i64::MAX, "", out)), "infinity");
        assert_eq!(text_of(|out| time_text(DAY_US, out)), "24:00:00");
        assert_eq!(text_of(|out| time_text(1_500_000, out)), "00:00:01.5");
        for (parts, text) in [
            ((0, 0, 0), "00:00:00"),
            ((14, 3, 14_706_789_000), "1 year 2 mons 3 days 04:05:06.789"),
            ((-14, 3, -1), "-1 years -2 mons +3 days -00:00:00.000001"),
            ((0, -1, 1_000_000), "-1 days +00:00:01"),
        ] {
            assert_eq!(text_of(|out| interval_text(parts.0, parts.1, parts.2, out)), text);
        }
    }
}
