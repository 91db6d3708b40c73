//! Writes Python values as JSON text.
//!
//! A str is a JSON string, None inside a value is null, and numbers keep their digits. The value in a
//! `howdah.Json` is written in the same way, also if it is None; a `howdah.JsonText` has JSON text already.

use std::collections::HashSet;
use std::io::{self, Write};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyIterator, PyList, PyString, PyTuple, PyType};
use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::ser::Formatter;

use super::number::decimal_type;
use super::text::utf8;
use super::{ConversionError, ConversionResult, type_name, wrong_type};

/// Passes the JSON text of a value of a json or jsonb column to `take`.
pub(in crate::python) fn json(
    value: &Bound<'_, PyAny>,
    take: impl FnOnce(&str),
) -> ConversionResult {
    let py = value.py();
    if is_json_type(value)? {
        return write_json(value, take);
    }
    if value.is_exact_instance(json_class(py)?) {
        return write_json(&value.getattr(intern!(py, "value"))?, take);
    }
    if value.is_exact_instance(json_text_class(py)?) {
        let text = value.getattr(intern!(py, "text"))?;
        take(utf8(text.cast::<PyString>().map_err(|_| wrong_type(value))?)?);
        return Ok(());
    }
    Err(wrong_type(value))
}

/// Whether a value's type has a JSON form; values in it are not checked.
fn is_json_type(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyTuple>()
        || value.is_instance(decimal_type(value.py())?)?)
}

/// `howdah.Json`.
pub(in crate::python) fn json_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static JSON: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    JSON.import(py, "howdah.json_values", "Json")
}

/// `howdah.JsonText`.
pub(in crate::python) fn json_text_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static TEXT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    TEXT.import(py, "howdah.json_values", "JsonText")
}

/// Writes a value with `serde_json` if it consists of Python's basic types, else with the slower [`Writer`],
/// which handles subclasses, decimals, large integers, deep nesting and errors.
fn write_json(value: &Bound<'_, PyAny>, take: impl FnOnce(&str)) -> ConversionResult {
    let mut text = Vec::with_capacity(128);
    let basic = BasicValue { value, depth: 0 };
    let result =
        basic.serialize(&mut serde_json::Serializer::with_formatter(&mut text, SpacedFormatter));
    if result.is_err() {
        text.clear();
        Writer { text: &mut text, open: Vec::new() }.write(value)?;
    }
    // Both write UTF-8.
    take(str::from_utf8(&text).map_err(|_| wrong_type(value))?);
    Ok(())
}

/// Puts spaces after commas and colons, as Python's `json` does.
struct SpacedFormatter;

impl Formatter for SpacedFormatter {
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

/// Nesting that [`BasicValue`] handles. It recurs, and does not detect a value that contains itself.
const MAX_BASIC_DEPTH: usize = 100;

/// Serializes a value of Python's basic types; any other value in it is an error.
struct BasicValue<'a, 'py> {
    value: &'a Bound<'py, PyAny>,
    depth: usize,
}

impl<'py> BasicValue<'_, 'py> {
    fn sequence<S: Serializer>(
        &self,
        items: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let mut serializer = to.serialize_seq(Some(items.len()))?;
        for item in items {
            serializer.serialize_element(&BasicValue { value: &item, depth: self.depth + 1 })?;
        }
        serializer.end()
    }
}

impl Serialize for BasicValue<'_, '_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let value = self.value;
        if self.depth > MAX_BASIC_DEPTH {
            return Err(S::Error::custom("nested too deeply"));
        }
        if let Ok(text) = value.cast_exact::<PyString>() {
            return to.serialize_str(text.to_str().map_err(S::Error::custom)?);
        }
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            let mut serializer = to.serialize_map(Some(dict.len()))?;
            for (key, item) in dict {
                let key = key
                    .cast_exact::<PyString>()
                    .map_err(|_| S::Error::custom("a key that is not a str"))?;
                let key = key.to_str().map_err(S::Error::custom)?;
                serializer
                    .serialize_entry(key, &BasicValue { value: &item, depth: self.depth + 1 })?;
            }
            return serializer.end();
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
            _ => Err(S::Error::custom("not a basic type")),
        }
    }
}

/// Limit of nesting. With the default `max_stack_depth`, the server's own limit is lower.
const MAX_DEPTH: usize = 10_000;

/// Writes any value without recursion.
struct Writer<'a, 'py> {
    text: &'a mut Vec<u8>,
    /// The lists and dicts that are not closed yet, outermost first.
    open: Vec<OpenContainer<'py>>,
}

/// A list or a dict that is not closed yet.
struct OpenContainer<'py> {
    value: Bound<'py, PyAny>,
    /// The remaining items; those of a dict are pairs.
    items: Bound<'py, PyIterator>,
    is_dict: bool,
    /// The JSON texts of the keys so far, for a dict whose keys are not all str: different keys may have the same
    /// text.
    keys: Option<HashSet<Vec<u8>>>,
    is_first: bool,
}

