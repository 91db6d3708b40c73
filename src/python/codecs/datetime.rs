//! Dates, times, timestamps and intervals <-> Python's `datetime` classes and `howdah.Interval`.

use bytes::{BufMut, BytesMut};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDate, PyDateTime, PyDelta, PyTime, PyType, PyTzInfo};

use super::super::arrow_builders::{ConversionError, datetime};
use super::super::gil::from_py_err;
use super::raw_init::construct;
use super::{fixed_bytes, malformed, out_of_range, to_object};
use crate::error::{Error, Result};
use crate::types::timetz;
use crate::wire::copy::take;
use crate::wire::time::{
    DAY_US, EPOCH_DAYS, EPOCH_US, civil, date_text, interval_text, time_text, timestamp_text,
    timetz_text,
};

type EncodeResult = Result<(), ConversionError>;

pub(super) fn encode_date(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    out.put_i32(datetime::date(value)? - EPOCH_DAYS);
    Ok(())
}

pub(super) fn encode_time(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    out.put_i64(datetime::time(value)?);
    Ok(())
}

pub(super) fn encode_timetz(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    let (us, offset) = datetime::timetz(value)?;
    out.put_i64(us);
    out.put_i32(-offset);
    Ok(())
}

pub(super) fn encode_timestamp(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    out.put_i64(datetime::naive(value)? - EPOCH_US);
    Ok(())
}

pub(super) fn encode_timestamptz(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    out.put_i64(datetime::aware(value)? - EPOCH_US);
    Ok(())
}

pub(super) fn encode_interval(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    let (months, days, us) = datetime::interval_parts(value)?;
    if is_infinite(months, days, us) {
        let what = "an interval with the values that PostgreSQL reserves for infinity";
        return Err(ConversionError::InvalidValue(what.to_owned()));
    }
    out.put_i64(us);
    out.put_i32(days);
    out.put_i32(months);
    Ok(())
}

pub(super) fn is_infinite(months: i32, days: i32, us: i64) -> bool {
    matches!((months, days, us), (i32::MAX, i32::MAX, i64::MAX) | (i32::MIN, i32::MIN, i64::MIN))
}

/// Year, month and day of a number of days since the Unix epoch; `None` outside of Python's years 1 to 9999.
#[inline]
fn ymd(days: i64) -> Option<(i32, u8, u8)> {
    let (year, month, day) = civil(days);
    let year = i32::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
    Some((year, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
}

/// Hour, minute, second and microsecond of a time of day; `None` for 24:00, which Python does not have.
#[inline]
fn hms(us: i64) -> Option<(u8, u8, u8, u32)> {
    let us = u64::try_from(us).ok().filter(|us| *us < DAY_US.unsigned_abs())?;
    let seconds = us / 1_000_000;
    let part = |value: u64| u8::try_from(value).ok();
    let fraction = u32::try_from(us % 1_000_000).ok()?;
    Some((part(seconds / 3600)?, part(seconds / 60 % 60)?, part(seconds % 60)?, fraction))
}

/// The error for a value that Python's type cannot hold, with its text.
#[cold]
fn text_out_of_range(python: &str, write_text: impl FnOnce(&mut String)) -> Error {
    let mut text = String::new();
    write_text(&mut text);
    out_of_range(&text, python)
}

pub(super) fn decode_date<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    let days = i32::from_be_bytes(fixed_bytes(cell)?);
    let Some((year, month, day)) = ymd(i64::from(days) + i64::from(EPOCH_DAYS)) else {
        return Err(text_out_of_range("datetime.date", |out| date_text(days, out)));
    };
    Ok(PyDate::new(py, year, month, day).map_err(from_py_err)?.into_any())
}

pub(super) fn decode_time<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    let us = i64::from_be_bytes(fixed_bytes(cell)?);
    let Some((hour, minute, second, fraction)) = hms(us) else {
        return Err(text_out_of_range("datetime.time", |out| time_text(us, out)));
    };
    Ok(PyTime::new(py, hour, minute, second, fraction, None).map_err(from_py_err)?.into_any())
}

pub(super) fn decode_timetz<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    let (us, offset) = timetz::read(cell).map_err(malformed)?;
    let Some((hour, minute, second, fraction)) = hms(us) else {
        return Err(text_out_of_range("datetime.time", |out| timetz_text(us, offset, out)));
    };
    let time = || {
        let offset = PyDelta::new(py, 0, offset, 0, true)?;
        let zone = PyTzInfo::fixed_offset(py, offset)?;
        PyTime::new(py, hour, minute, second, fraction, Some(&zone))
    };
    Ok(time().map_err(from_py_err)?.into_any())
}

pub(super) fn decode_timestamp<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    decode_datetime(py, cell, None, "")
}

pub(super) fn decode_timestamptz<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    let utc = PyTzInfo::utc(py).map_err(from_py_err)?;
    decode_datetime(py, cell, Some(&utc), "+00")
}

#[inline]
fn decode_datetime<'py>(
    py: Python<'py>,
    cell: &[u8],
    zone: Option<&Bound<'py, PyTzInfo>>,
    shown_zone: &str,
) -> Result<Bound<'py, PyAny>> {
    let us = i64::from_be_bytes(fixed_bytes(cell)?);
    let days = us.div_euclid(DAY_US) + i64::from(EPOCH_DAYS);
    let (Some((year, month, day)), Some((hour, minute, second, fraction))) =
        (ymd(days), hms(us.rem_euclid(DAY_US)))
    else {
        return Err(text_out_of_range("datetime.datetime", |out| {
            timestamp_text(us, shown_zone, out);
        }));
    };
    let datetime = PyDateTime::new(py, year, month, day, hour, minute, second, fraction, zone);
    Ok(datetime.map_err(from_py_err)?.into_any())
}

pub(super) fn decode_interval<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let mut rest = &fixed_bytes::<16>(cell)?[..];
    let us = i64::from_be_bytes(take(&mut rest).map_err(malformed)?);
    let days = i32::from_be_bytes(take(&mut rest).map_err(malformed)?);
    let months = i32::from_be_bytes(take(&mut rest).map_err(malformed)?);
    if is_infinite(months, days, us) {
        return Err(text_out_of_range("howdah.Interval", |out| {
            interval_text(months, days, us, out);
        }));
    }
    let class = CLASS.import(py, "howdah.interval", "Interval").map_err(from_py_err)?;
    let parts = [
        (intern!(py, "months"), to_object(py, months)?),
        (intern!(py, "days"), to_object(py, days)?),
        (intern!(py, "microseconds"), to_object(py, us)?),
    ];
    construct(class, parts).map_err(from_py_err)
}
