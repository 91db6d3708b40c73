//! JSON, as the standard library's `json` writes and reads it.

use bytes::{BufMut, BytesMut};
use jiter::{FloatMode, PartialMode, PythonParse, StringCacheMode};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::super::gather::{Refused, json};
use super::super::gil::raised;
use super::text::get_text;
use super::{malformed, unreadable};
use crate::error::Result;
use crate::wire::Malformed;

/// The first byte of a jsonb. `jsonb_recv` of
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/jsonb.c>.
const VERSION: u8 = 1;

pub(super) fn put_json(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Result<(), Refused> {
    json::json(value, |text| out.put_slice(text.as_bytes()))
}

pub(super) fn put_jsonb(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Result<(), Refused> {
    out.put_u8(VERSION);
    put_json(value, out)
}

/// What `json.loads` makes of a text. Another parser makes the same of most, in less time; the rest
/// it refuses: integers beyond 64 bits, halves of surrogate pairs, more than 200 levels.
pub(super) fn get_json<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    let parser = PythonParse {
        allow_inf_nan: false,
        cache_mode: StringCacheMode::Keys,
        partial_mode: PartialMode::Off,
        catch_duplicate_keys: false,
        float_mode: FloatMode::Float,
    };
    parser.python_parse(py, cell).or_else(|_| loads(py, cell))
}

fn loads<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let loads = LOADS.import(py, "json", "loads").map_err(raised)?;
    loads.call1((get_text(py, cell)?,)).map_err(|error| unreadable(py, "JSON", error))
}

pub(super) fn get_jsonb<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    match cell.split_first() {
        Some((&VERSION, text)) => get_json(py, text),
        _ => Err(malformed(Malformed("jsonb of an unknown version".into()))),
    }
}