impl<'py> Writer<'_, 'py> {
    fn write(&mut self, value: &Bound<'py, PyAny>) -> ConversionResult {
        self.open_value(value)?;
        while let Some(open) = self.open.last_mut() {
            let Some(item) = open.items.next().transpose()? else {
                self.text.push(if open.is_dict { b'}' } else { b']' });
                self.open.pop();
                continue;
            };
            if !std::mem::take(&mut open.is_first) {
                self.text.extend(b", ");
            }
            if !open.is_dict {
                self.open_value(&item)?;
                continue;
            }
            let (key, item) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
            let start = self.text.len();
            write_key(&key, self.text)?;
            if let Some(keys) = &mut open.keys
                && !keys.insert(self.text.get(start..).unwrap_or_default().to_vec())
            {
                return Err(ConversionError::InvalidValue(
                    "a dict with two keys that are equal in JSON, such as 1 and \"1\"; use different str keys"
                        .to_owned(),
                ));
            }
            self.text.extend(b": ");
            self.open_value(&item)?;
        }
        Ok(())
    }

    /// Writes a scalar, or opens a list or dict.
    fn open_value(&mut self, value: &Bound<'py, PyAny>) -> ConversionResult {
        let inner;
        let value = if value.is_exact_instance(json_class(value.py())?) {
            inner = value.getattr(intern!(value.py(), "value"))?;
            &inner
        } else {
            value
        };
        let is_dict = value.is_instance_of::<PyDict>();
        if !is_dict && !value.is_instance_of::<PyList>() && !value.is_instance_of::<PyTuple>() {
            return write_scalar(value, self.text);
        }
        if self.open.iter().any(|open| open.value.is(value)) {
            return Err(ConversionError::InvalidValue(
                "a list or dict that contains itself".to_owned(),
            ));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(ConversionError::InvalidValue(format!(
                "lists and dicts nested more than {MAX_DEPTH} levels deep"
            )));
        }
        self.text.push(if is_dict { b'{' } else { b'[' });
        let (items, keys) = match value.cast::<PyDict>() {
            Ok(dict) => {
                let are_str = dict.keys().iter().all(|key| key.is_exact_instance_of::<PyString>());
                (dict.items().try_iter()?, (!are_str).then(HashSet::new))
            }
            Err(_) => (value.try_iter()?, None),
        };
        self.open.push(OpenContainer {
            value: value.clone(),
            items,
            is_dict,
            keys,
            is_first: true,
        });
        Ok(())
    }
}

/// Writes a key as a string. As in Python's `json`, a number, a bool or None becomes its text.
fn write_key(key: &Bound<'_, PyAny>, text: &mut Vec<u8>) -> ConversionResult {
    if key.is_instance_of::<PyString>() {
        return write_scalar(key, text);
    }
    if !(key.is_instance_of::<PyInt>() || key.is_instance_of::<PyFloat>() || key.is_none()) {
        let what = type_name(key);
        return Err(ConversionError::WrongType(format!(
            "a dict with a key of type {what}; make it a str"
        )));
    }
    text.push(b'"');
    write_scalar(key, text)?;
    text.push(b'"');
    Ok(())
}

fn write_scalar(value: &Bound<'_, PyAny>, text: &mut Vec<u8>) -> ConversionResult {
    let py = value.py();
    if let Ok(string) = value.cast::<PyString>() {
        return write_string(string, text);
    }
    if value.is_none() {
        text.extend(b"null");
    } else if let Ok(flag) = value.cast::<PyBool>() {
        text.extend(if flag.is_true() { &b"true"[..] } else { b"false" });
    } else if value.is_instance_of::<PyInt>() {
        // A subclass may override __repr__.
        let digits = py.get_type::<PyInt>().call_method1(intern!(py, "__repr__"), (value,));
        let digits =
            digits.map_err(|error| ConversionError::InvalidValue(error.value(py).to_string()))?;
        text.extend(digits.cast::<PyString>().map_err(|_| wrong_type(value))?.to_str()?.bytes());
    } else if let Ok(float) = value.cast::<PyFloat>() {
        write_float(float.value(), text)?;
    } else if value.is_instance(decimal_type(py)?)? {
        let digits = decimal_type(py)?.call_method1(intern!(py, "__str__"), (value,))?;
        let digits = digits.cast::<PyString>().map_err(|_| wrong_type(value))?;
        let digits = digits.to_str()?;
        if digits.contains(['N', 'I']) {
            return Err(not_a_json_number(digits));
        }
        text.extend(digits.bytes());
    } else {
        let what = type_name(value);
        return Err(ConversionError::WrongType(format!("a value of type {what} inside it")));
    }
    Ok(())
}

fn write_float(float: f64, text: &mut Vec<u8>) -> ConversionResult {
    if !float.is_finite() {
        return Err(not_a_json_number(&float.to_string()));
    }
    serde_json::to_writer(text, &float)
        .map_err(|error| ConversionError::InvalidValue(error.to_string()))
}

fn not_a_json_number(shown: &str) -> ConversionError {
    ConversionError::InvalidValue(format!(
        "{shown}, which is not a JSON number; use None, or a str"
    ))
}

fn write_string(string: &Bound<'_, PyString>, text: &mut Vec<u8>) -> ConversionResult {
    static ESCAPED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if let Ok(string) = string.to_str() {
        let result = serde_json::to_writer(text, string);
        return result.map_err(|error| ConversionError::InvalidValue(error.to_string()));
    }
    // It has a lone surrogate, which UTF-8 cannot encode, but a JSON escape can.
    let py = string.py();
    let escaped = ESCAPED.import(py, "json.encoder", "encode_basestring_ascii")?;
    let escaped = escaped.call1((string,))?;
    text.extend(utf8(escaped.cast::<PyString>().map_err(|_| wrong_type(string))?)?.bytes());
    Ok(())
}
