//! JSON, as Python's values that go back as the same JSON.

use bytes::{BufMut, BytesMut};
use jiter::{FloatMode, PartialMode, PythonParse, StringCacheMode};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyDict, PyString};

use super::super::gather::number::decimal_type;
use super::super::gather::{Refused, json};
use super::super::gil::raised;
use super::text::get_text;
use super::{malformed, unfit, unreadable};
use crate::error::Result;
use crate::wire::{Malformed, json::inexact};

/// The first byte of a jsonb. `jsonb_recv` of
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/jsonb.c>.
const VERSION: u8 = 1;

/// What numbers with a fraction or an exponent become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::python) enum Fractions {
    /// Floats; one that a float would change is an error.
    Floats,
    /// Decimals, all of them.
    Decimals,
}

pub(super) fn put_json(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Result<(), Refused> {
    json::json(value, |text| out.put_slice(text.as_bytes()))
}

pub(super) fn put_jsonb(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Result<(), Refused> {
    out.put_u8(VERSION);
    put_json(value, out)
}

pub(super) fn get_jsonb<'py>(
    py: Python<'py>,
    cell: &[u8],
    fractions: Fractions,
) -> Result<Bound<'py, PyAny>> {
    match cell.split_first() {
        // The server keeps the last of the keys that are the same.
        Some((&VERSION, text)) => read(py, text, fractions, false),
        _ => Err(malformed(Malformed("jsonb of an unknown version".into()))),
    }
}

pub(super) fn get_json<'py>(
    py: Python<'py>,
    cell: &[u8],
    fractions: Fractions,
) -> Result<Bound<'py, PyAny>> {
    read(py, cell, fractions, true)
}

/// A text as a value. One parser reads most of them; the standard library's takes longer, and reads
/// what that refuses: integers beyond 64 bits, halves of surrogate pairs, more than 200 levels.
fn read<'py>(
    py: Python<'py>,
    text: &[u8],
    fractions: Fractions,
    may_repeat_keys: bool,
) -> Result<Bound<'py, PyAny>> {
    if fractions == Fractions::Floats
        && let Some(number) = inexact(text)
    {
        let length = number.len();
        return Err(unfit(format!(
            "JSON with a number of {length} characters that a float would change; open the database with json_decimals=True, or cast the column in SQL, as in column::text"
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
    if value.is_none() { null(py).map_err(raised) } else { Ok(value) }
}

/// JSON's null by itself: None is SQL's NULL.
fn null(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static NULL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let null = NULL
        .get_or_try_init(py, || Ok::<_, PyErr>(json::wrapper(py)?.call1((py.None(),))?.unbind()));
    Ok(null?.bind(py).clone())
}

fn loads<'py>(py: Python<'py>, text: &[u8], fractions: Fractions) -> Result<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let text = get_text(py, text)?;
    let read = || {
        let options = [("object_pairs_hook", wrap_pyfunction!(unique, py)?.into_any())];
        let options = options.into_py_dict(py)?;
        if fractions == Fractions::Decimals {
            options.set_item("parse_float", decimal_type(py)?)?;
        }
        LOADS.import(py, "json", "loads")?.call((text,), Some(&options))
    };
    read().map_err(|error| unreadable(py, "JSON", error))
}

/// A dict of an object's keys and values.
#[pyfunction]
fn unique<'py>(
    py: Python<'py>,
    pairs: Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, value) in pairs {
        if dict.contains(&key)? {
            let message = "a key is there twice, and a dict holds it once; jsonb keeps the last";
            return Err(PyValueError::new_err(message));
        }
        dict.set_item(key, value)?;
    }
    Ok(dict)
}
