//! The crate's error as the exceptions of `howdah.errors`.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::gil::call;
use crate::error::{Class, Error, ServerError, ValueError, class_of};

/// The exception for an error; one that came from Python goes back as it was.
pub(super) fn exception(py: Python<'_>, error: Error) -> PyErr {
    let made = match error {
        Error::Source(source) => return from_source(py, source),
        Error::Interface(message) => make(py, "InterfaceError", &message),
        Error::Programming(message) => make(py, "ProgrammingError", &message),
        Error::NotSupported(message) => make(py, "NotSupportedError", &message),
        Error::Connection(message) => make(py, "ConnectionError", &message),
        Error::Internal(message) => make(py, "InternalError", &message),
        Error::Interrupted => make(py, "QueryTimeout", "the statement was cancelled"),
        Error::Committed(interrupt) => return committed(py, *interrupt, None),
        Error::OutcomeUnknown(error) => return outcome_unknown(py, *error),
        Error::Value(error) => value(py, &error),
        Error::Server(error) => server(py, &error),
    };
    made.unwrap_or_else(|error| error)
}

/// The exception of what interrupted something that is committed nevertheless, and would have given
/// this result.
pub(super) fn committed(py: Python<'_>, interrupt: Error, result: Option<Py<PyAny>>) -> PyErr {
    tell(py, exception(py, interrupt), "committed", result)
}

/// The same, where it is done in a transaction that is open.
pub(super) fn uncommitted(py: Python<'_>, interrupt: Error, result: Option<Py<PyAny>>) -> PyErr {
    tell(py, exception(py, interrupt), "uncommitted", result)
}

/// An interrupt of something that ended so, with what became of that.
pub(super) fn with_outcome(
    py: Python<'_>,
    interrupt: PyErr,
    ended: PyResult<Py<PyAny>>,
    may_write: bool,
) -> PyErr {
    match ended {
        Ok(value) if may_write => tell(py, interrupt, "committed", Some(value)),
        Ok(_) => interrupt,
        Err(error) => {
            let outcome = error.value(py).getattr("howdah_outcome");
            match outcome.and_then(|outcome| outcome.extract::<String>()) {
                Ok(outcome) => tell(py, interrupt, &outcome, None),
                Err(_) => interrupt,
            }
        }
    }
}

/// The exception of what may be committed or not. That of a lost connection says so itself.
fn outcome_unknown(py: Python<'_>, error: Error) -> PyErr {
    let is_said = matches!(error, Error::Connection(_) | Error::Server(_));
    let error = exception(py, error);
    tell(py, error, if is_said { "lost" } else { "unknown" }, None)
}

/// Has an exception tell what became of what it interrupted.
fn tell(py: Python<'_>, error: PyErr, outcome: &str, result: Option<Py<PyAny>>) -> PyErr {
    let told = py.import("howdah.outcomes").and_then(|outcomes| {
        call(&outcomes.getattr(outcome)?, &(error.value(py), result).into_pyobject(py)?)
    });
    if let Err(failed) = told {
        failed.write_unraisable(py, None);
    }
    error
}

fn from_source(py: Python<'_>, source: Box<dyn std::error::Error + Send + Sync>) -> PyErr {
    match source.downcast::<PyErr>() {
        Ok(error) => *error,
        Err(source) => {
            let message = format!("the source of the rows failed: {source}");
            make(py, "InterfaceError", &message).unwrap_or_else(|error| error)
        }
    }
}

fn instance<'py>(py: Python<'py>, class: &str, message: &str) -> PyResult<Bound<'py, PyAny>> {
    let errors = py.import("howdah.errors").map_err(|error| {
        PyImportError::new_err(format!("howdah.errors cannot be imported: {error}; {message}"))
    })?;
    call(&errors.getattr(class)?, &(PyString::new(py, message),).into_pyobject(py)?)
}

fn make(py: Python<'_>, class: &str, message: &str) -> PyResult<PyErr> {
    Ok(PyErr::from_value(instance(py, class, message)?))
}

fn value(py: Python<'_>, error: &ValueError) -> PyResult<PyErr> {
    let class = if error.wrong_type { "ConversionError" } else { "DataError" };
    let made = instance(py, class, &error.to_string())?;
    made.setattr("table", &error.table)?;
    made.setattr("column", &error.column)?;
    made.setattr("row", error.row)?;
    Ok(PyErr::from_value(made))
}

fn server(py: Python<'_>, error: &ServerError) -> PyResult<PyErr> {
    let class = class_of(&error.sqlstate);
    let made = instance(py, class_name(class), &error.to_string())?;
    made.setattr("sqlstate", Some(&error.sqlstate).filter(|code| !code.is_empty()))?;
    made.setattr("detail", &error.detail)?;
    made.setattr("hint", &error.hint)?;
    made.setattr("position", error.position)?;
    match class {
        Class::Integrity
        | Class::Unique
        | Class::ForeignKey
        | Class::NotNull
        | Class::Check
        | Class::Exclusion => {
            made.setattr("constraint", &error.constraint)?;
        }
        Class::Data => {}
        _ => return Ok(PyErr::from_value(made)),
    }
    made.setattr("table", &error.table)?;
    made.setattr("column", &error.column)?;
    made.setattr("row", error.row)?;
    Ok(PyErr::from_value(made))
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
