//! Extracts arguments of verbs. What PyO3 would refuse with Python's own exceptions becomes howdah's errors: strings with
//! lone surrogates, which UTF-8 cannot encode, and integers that are out of range.

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::errors::exception;
use crate::error::Error;
use crate::types::OutOfRange;

/// A string that a message may show, such as a name.
pub(super) struct Text(pub String);

impl<'a, 'py> FromPyObject<'a, 'py> for Text {
    type Error = PyErr;

    fn extract(text: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let text = text.cast::<PyString>()?;
        text.to_str().map(|text| Self(text.to_owned())).map_err(|_| surrogate_error(&text))
    }
}

/// Unwraps the strings.
pub(super) fn strings(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(|text| text.0).collect()
}

/// The policy for values that are out of range.
#[derive(Clone, Copy)]
pub(super) struct Policy(pub OutOfRange);

impl Default for Policy {
    fn default() -> Self {
        Self(OutOfRange::Error)
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Policy {
    type Error = PyErr;

    fn extract(policy: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let text = policy.cast::<PyString>()?;
        match text.to_str().map_err(|_| surrogate_error(&text))? {
            "error" => Ok(Self(OutOfRange::Error)),
            "null" => Ok(Self(OutOfRange::Null)),
            "clamp" => Ok(Self(OutOfRange::Clamp)),
            "string" => Ok(Self(OutOfRange::Text)),
            other => {
                let message =
                    format!("out_of_range {other:?}: expected error, null, clamp or string");
                Err(exception(policy.py(), Error::Interface(message)))
            }
        }
    }
}

/// Characters of a string that a message shows.
const MAX_SHOWN_CHARS: usize = 80;

fn surrogate_error(text: &Bound<'_, PyString>) -> PyErr {
    // repr() writes surrogates as escapes.
    let shown = text.repr().map_or_else(|_| String::new(), |shown| shown.to_string());
    let shown = shown.chars().take(MAX_SHOWN_CHARS).collect::<String>();
    let message = format!(
        "the text {shown} cannot be sent: it holds a lone surrogate, which UTF-8 cannot encode"
    );
    exception(text.py(), Error::Interface(message))
}

/// A URL. Messages do not show it, because it may contain a password.
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

/// The argument `batch_rows`. Python's integers are unbounded, so it may be out of range of `T`.
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
                format!("batch_rows: expected 1 or more, got {}, which is out of range", *count);
            exception(py, Error::Interface(message))
        })
    }
}
