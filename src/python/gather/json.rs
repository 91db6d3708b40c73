//! JSON out of Python's values.
//!
//! A str is a JSON string, None inside a value is null, and numbers keep their digits. What `howdah.Json`
//! wraps is written the same way, None included; what `howdah.JsonText` wraps is JSON text already.

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
use super::{Refused, Taken, type_name, wrong_type};

/// JSON text of a value of a json or jsonb column.
pub(in crate::python) fn json(value: &Bound<'_, PyAny>, take: impl FnOnce(&str)) -> Taken {
    let py = value.py();
    if is_value(value)? {
        return written(value, take);
    }
    if value.is_exact_instance(wrapper(py)?) {
        return written(&value.getattr(intern!(py, "value"))?, take);
    }
    if value.is_exact_instance(text_wrapper(py)?) {
        let text = value.getattr(intern!(py, "text"))?;
        take(utf8(text.cast::<PyString>().map_err(|_| wrong_type(value))?)?);
        return Ok(());
    }
    Err(wrong_type(value))
}

/// Whether a value has a JSON form by itself, as far as its own type tells.
fn is_value(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyTuple>()
        || value.is_instance(decimal_type(value.py())?)?)
}

/// `howdah.Json`.
pub(in crate::python) fn wrapper(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static JSON: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    JSON.import(py, "howdah.json_values", "Json")
}

/// `howdah.JsonText`.
pub(in crate::python) fn text_wrapper(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static TEXT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    TEXT.import(py, "howdah.json_values", "JsonText")
}

/// Writes a value: by a short way if it is plain all the way down, or else by one that looks at
/// everything.
fn written(value: &Bound<'_, PyAny>, take: impl FnOnce(&str)) -> Taken {
    let mut text = Vec::with_capacity(128);
    let plain = Plain { value, depth: 0 };
    let done = plain.serialize(&mut serde_json::Serializer::with_formatter(&mut text, Spaced));
    if done.is_err() {
        text.clear();
        Writer { text: &mut text, open: Vec::new() }.write(value)?;
    }
    // What both write is UTF-8.
    take(str::from_utf8(&text).map_err(|_| wrong_type(value))?);
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

/// How deep the short way goes: it recurs, and looks for no value that has itself inside.
const PLAIN_LEVELS: usize = 100;

/// A value that is plain all the way down: all else is an error.
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
        if self.depth > PLAIN_LEVELS {
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

/// The server's own limit, that of its stack, is reached before, if it is as large as by default.
const MOST_LEVELS: usize = 10_000;

/// Writes any value, however deep it is.
struct Writer<'a, 'py> {
    text: &'a mut Vec<u8>,
    /// The lists and dicts that are begun, from the outermost on.
    open: Vec<Open<'py>>,
}

/// A list or a dict that is begun.
struct Open<'py> {
    value: Bound<'py, PyAny>,
    /// Its items; those of a dict are pairs.
    items: Bound<'py, PyIterator>,
    is_dict: bool,
    /// The keys of a dict, where they may be the same as texts and are not as Python's.
    keys: Option<HashSet<Vec<u8>>>,
    is_first: bool,
}

impl<'py> Writer<'_, 'py> {
    fn write(&mut self, value: &Bound<'py, PyAny>) -> Taken {
        self.begin(value)?;
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
                self.begin(&item)?;
                continue;
            }
            let (key, item) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
            let start = self.text.len();
            put_key(&key, self.text)?;
            if let Some(keys) = &mut open.keys
                && !keys.insert(self.text.get(start..).unwrap_or_default().to_vec())
            {
                return Err(Refused::Unfit(
                    "a dict with two keys that are the same in JSON, such as 1 and \"1\"; make them texts that differ"
                        .to_owned(),
                ));
            }
            self.text.extend(b": ");
            self.begin(&item)?;
        }
        Ok(())
    }

    /// Writes a value, or the beginning of a list or dict, which is open then.
    fn begin(&mut self, value: &Bound<'py, PyAny>) -> Taken {
        let wrapped;
        let value = if value.is_exact_instance(wrapper(value.py())?) {
            wrapped = value.getattr(intern!(value.py(), "value"))?;
            &wrapped
        } else {
            value
        };
        let is_dict = value.is_instance_of::<PyDict>();
        if !is_dict && !value.is_instance_of::<PyList>() && !value.is_instance_of::<PyTuple>() {
            return put_scalar(value, self.text);
        }
        if self.open.iter().any(|open| open.value.is(value)) {
            return Err(Refused::Unfit("a list or dict that has itself inside".to_owned()));
        }
        if self.open.len() == MOST_LEVELS {
            return Err(Refused::Unfit(format!(
                "lists and dicts of more than {MOST_LEVELS} inside each other"
            )));
        }
        self.text.push(if is_dict { b'{' } else { b'[' });
        let (items, keys) = match value.cast::<PyDict>() {
            Ok(dict) => {
                let are_texts =
                    dict.keys().iter().all(|key| key.is_exact_instance_of::<PyString>());
                (dict.items().try_iter()?, (!are_texts).then(HashSet::new))
            }
            Err(_) => (value.try_iter()?, None),
        };
        self.open.push(Open { value: value.clone(), items, is_dict, keys, is_first: true });
        Ok(())
    }
}

