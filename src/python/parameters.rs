//! The parameters of a statement, from Python values.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::gather::{Column, Refused};
use super::gil::raised;
use crate::error::{Error, Result, ValueError};
use crate::execute::{Statement, Value, unknown_parameter};
use crate::types::known;

/// Encodes the values for the types that the statement asks for.
pub(super) fn values(statement: &Statement, given: &Bound<'_, PyTuple>) -> Result<Vec<Value>> {
    let declared = statement.parameters(given.len())?;
    let one = |(index, (declared, value)): (usize, (_, Bound<'_, PyAny>))| {
        let pg_type = known(declared).ok_or_else(|| unknown_parameter(declared, index))?;
        let mut column = Column::new(Arc::new(pg_type.gathered(declared)), declared.name())?;
        column.push(&value).map_err(|refused| refusal(index, refused))?;
        let array = column.finish().map_err(|error| Error::Internal(error.to_string()))?;
        Value::new(&array, declared, index)
    };
    declared.iter().zip(given.iter()).enumerate().map(one).collect()
}

fn refusal(index: usize, refused: Refused) -> Error {
    let (message, wrong_type) = match refused {
        Refused::WrongType(message) => (message, true),
        Refused::Unfit(message) => (message, false),
        Refused::Special => ("NaN or infinity".to_owned(), false),
        Refused::Raised(error) => return raised(error),
    };
    let message = format!("parameter ${}: {message}", index + 1);
    Error::Value(Box::new(ValueError { message, wrong_type, ..ValueError::default() }))
}
