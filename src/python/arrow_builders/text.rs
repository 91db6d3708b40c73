//! Converts Python's str, bytes and UUID.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString, PyType};

use super::{ConversionError, ConversionResult, wrong_type};

/// Passes a str, or the str of an Enum member, to `take`.
#[inline]
pub(in crate::python) fn string(
    value: &Bound<'_, PyAny>,
    take: impl FnOnce(&str),
) -> ConversionResult {
    match value.cast::<PyString>() {
        Ok(text) => {
            take(utf8(text)?);
            Ok(())
        }
        Err(_) if is_enum(value)? => {
            let inner = value.getattr(intern!(value.py(), "value"))?;
            let text = inner.cast::<PyString>().map_err(|_| wrong_type(value))?;
            take(utf8(text)?);
            Ok(())
        }
        Err(_) => Err(wrong_type(value)),
    }
}

pub(super) fn utf8<'a>(text: &'a Bound<'_, PyString>) -> ConversionResult<&'a str> {
    text.to_str().map_err(|_| {
        ConversionError::InvalidValue(
            "text holds a lone surrogate, which UTF-8 cannot encode".to_owned(),
        )
    })
}

pub(in crate::python) fn is_enum(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static ENUM: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    value.is_instance(ENUM.import(value.py(), "enum", "Enum")?)
}

/// Passes the bytes of a bytes, bytearray or memoryview to `take`.
pub(in crate::python) fn binary(
    value: &Bound<'_, PyAny>,
    take: impl FnOnce(&[u8]),
) -> ConversionResult {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        take(bytes.as_bytes());
    } else if let Ok(bytes) = value.cast::<PyByteArray>() {
        take(&bytes.to_vec());
    } else if value.is_instance_of::<PyMemoryView>() {
        let bytes = value.call_method0("tobytes")?;
        take(bytes.cast::<PyBytes>().map_err(|_| wrong_type(value))?.as_bytes());
    } else {
        return Err(wrong_type(value));
    }
    Ok(())
}

/// A UUID, or the text of one.
pub(in crate::python) fn uuid(value: &Bound<'_, PyAny>) -> ConversionResult<[u8; 16]> {
    static UUID: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if value.is_instance(UUID.import(value.py(), "uuid", "UUID")?)? {
        return Ok(value.getattr(intern!(value.py(), "int"))?.extract::<u128>()?.to_be_bytes());
    }
    let text = value.cast::<PyString>().map_err(|_| wrong_type(value))?;
    let uuid = ::uuid::Uuid::try_parse(utf8(text)?);
    uuid.map(::uuid::Uuid::into_bytes)
        .map_err(|_| ConversionError::InvalidValue("text that is not a uuid".to_owned()))
}
