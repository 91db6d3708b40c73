//! Dates, times and intervals.

use bytes::{BufMut, BytesMut};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDate, PyDateTime, PyTime, PyType, PyTzInfo};

use super::super::gather::{Refused, when};
use super::super::gil::raised;
use super::beyond;
use crate::error::Result;
use crate::wire::copy::take;
use crate::wire::fixed;
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
    out.put_i64(us);
    out.put_i32(days);
    out.put_i32(months);
    Ok(())
}

/// Year, month and day of a day from the Unix epoch, if Python's years reach there.
fn ymd(days: i64) -> Option<(i32, u8, u8)> {
    let (year, month, day) = civil(days);
    let year = i32::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
    Some((year, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
}

/// Hour, minute, second and microsecond of a time of day.
fn hms(us: i64) -> Option<(u8, u8, u8, u32)> {
    let of_day = u64::try_from(us).ok().filter(|us| *us < DAY_US.unsigned_abs())?;
    let seconds = of_day / 1_000_000;
    let part = |value: u64| u8::try_from(value).ok();
    let fraction = u32::try_from(of_day % 1_000_000).ok()?;
    Some((part(seconds / 3600)?, part(seconds / 60 % 60)?, part(seconds % 60)?, fraction))
}

pub(super) fn get_date<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    let days = i32::from_be_bytes(fixed(cell)?);
    let Some((year, month, day)) = ymd(i64::from(days) + i64::from(EPOCH_DAYS)) else {
        let mut text = String::new();
        date_text(days, &mut text);
        return Err(beyond(&text, "datetime.date"));
    };
    Ok(PyDate::new(py, year, month, day).map_err(raised)?.into_any())
}

pub(super) fn get_time<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    let us = i64::from_be_bytes(fixed(cell)?);
    let Some((hour, minute, second, fraction)) = hms(us) else {
        let mut text = String::new();
        time_text(us, &mut text);
        return Err(beyond(&text, "datetime.time"));
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
        let mut text = String::new();
        timestamp_text(us, shown_zone, &mut text);
        return Err(beyond(&text, "datetime.datetime"));
    };
    let made = PyDateTime::new(py, year, month, day, hour, minute, second, fraction, zone);
    Ok(made.map_err(raised)?.into_any())
}

pub(super) fn get_interval<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    static INTERVAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let mut rest = &fixed::<16>(cell)?[..];
    let us = i64::from_be_bytes(take(&mut rest)?);
    let days = i32::from_be_bytes(take(&mut rest)?);
    let months = i32::from_be_bytes(take(&mut rest)?);
    if matches!((months, days, us), (i32::MAX, i32::MAX, i64::MAX) | (i32::MIN, i32::MIN, i64::MIN))
    {
        let mut text = String::new();
        interval_text(months, days, us, &mut text);
        return Err(beyond(&text, "howdah.Interval"));
    }
    let class = INTERVAL.import(py, "howdah.interval", "Interval").map_err(raised)?;
    class.call1((months, days, us)).map_err(raised)
}
