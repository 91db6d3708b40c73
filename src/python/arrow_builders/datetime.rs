//! Converts Python's dates, times, datetimes and timedeltas.

use arrow_buffer::IntervalMonthDayNano;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyDate, PyDateAccess, PyDateTime, PyDelta, PyDeltaAccess, PyString, PyTime, PyTimeAccess,
    PyType, PyTzInfo, PyTzInfoAccess,
};

use super::{ConversionError, ConversionResult, number, type_name, wrong_type};
use crate::types::timetz::check_offset;
use crate::wire::time::DAY_US;

/// Days from the Unix epoch. Howard Hinnant's `days_from_civil`:
/// <https://howardhinnant.github.io/date_algorithms.html>.
fn days(value: &impl PyDateAccess) -> i32 {
    let (month, day) = (i32::from(value.get_month()), i32::from(value.get_day()));
    let year = value.get_year() - i32::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Microseconds since midnight.
fn time_of_day_us(value: &impl PyTimeAccess) -> i64 {
    let minutes = i64::from(value.get_hour()) * 60 + i64::from(value.get_minute());
    (minutes * 60 + i64::from(value.get_second())) * 1_000_000 + i64::from(value.get_microsecond())
}

pub(in crate::python) fn date(value: &Bound<'_, PyAny>) -> ConversionResult<i32> {
    match value.cast::<PyDate>() {
        Ok(date) if !value.is_instance_of::<PyDateTime>() => Ok(days(date)),
        _ => Err(wrong_type(value)),
    }
}

pub(in crate::python) fn time(value: &Bound<'_, PyAny>) -> ConversionResult<i64> {
    let time = value.cast::<PyTime>().map_err(|_| wrong_type(value))?;
    if time.get_tzinfo().is_some() {
        return Err(ConversionError::WrongType("an aware datetime.time".to_owned()));
    }
    Ok(time_of_day_us(time))
}

/// Microseconds since midnight of a time with a zone, and its offset from UTC in seconds, positive to the east.
pub(in crate::python) fn timetz(value: &Bound<'_, PyAny>) -> ConversionResult<(i64, i32)> {
    let time = value.cast::<PyTime>().map_err(|_| wrong_type(value))?;
    let offset = value.call_method0(intern!(value.py(), "utcoffset"))?;
    let Ok(offset) = offset.cast::<PyDelta>() else {
        return Err(ConversionError::WrongType(
            "a datetime.time without an offset from UTC; give it one, as in tzinfo=timezone.utc (that of a ZoneInfo depends on the date)".to_owned(),
        ));
    };
    let us = offset_us(offset);
    if us % 1_000_000 != 0 {
        return Err(ConversionError::InvalidValue(
            "an offset from UTC with a fraction of a second".to_owned(),
        ));
    }
    let seconds = i32::try_from(us / 1_000_000).unwrap_or(i32::MAX);
    let seconds = check_offset(seconds).map_err(ConversionError::InvalidValue)?;
    Ok((time_of_day_us(time), seconds))
}

/// Checks that a value is a datetime. A subclass such as pandas' must hold no more than a datetime does.
fn datetime<'a, 'py>(value: &'a Bound<'py, PyAny>) -> ConversionResult<&'a Bound<'py, PyDateTime>> {
    let datetime = value.cast::<PyDateTime>().map_err(|_| wrong_type(value))?;
    if !value.is_exact_instance_of::<PyDateTime>() {
        if type_name(value).ends_with(".NaTType") {
            return Err(wrong_type(value));
        }
        check_whole_us(value, intern!(value.py(), "nanosecond"), "a timestamp")?;
        check_same_as_base(value, intern!(value.py(), "year"), datetime.get_year())?;
    }
    Ok(datetime)
}

/// Checks that an attribute of a subclass has the value that the base class holds. A pandas Timestamp or
/// Timedelta may be out of range of datetime or timedelta; the fields of the base class are wrong then.
fn check_same_as_base(
    value: &Bound<'_, PyAny>,
    part: &Bound<'_, PyString>,
    base: i32,
) -> ConversionResult {
    if value.getattr(part)?.extract::<i32>().is_ok_and(|own| own == base) {
        return Ok(());
    }
    let name = type_name(value);
    Err(ConversionError::InvalidValue(format!(
        "a {name} that is out of range of its Python base class; load it as Arrow"
    )))
}

/// Checks that a subclass such as pandas' has no nanoseconds beside its microseconds.
fn check_whole_us(
    value: &Bound<'_, PyAny>,
    part: &Bound<'_, PyString>,
    what: &str,
) -> ConversionResult {
    let part = value.getattr_opt(part)?;
    if part.is_some_and(|ns| ns.extract::<i64>().is_ok_and(|ns| ns != 0)) {
        return Err(ConversionError::InvalidValue(format!(
            "{what} with nanoseconds, finer than PostgreSQL's microseconds"
        )));
    }
    Ok(())
}

fn unix_us(datetime: &Bound<'_, PyDateTime>) -> i64 {
    i64::from(days(datetime)) * DAY_US + time_of_day_us(datetime)
}

pub(in crate::python) fn naive(value: &Bound<'_, PyAny>) -> ConversionResult<i64> {
    let datetime = datetime(value)?;
    if datetime.get_tzinfo().is_some() {
        return Err(ConversionError::WrongType(
            "an aware datetime; drop its zone with .replace(tzinfo=None)".to_owned(),
        ));
    }
    Ok(unix_us(datetime))
}

pub(in crate::python) fn aware(value: &Bound<'_, PyAny>) -> ConversionResult<i64> {
    let datetime = datetime(value)?;
    let naive = || {
        ConversionError::WrongType(
            "a naive datetime; give it a zone with .replace(tzinfo=…)".to_owned(),
        )
    };
    let zone = datetime.get_tzinfo().ok_or_else(naive)?;
    let us = unix_us(datetime);
    if zone.is(&*PyTzInfo::utc(value.py())?) {
        return Ok(us);
    }
    let offset = value.call_method0(intern!(value.py(), "utcoffset"))?;
    let offset = offset.cast::<PyDelta>().map_err(|_| naive())?;
    Ok(us - offset_us(offset))
}

/// Microseconds of an offset from UTC, which is less than a day.
fn offset_us(delta: &Bound<'_, PyDelta>) -> i64 {
    let seconds = i64::from(delta.get_days()) * 86_400 + i64::from(delta.get_seconds());
    seconds * 1_000_000 + i64::from(delta.get_microseconds())
}

/// Months, days and microseconds of a timedelta or an Interval. As in psycopg and asyncpg, the days of a
/// timedelta become the days of the interval. Its seconds are never negative: -1 hour is -1 day and
/// 23 hours.
pub(in crate::python) fn interval_parts(
    value: &Bound<'_, PyAny>,
) -> ConversionResult<(i32, i32, i64)> {
    static INTERVAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if let Ok(delta) = value.cast::<PyDelta>() {
        if !value.is_exact_instance_of::<PyDelta>() {
            check_whole_us(value, intern!(value.py(), "nanoseconds"), "a timedelta")?;
            check_same_as_base(value, intern!(value.py(), "days"), delta.get_days())?;
            check_same_as_base(value, intern!(value.py(), "seconds"), delta.get_seconds())?;
        }
        let us = i64::from(delta.get_seconds()) * 1_000_000 + i64::from(delta.get_microseconds());
        return Ok((0, delta.get_days(), us));
    }
    let py = value.py();
    if !value.is_instance(INTERVAL.import(py, "howdah.interval", "Interval")?)? {
        return Err(wrong_type(value));
    }
    Ok((
        number::integer(&value.getattr(intern!(py, "months"))?)?,
        number::integer(&value.getattr(intern!(py, "days"))?)?,
        number::integer(&value.getattr(intern!(py, "microseconds"))?)?,
    ))
}

/// A timedelta or an Interval as Arrow's interval.
pub(in crate::python) fn interval(
    value: &Bound<'_, PyAny>,
) -> ConversionResult<IntervalMonthDayNano> {
    let (months, days, us) = interval_parts(value)?;
    // Arrow has 64 bits of nanoseconds, which is about 292 years.
    let ns = us.checked_mul(1000).ok_or_else(|| {
        ConversionError::InvalidValue(
            "an interval with a time part of more than 292 years".to_owned(),
        )
    })?;
    Ok(IntervalMonthDayNano::new(months, days, ns))
}
