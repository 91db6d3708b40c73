//! Text, bytes and UUIDs.

use bytes::{BufMut, BytesMut};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString, PyType};

use super::super::gather::{Refused, text};
use super::super::gil::raised;
use super::frozen::made;
use super::{fixed, object};
use crate::error::{Error, Result};
use crate::types::input::NUL_IN_TEXT;

type Put = Result<(), Refused>;

/// Text, without a NUL: the server takes none, and says so less clearly.
pub(super) fn put_text(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Put {
    let mut has_nul = false;
    text::string(value, |text| {
        has_nul = memchr::memchr(0, text.as_bytes()).is_some();
        out.put_slice(text.as_bytes());
    })?;
    if has_nul { Err(Refused::Unfit(NUL_IN_TEXT.to_owned())) } else { Ok(()) }
}

pub(super) fn put_bytea(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Put {
    text::binary(value, |bytes| out.put_slice(bytes))
}

pub(super) fn put_uuid(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Put {
    out.put_slice(&text::uuid(value)?);
    Ok(())
}

fn utf8(cell: &[u8]) -> Result<&str> {
    std::str::from_utf8(cell).map_err(|_| no_utf8())
}

#[cold]
fn no_utf8() -> Error {
    Error::Internal("text from the server that is not UTF-8".into())
}

/// Python itself checks that it is UTF-8.
#[inline]
pub(super) fn get_text<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    match PyString::from_bytes(py, cell) {
        Ok(text) => Ok(text.into_any()),
        Err(error) => Err(match utf8(cell) {
            Ok(_) => raised(error),
            Err(no_utf8) => no_utf8,
        }),
    }
}

pub(super) fn get_bytea<'py>(py: Python<'py>, cell: &[u8]) -> Bound<'py, PyAny> {
    PyBytes::new(py, cell).into_any()
}

pub(super) fn get_uuid<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static UNKNOWN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let number = object(py, u128::from_be_bytes(fixed(cell)?))?;
    let make = || {
        let class = CLASS.import(py, "uuid", "UUID")?;
        let unknown = UNKNOWN.get_or_try_init(py, || {
            py.import("uuid")?.getattr("SafeUUID")?.getattr("unknown").map(Bound::unbind)
        })?;
        let is_safe = unknown.bind(py).clone();
        made(class, [(intern!(py, "int"), number), (intern!(py, "is_safe"), is_safe)])
    };
    make().map_err(raised)
}