/// Writes a key, a number, a bool or None as the text of it, as the standard library's `json` does.
fn put_key(key: &Bound<'_, PyAny>, text: &mut Vec<u8>) -> Taken {
    if key.is_instance_of::<PyString>() {
        return put_scalar(key, text);
    }
    if !(key.is_instance_of::<PyInt>() || key.is_instance_of::<PyFloat>() || key.is_none()) {
        let what = type_name(key);
        return Err(Refused::WrongType(format!("a dict with a key of type {what}; make it a str")));
    }
    text.push(b'"');
    put_scalar(key, text)?;
    text.push(b'"');
    Ok(())
}

fn put_scalar(value: &Bound<'_, PyAny>, text: &mut Vec<u8>) -> Taken {
    let py = value.py();
    if let Ok(string) = value.cast::<PyString>() {
        return put_string(string, text);
    }
    if value.is_none() {
        text.extend(b"null");
    } else if let Ok(flag) = value.cast::<PyBool>() {
        text.extend(if flag.is_true() { &b"true"[..] } else { b"false" });
    } else if value.is_instance_of::<PyInt>() {
        // As an int prints: a class made of it may print something else.
        let digits = py.get_type::<PyInt>().call_method1(intern!(py, "__repr__"), (value,));
        let digits = digits.map_err(|error| Refused::Unfit(error.value(py).to_string()))?;
        text.extend(digits.cast::<PyString>().map_err(|_| wrong_type(value))?.to_str()?.bytes());
    } else if let Ok(float) = value.cast::<PyFloat>() {
        put_float(float.value(), text)?;
    } else if value.is_instance(decimal_type(py)?)? {
        let digits = decimal_type(py)?.call_method1(intern!(py, "__str__"), (value,))?;
        let digits = digits.cast::<PyString>().map_err(|_| wrong_type(value))?;
        let digits = digits.to_str()?;
        if digits.contains(['N', 'I']) {
            return Err(no_number(digits));
        }
        text.extend(digits.bytes());
    } else {
        let what = type_name(value);
        return Err(Refused::WrongType(format!("a value of type {what} inside it")));
    }
    Ok(())
}

fn put_float(float: f64, text: &mut Vec<u8>) -> Taken {
    if !float.is_finite() {
        return Err(no_number(&float.to_string()));
    }
    serde_json::to_writer(text, &float).map_err(|error| Refused::Unfit(error.to_string()))
}

fn no_number(shown: &str) -> Refused {
    Refused::Unfit(format!("{shown}, which JSON has no number for; use None, or a str"))
}

fn put_string(string: &Bound<'_, PyString>, text: &mut Vec<u8>) -> Taken {
    static ESCAPED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if let Ok(string) = string.to_str() {
        let put = serde_json::to_writer(text, string);
        return put.map_err(|error| Refused::Unfit(error.to_string()));
    }
    // It has half of a surrogate pair, which json can hold and UTF-8 cannot, but for an escape.
    let py = string.py();
    let escaped = ESCAPED.import(py, "json.encoder", "encode_basestring_ascii")?;
    let escaped = escaped.call1((string,))?;
    text.extend(utf8(escaped.cast::<PyString>().map_err(|_| wrong_type(string))?)?.bytes());
    Ok(())
}
