//! Turns the crate's error into the exceptions of `howdah.errors`.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::gil::call;
use crate::error::{Class, Error, ServerError, ValueError, class_of};

/// The exception for an error. An exception that came from Python is returned unchanged.
pub(super) fn exception(py: Python<'_>, error: Error) -> PyErr {
    let exception = match error {
        Error::Source(source) => return source_error(py, source),
        Error::Interface(message) => new_error(py, "InterfaceError", &message),
        Error::Programming(message) => new_error(py, "ProgrammingError", &message),
        Error::NotSupported(message) => new_error(py, "NotSupportedError", &message),
        Error::Connection(message) => new_error(py, "ConnectionError", &message),
        Error::Internal(message) => new_error(py, "InternalError", &message),
        Error::Interrupted => new_error(py, "QueryTimeout", "the statement was cancelled"),
        Error::Committed(interrupt) => return committed(py, *interrupt, None),
        Error::OutcomeUnknown(error) => return outcome_unknown(py, *error),
        Error::Value(error) => value_error(py, &error),
        Error::Server(error) => server_error(py, &error),
    };
    exception.unwrap_or_else(|error| error)
}

/// The exception for an interrupt of an operation that was committed nevertheless; `result` is what the
/// operation would have returned.
pub(super) fn committed(py: Python<'_>, interrupt: Error, result: Option<Py<PyAny>>) -> PyErr {
    add_outcome(py, exception(py, interrupt), "committed", result)
}

/// As [`committed`], for an operation that was completed in a transaction that is still open.
pub(super) fn uncommitted(py: Python<'_>, interrupt: Error, result: Option<Py<PyAny>>) -> PyErr {
    add_outcome(py, exception(py, interrupt), "uncommitted", result)
}

/// Adds to an interrupt how the interrupted operation ended.
pub(super) fn with_outcome(
    py: Python<'_>,
    interrupt: PyErr,
    ended: PyResult<Py<PyAny>>,
    may_write: bool,
) -> PyErr {
    match ended {
        Ok(value) if may_write => add_outcome(py, interrupt, "committed", Some(value)),
        Ok(_) => interrupt,
        Err(error) => {
            let outcome = error.value(py).getattr("howdah_outcome");
            match outcome.and_then(|outcome| outcome.extract::<String>()) {
                Ok(outcome) => add_outcome(py, interrupt, &outcome, None),
                Err(_) => interrupt,
            }
        }
    }
}

/// The exception for an operation of which it is unknown whether it was committed. An error of the connection or the
/// server, whose message says so already, gets the outcome `lost`.
fn outcome_unknown(py: Python<'_>, error: Error) -> PyErr {
    let is_lost = matches!(error, Error::Connection(_) | Error::Server(_));
    let error = exception(py, error);
    add_outcome(py, error, if is_lost { "lost" } else { "unknown" }, None)
}

/// Adds the outcome of the interrupted operation to an exception, with the function of `howdah.outcomes` of that name.
fn add_outcome(py: Python<'_>, error: PyErr, outcome: &str, result: Option<Py<PyAny>>) -> PyErr {
    let added = py.import("howdah.outcomes").and_then(|outcomes| {
        call(&outcomes.getattr(outcome)?, &(error.value(py), result).into_pyobject(py)?)
    });
    if let Err(failed) = added {
        failed.write_unraisable(py, None);
    }
    error
}

fn source_error(py: Python<'_>, source: Box<dyn std::error::Error + Send + Sync>) -> PyErr {
    match source.downcast::<PyErr>() {
        Ok(error) => *error,
        Err(source) => {
            let message = format!("the source of the rows failed: {source}");
            new_error(py, "InterfaceError", &message).unwrap_or_else(|error| error)
        }
    }
}

fn new_instance<'py>(py: Python<'py>, class: &str, message: &str) -> PyResult<Bound<'py, PyAny>> {
    let errors = py.import("howdah.errors").map_err(|error| {
        PyImportError::new_err(format!("howdah.errors cannot be imported: {error}; {message}"))
    })?;
    call(&errors.getattr(class)?, &(PyString::new(py, message),).into_pyobject(py)?)
}

fn new_error(py: Python<'_>, class: &str, message: &str) -> PyResult<PyErr> {
    Ok(PyErr::from_value(new_instance(py, class, message)?))
}

fn value_error(py: Python<'_>, error: &ValueError) -> PyResult<PyErr> {
    let class = if error.wrong_type { "ConversionError" } else { "DataError" };
    let exception = new_instance(py, class, &error.to_string())?;
    exception.setattr("table", &error.table)?;
    exception.setattr("column", &error.column)?;
    exception.setattr("row", error.row)?;
    Ok(PyErr::from_value(exception))
}

fn server_error(py: Python<'_>, error: &ServerError) -> PyResult<PyErr> {
    let class = class_of(&error.sqlstate);
    let exception = new_instance(py, class_name(class), &error.to_string())?;
    exception.setattr("sqlstate", Some(&error.sqlstate).filter(|code| !code.is_empty()))?;
    exception.setattr("detail", &error.detail)?;
    exception.setattr("hint", &error.hint)?;
    exception.setattr("position", error.position)?;
    match class {
        Class::Integrity
        | Class::Unique
        | Class::ForeignKey
        | Class::NotNull
        | Class::Check
        | Class::Exclusion => {
            exception.setattr("constraint", &error.constraint)?;
        }
        Class::Data => {}
        _ => return Ok(PyErr::from_value(exception)),
    }
    exception.setattr("table", &error.table)?;
    exception.setattr("column", &error.column)?;
    exception.setattr("row", error.row)?;
    Ok(PyErr::from_value(exception))
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Operational => "OperationalError",
        Class::Connection => "ConnectionError",
        Class::Timeout => "QueryTimeout",
        Class::Serialization => "SerializationFailure",
        Class::Programming => "ProgrammingError",
        Class::Data => "DataError",
        Class::Integrity => "IntegrityError",
        Class::Unique => "UniqueViolation",
        Class::ForeignKey => "ForeignKeyViolation",
        Class::NotNull => "NotNullViolation",
        Class::Check => "CheckViolation",
        Class::Exclusion => "ExclusionViolation",
        Class::Internal => "InternalError",
        Class::NotSupported => "NotSupportedError",
    }
}
