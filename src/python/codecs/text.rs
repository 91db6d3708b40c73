//! Text, bytea and uuid <-> Python's str, bytes and UUID.

use bytes::{BufMut, BytesMut};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString, PyType};

use super::super::arrow_builders::{ConversionError, text};
use super::super::gil::from_py_err;
use super::raw_init::construct;
use super::{fixed_bytes, malformed, to_object};
use crate::error::{Error, Result};
use crate::types::TextForm;
use crate::types::input::NUL_IN_TEXT;

type EncodeResult = Result<(), ConversionError>;

/// Appends text. Refuses NUL: the server does, too, but its message is less clear.
pub(super) fn encode_text(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    let mut has_nul = false;
    text::string(value, |text| {
        has_nul = memchr::memchr(0, text.as_bytes()).is_some();
        out.put_slice(text.as_bytes());
    })?;
    if has_nul { Err(ConversionError::InvalidValue(NUL_IN_TEXT.to_owned())) } else { Ok(()) }
}

pub(super) fn encode_bytea(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    text::binary(value, |bytes| out.put_slice(bytes))
}

pub(super) fn encode_uuid(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    out.put_slice(&text::uuid(value)?);
    Ok(())
}

/// Appends the binary value of a type that Python holds as text.
pub(super) fn encode_text_form(
    form: &TextForm,
    value: &Bound<'_, PyAny>,
    out: &mut BytesMut,
) -> EncodeResult {
    let (mut cell, mut parsed) = (Vec::new(), Ok(()));
    text::string(value, |text| parsed = form.parse(text, &mut cell))?;
    parsed.map_err(ConversionError::InvalidValue)?;
    out.put_slice(&cell);
    Ok(())
}

/// Decodes a value of a type that Python holds as text.
pub(super) fn decode_text_form<'py>(
    py: Python<'py>,
    form: &TextForm,
    cell: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let mut text = String::new();
    form.print(cell, &mut text).map_err(malformed)?;
    Ok(PyString::new(py, &text).into_any())
}

fn utf8(cell: &[u8]) -> Result<&str> {
    std::str::from_utf8(cell).map_err(|_| not_utf8())
}

#[cold]
fn not_utf8() -> Error {
    Error::Internal("text from the server that is not UTF-8".into())
}

/// Decodes text; Python checks that it is UTF-8.
#[inline]
pub(super) fn decode_text<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    match PyString::from_bytes(py, cell) {
        Ok(text) => Ok(text.into_any()),
        Err(error) => Err(match utf8(cell) {
            Ok(_) => from_py_err(error),
            Err(not_utf8) => not_utf8,
        }),
    }
}

pub(super) fn decode_bytea<'py>(py: Python<'py>, cell: &[u8]) -> Bound<'py, PyAny> {
    PyBytes::new(py, cell).into_any()
}

pub(super) fn decode_uuid<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static UNKNOWN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let number = to_object(py, u128::from_be_bytes(fixed_bytes(cell)?))?;
    let build = || {
        let class = CLASS.import(py, "uuid", "UUID")?;
        let unknown = UNKNOWN.get_or_try_init(py, || {
            py.import("uuid")?.getattr("SafeUUID")?.getattr("unknown").map(Bound::unbind)
        })?;
        let is_safe = unknown.bind(py).clone();
        construct(class, [(intern!(py, "int"), number), (intern!(py, "is_safe"), is_safe)])
    };
    build().map_err(from_py_err)
}
