//! Arguments of verbs that PyO3 would refuse by exceptions of Python's own: texts with lone surrogates, which UTF-8
//! cannot encode, and numbers without end.

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::errors::exception;
use crate::error::Error;

/// A name, or another text that is no secret.
pub(super) struct Text(pub String);

impl<'a, 'py> FromPyObject<'a, 'py> for Text {
    type Error = PyErr;

    fn extract(text: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let text = text.cast::<PyString>()?;
        text.to_str().map(|text| Self(text.to_owned())).map_err(|_| refused(&text))
    }
}

/// The texts themselves.
pub(super) fn strings(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(|text| text.0).collect()
}

/// How much of a text a message shows.
const SHOWN: usize = 80;

fn refused(text: &Bound<'_, PyString>) -> PyErr {
    // Python writes surrogates as escapes there.
    let shown = text.repr().map_or_else(|_| String::new(), |shown| shown.to_string());
    let shown = shown.chars().take(SHOWN).collect::<String>();
    let message = format!(
        "the text {shown} cannot be sent: it holds a lone surrogate, which UTF-8 cannot encode"
    );
    exception(text.py(), Error::Interface(message))
}

/// A URL, which may hold a password and is not shown.
pub(super) struct Url(pub String);

impl<'a, 'py> FromPyObject<'a, 'py> for Url {
    type Error = PyErr;

    fn extract(text: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let py = text.py();
        let text = text.cast::<PyString>()?;
        text.to_str().map(|text| Self(text.to_owned())).map_err(|_| {
            let why = "the URL cannot be read: it holds a lone surrogate, which UTF-8 cannot encode; percent-encode it";
            exception(py, Error::Interface(why.into()))
        })
    }
}

/// How many rows a batch is to have. Python's integers have no end.
#[derive(Clone, Copy)]
pub(super) struct BatchRows<T>(pub T);

impl<'a, 'py, T> FromPyObject<'a, 'py> for BatchRows<T>
where
    T: FromPyObject<'a, 'py, Error = PyErr>,
{
    type Error = PyErr;

    fn extract(count: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let py = count.py();
        count.extract().map(Self).map_err(|error: PyErr| {
            if !error.is_instance_of::<PyOverflowError>(py) {
                return error;
            }
            let message =
                format!("batch_rows: expected 1 or more, and not that many, got {}", *count);
            exception(py, Error::Interface(message))
        })
    }
}
