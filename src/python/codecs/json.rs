//! json and jsonb <-> Python values. A decoded value is encoded as the same JSON again.

use bytes::{BufMut, BytesMut};
use jiter::{FloatMode, PartialMode, PythonParse, StringCacheMode};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyDict, PyString};

use super::super::arrow_builders::number::decimal_type;
use super::super::arrow_builders::{ConversionError, json};
use super::super::gil::from_py_err;
use super::text::decode_text;
use super::{malformed, refused_by_python, value_error};
use crate::error::Result;
use crate::wire::{Malformed, json::inexact};

/// The first byte of a jsonb value, see `jsonb_recv` in
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/jsonb.c>.
const VERSION: u8 = 1;

/// The Python type of numbers with a fraction or an exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::python) enum Fractions {
    /// Floats; a number whose digits a float would change is an error.
    Floats,
    /// Decimals.
    Decimals,
}

pub(super) fn encode_json(
    value: &Bound<'_, PyAny>,
    out: &mut BytesMut,
) -> Result<(), ConversionError> {
    json::json(value, |text| out.put_slice(text.as_bytes()))
}

pub(super) fn encode_jsonb(
    value: &Bound<'_, PyAny>,
    out: &mut BytesMut,
) -> Result<(), ConversionError> {
    out.put_u8(VERSION);
    encode_json(value, out)
}

pub(super) fn decode_jsonb<'py>(
    py: Python<'py>,
    cell: &[u8],
    fractions: Fractions,
) -> Result<Bound<'py, PyAny>> {
    match cell.split_first() {
        // jsonb has no duplicate keys: the server kept the last one.
        Some((&VERSION, text)) => parse(py, text, fractions, false),
        _ => Err(malformed(Malformed("jsonb of an unknown version".into()))),
    }
}

pub(super) fn decode_json<'py>(
    py: Python<'py>,
    cell: &[u8],
    fractions: Fractions,
) -> Result<Bound<'py, PyAny>> {
    parse(py, cell, fractions, true)
}

/// Parses JSON text. jiter parses most texts; Python's slower `json` parses what jiter refuses: integers beyond
/// 64 bits, lone surrogates and more than 200 levels.
fn parse<'py>(
    py: Python<'py>,
    text: &[u8],
    fractions: Fractions,
    may_repeat_keys: bool,
) -> Result<Bound<'py, PyAny>> {
    if fractions == Fractions::Floats
        && let Some(number) = inexact(text)
    {
        let length = number.len();
        return Err(value_error(format!(
            "JSON with a number of {length} characters whose digits a float would change; open the database with json_decimals=True, or cast the column in SQL, as in column::text"
        )));
    }
    let parser = PythonParse {
        allow_inf_nan: false,
        cache_mode: StringCacheMode::Keys,
        partial_mode: PartialMode::Off,
        catch_duplicate_keys: may_repeat_keys,
        float_mode: match fractions {
            Fractions::Floats => FloatMode::Float,
            Fractions::Decimals => FloatMode::Decimal,
        },
    };
    let value = parser.python_parse(py, text).or_else(|_| loads(py, text, fractions))?;
    if value.is_none() { json_null(py).map_err(from_py_err) } else { Ok(value) }
}

/// `howdah.Json(None)`, which is JSON's null as a whole value: None is SQL's NULL.
fn json_null(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static NULL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let json_null = NULL.get_or_try_init(py, || {
        Ok::<_, PyErr>(json::json_class(py)?.call1((py.None(),))?.unbind())
    });
    Ok(json_null?.bind(py).clone())
}

/// Parses JSON text with Python's `json`.
fn loads<'py>(py: Python<'py>, text: &[u8], fractions: Fractions) -> Result<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let text = decode_text(py, text)?;
    let load = || {
        let options =
            [("object_pairs_hook", wrap_pyfunction!(dict_of_unique_keys, py)?.into_any())];
        let options = options.into_py_dict(py)?;
        if fractions == Fractions::Decimals {
            options.set_item("parse_float", decimal_type(py)?)?;
        }
        LOADS.import(py, "json", "loads")?.call((text,), Some(&options))
    };
    load().map_err(|error| refused_by_python(py, "JSON", error))
}

/// Makes the dict of an object; duplicate keys are an error.
#[pyfunction]
fn dict_of_unique_keys<'py>(
    py: Python<'py>,
    pairs: Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, value) in pairs {
        if dict.contains(&key)? {
            let message = "an object has the same key twice, and a dict can have it only once; jsonb keeps the last one";
            return Err(PyValueError::new_err(message));
        }
        dict.set_item(key, value)?;
    }
    Ok(dict)
}
