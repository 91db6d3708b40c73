//! JSON, by the standard library's own writer and reader.

use bytes::{BufMut, BytesMut};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use super::super::gather::{Refused, text};
use super::super::gil::raised;
use super::text::utf8;
use super::unreadable;
use crate::error::{Error, Result};

/// The first byte of a jsonb (`jsonb_recv`).
const VERSION: u8 = 1;

pub(super) fn put_json(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Result<(), Refused> {
    text::json(value, |text| out.put_slice(text.as_bytes()))
}

pub(super) fn put_jsonb(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Result<(), Refused> {
    text::json(value, |text| {
        out.put_u8(VERSION);
        out.put_slice(text.as_bytes());
    })
}

pub(super) fn get_json<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let text = PyString::new(py, utf8(cell)?);
    let loads = LOADS.import(py, "json", "loads").map_err(raised)?;
    loads.call1((text,)).map_err(|error| unreadable(py, "JSON", error))
}

pub(super) fn get_jsonb<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    match cell.split_first() {
        Some((&VERSION, text)) => get_json(py, text),
        _ => Err(Error::Internal("jsonb of an unknown version".into())),
    }
}
