//! JSON out of Python's values.

use std::io::{self, Write};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::ser::Formatter;

use super::{Refused, Taken, text::utf8, wrong_type};

/// JSON: text as it is, anything else as `json.dumps` writes it, but that letters stay letters.
pub(in crate::python) fn json(value: &Bound<'_, PyAny>, take: impl FnOnce(&str)) -> Taken {
    if let Ok(text) = value.cast::<PyString>() {
        take(utf8(text)?);
        return Ok(());
    }
    let is_json = value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>()
        || value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyFloat>();
    if !is_json {
        return Err(wrong_type(value));
    }
    let mut text = Vec::with_capacity(128);
    let plain = Plain { value, depth: 0 };
    match plain.serialize(&mut serde_json::Serializer::with_formatter(&mut text, Spaced)) {
        // What serde_json writes is UTF-8.
        Ok(()) => take(str::from_utf8(&text).map_err(|_| wrong_type(value))?),
        Err(_) => take(utf8(&dumped(value)?)?),
    }
    Ok(())
}

/// Spaces where the standard library has them.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b": ")
    }
}

/// What the standard library writes.
fn dumped<'py>(value: &Bound<'py, PyAny>) -> Taken<Bound<'py, PyString>> {
    static DUMPS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    let dumps = DUMPS
        .get_or_try_init(py, || Ok::<_, PyErr>(py.import("json")?.getattr("dumps")?.unbind()))?;
    let text = dumps.bind(py).call1((value,)).map_err(|error| {
        let what = format!("a value that json.dumps refuses: {}", error.value(py));
        if error.is_instance_of::<PyTypeError>(py) {
            Refused::WrongType(what)
        } else {
            Refused::Unfit(what)
        }
    })?;
    text.cast_into::<PyString>().map_err(|_| wrong_type(value))
}

/// Deeper ones may have themselves inside; `json.dumps` looks for that.
const DEEPEST: usize = 100;

/// A value that is plain all the way down, and of which there is but one way to write it: what is
/// not is an error, and left to `json.dumps`.
struct Plain<'a, 'py> {
    value: &'a Bound<'py, PyAny>,
    depth: usize,
}

impl<'py> Plain<'_, 'py> {
    fn sequence<S: Serializer>(
        &self,
        items: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let mut written = to.serialize_seq(Some(items.len()))?;
        for item in items {
            written.serialize_element(&Plain { value: &item, depth: self.depth + 1 })?;
        }
        written.end()
    }
}

impl Serialize for Plain<'_, '_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let value = self.value;
        if self.depth > DEEPEST {
            return Err(S::Error::custom("deep"));
        }
        if let Ok(text) = value.cast_exact::<PyString>() {
            return to.serialize_str(text.to_str().map_err(S::Error::custom)?);
        }
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            let mut written = to.serialize_map(Some(dict.len()))?;
            for (key, item) in dict {
                let key = key.cast_exact::<PyString>().map_err(|_| S::Error::custom("a key"))?;
                let key = key.to_str().map_err(S::Error::custom)?;
                written.serialize_entry(key, &Plain { value: &item, depth: self.depth + 1 })?;
            }
            return written.end();
        }
        if let Ok(list) = value.cast_exact::<PyList>() {
            return self.sequence(list.iter(), to);
        }
        if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            return self.sequence(tuple.iter(), to);
        }
        if value.is_none() {
            return to.serialize_unit();
        }
        if let Ok(flag) = value.cast_exact::<PyBool>() {
            return to.serialize_bool(flag.is_true());
        }
        if value.cast_exact::<PyInt>().is_ok() {
            return to.serialize_i64(value.extract().map_err(S::Error::custom)?);
        }
        match value.cast_exact::<PyFloat>() {
            Ok(float) if float.value().is_finite() => to.serialize_f64(float.value()),
            _ => Err(S::Error::custom("something else")),
        }
    }
}
