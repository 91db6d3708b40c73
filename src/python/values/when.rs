//! Dates, times and intervals.

use bytes::{BufMut, BytesMut};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDate, PyDateTime, PyTime, PyType, PyTzInfo};

use super::super::gather::{Refused, when};
use super::super::gil::raised;
use super::frozen::made;
use super::{beyond, fixed, malformed, object};
use crate::error::{Error, Result};
use crate::wire::copy::take;
use crate::wire::time::{
    DAY_US, EPOCH_DAYS, EPOCH_US, civil, date_text, interval_text, time_text, timestamp_text,
};

type Put = Result<(), Refused>;

pub(super) fn put_date(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Put {
    out.put_i32(when::date(value)? - EPOCH_DAYS);
    Ok(())
}

pub(super) fn put_time(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Put {
    out.put_i64(when::time(value)?);
    Ok(())
}

pub(super) fn put_timestamp(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Put {
    out.put_i64(when::naive(value)? - EPOCH_US);
    Ok(())
}

pub(super) fn put_timestamptz(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Put {
    out.put_i64(when::aware(value)? - EPOCH_US);
    Ok(())
}

pub(super) fn put_interval(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Put {
    let (months, days, us) = when::interval_parts(value)?;
    if is_infinite(months, days, us) {
        let what = "an interval that the server would take for an infinite one";
        return Err(Refused::Unfit(what.to_owned()));
    }
    out.put_i64(us);
    out.put_i32(days);
    out.put_i32(months);
    Ok(())
}

fn is_infinite(months: i32, days: i32, us: i64) -> bool {
    matches!((months, days, us), (i32::MAX, i32::MAX, i64::MAX) | (i32::MIN, i32::MIN, i64::MIN))
}

/// Year, month and day of a day from the Unix epoch, if Python's years reach there.
#[inline]
fn ymd(days: i64) -> Option<(i32, u8, u8)> {
    let (year, month, day) = civil(days);
    let year = i32::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
    Some((year, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
}

/// Hour, minute, second and microsecond of a time of day.
#[inline]
fn hms(us: i64) -> Option<(u8, u8, u8, u32)> {
    let of_day = u64::try_from(us).ok().filter(|us| *us < DAY_US.unsigned_abs())?;
    let seconds = of_day / 1_000_000;
    let part = |value: u64| u8::try_from(value).ok();
    let fraction = u32::try_from(of_day % 1_000_000).ok()?;
    Some((part(seconds / 3600)?, part(seconds / 60 % 60)?, part(seconds % 60)?, fraction))
}

/// The error of a value that Python's type cannot hold, with its text.
#[cold]
fn too_far(python: &str, print: impl FnOnce(&mut String)) -> Error {
    let mut text = String::new();
    print(&mut text);
    beyond(&text, python)
}

pub(super) fn get_date<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    let days = i32::from_be_bytes(fixed(cell)?);
    let Some((year, month, day)) = ymd(i64::from(days) + i64::from(EPOCH_DAYS)) else {
        return Err(too_far("datetime.date", |out| date_text(days, out)));
    };
    Ok(PyDate::new(py, year, month, day).map_err(raised)?.into_any())
}

pub(super) fn get_time<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    let us = i64::from_be_bytes(fixed(cell)?);
    let Some((hour, minute, second, fraction)) = hms(us) else {
        return Err(too_far("datetime.time", |out| time_text(us, out)));
    };
    Ok(PyTime::new(py, hour, minute, second, fraction, None).map_err(raised)?.into_any())
}

pub(super) fn get_timestamp<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    datetime(py, cell, None, "")
}

pub(super) fn get_timestamptz<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    let utc = PyTzInfo::utc(py).map_err(raised)?;
    datetime(py, cell, Some(&utc), "+00")
}

#[inline]
fn datetime<'py>(
    py: Python<'py>,
    cell: &[u8],
    zone: Option<&Bound<'py, PyTzInfo>>,
    shown_zone: &str,
) -> Result<Bound<'py, PyAny>> {
    let us = i64::from_be_bytes(fixed(cell)?);
    let days = us.div_euclid(DAY_US) + i64::from(EPOCH_DAYS);
    let (Some((year, month, day)), Some((hour, minute, second, fraction))) =
        (ymd(days), hms(us.rem_euclid(DAY_US)))
    else {
        return Err(too_far("datetime.datetime", |out| timestamp_text(us, shown_zone, out)));
    };
    let made = PyDateTime::new(py, year, month, day, hour, minute, second, fraction, zone);
    Ok(made.map_err(raised)?.into_any())
}

pub(super) fn get_interval<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let mut rest = &fixed::<16>(cell)?[..];
    let us = i64::from_be_bytes(take(&mut rest).map_err(malformed)?);
    let days = i32::from_be_bytes(take(&mut rest).map_err(malformed)?);
    let months = i32::from_be_bytes(take(&mut rest).map_err(malformed)?);
    if is_infinite(months, days, us) {
        return Err(too_far("howdah.Interval", |out| interval_text(months, days, us, out)));
    }
    let class = CLASS.import(py, "howdah.interval", "Interval").map_err(raised)?;
    let parts = [
        (intern!(py, "months"), object(py, months)?),
        (intern!(py, "days"), object(py, days)?),
        (intern!(py, "microseconds"), object(py, us)?),
    ];
    made(class, parts).map_err(raised)
}
