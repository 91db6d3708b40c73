//! Text, bytes and UUIDs.

use bytes::{BufMut, BytesMut};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString, PyType};

use super::super::gather::{Refused, text};
use super::super::gil::raised;
use crate::error::{Error, Result};
use crate::wire::fixed;

type Put = Result<(), Refused>;

/// The server takes no NUL in text, and says so less clearly.
pub(super) fn put_text(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Put {
    let mut nul = false;
    text::string(value, |text| {
        nul = memchr::memchr(0, text.as_bytes()).is_some();
        out.put_slice(text.as_bytes());
    })?;
    if nul {
        Err(Refused::Unfit("text holds a NUL, which PostgreSQL cannot store".to_owned()))
    } else {
        Ok(())
    }
}

/// The text of a value of a type that is known to the server alone.
pub(super) fn put_printed(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Put {
    put_text(value, out)
}

pub(super) fn put_bytea(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Put {
    text::binary(value, |bytes| out.put_slice(bytes))
}

pub(super) fn put_uuid(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Put {
    out.put_slice(&text::uuid(value)?);
    Ok(())
}

#[inline]
pub(super) fn utf8(cell: &[u8]) -> Result<&str> {
    std::str::from_utf8(cell).map_err(|_| Error::Internal("text that is not UTF-8".into()))
}

#[inline]
pub(super) fn get_text<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    Ok(PyString::new(py, utf8(cell)?).into_any())
}

#[expect(clippy::unnecessary_wraps, reason = "as all its like")]
pub(super) fn get_bytea<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    Ok(PyBytes::new(py, cell).into_any())
}

/// A UUID without its `__init__`, which takes as long as all of the rest of a row.
pub(super) fn get_uuid<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static UNKNOWN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static SETATTR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let number = u128::from_be_bytes(fixed(cell)?);
    let make = || -> PyResult<Bound<'py, PyAny>> {
        let class = CLASS.import(py, "uuid", "UUID")?;
        let unknown = UNKNOWN.get_or_try_init(py, || {
            py.import("uuid")?.getattr("SafeUUID")?.getattr("unknown").map(Bound::unbind)
        })?;
        // UUID's own __setattr__ refuses.
        let setattr = SETATTR.get_or_try_init(py, || {
            py.import("builtins")?.getattr("object")?.getattr("__setattr__").map(Bound::unbind)
        })?;
        let uuid = class.call_method1(pyo3::intern!(py, "__new__"), (class,))?;
        setattr.call1(py, (&uuid, pyo3::intern!(py, "int"), number))?;
        setattr.call1(py, (&uuid, pyo3::intern!(py, "is_safe"), unknown))?;
        Ok(uuid)
    };
    make().map_err(raised)
}
