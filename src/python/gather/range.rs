//! Ranges out of `howdah.Range`.

use std::sync::Arc;

use arrow_array::builder::BooleanBuilder;
use arrow_array::{ArrayRef, StructArray};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::{Column, Refused, Taken, wrong_type};
use crate::error::Error;
use crate::wire::range::Flags;

/// The class of Python's ranges.
pub(in crate::python) fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "howdah.range", "Range")
}

/// What a range tells of itself, and its ends; None for one that there is none.
pub(in crate::python) fn parts<'py>(
    value: &Bound<'py, PyAny>,
) -> Taken<(Flags, [Bound<'py, PyAny>; 2])> {
    let py = value.py();
    if !value.is_instance(class(py)?)? {
        return Err(wrong_type(value));
    }
    let (lower, upper) =
        (value.getattr(intern!(py, "lower"))?, value.getattr(intern!(py, "upper"))?);
    let bounds = value.getattr(intern!(py, "bounds"))?.extract::<String>()?;
    let flags = Flags {
        empty: value.getattr(intern!(py, "empty"))?.is_truthy()?,
        has_lower: !lower.is_none(),
        has_upper: !upper.is_none(),
        lower_inc: bounds.starts_with('['),
        upper_inc: bounds.ends_with(']'),
    };
    Ok((flags, [lower, upper]))
}

/// The same, told of an end.
pub(in crate::python) fn at(end: &str, refused: Refused) -> Refused {
    match refused {
        Refused::WrongType(what) => Refused::WrongType(format!("{what} as its {end} end")),
        Refused::Unfit(what) => Refused::Unfit(format!("{end} end: {what}")),
        refused => refused,
    }
}

/// Ranges of one column.
pub(super) struct Ranges {
    lower: Column,
    upper: Column,
    flags: [BooleanBuilder; 3],
    nulls: NullBufferBuilder,
}

impl Ranges {
    /// Ranges with ends of a gathered field; `pg_name` is the range type's name at the server.
    pub fn new(end: &FieldRef, pg_name: &str) -> Result<Self, Error> {
        let column = || Column::new(Arc::clone(end), pg_name.to_owned());
        let flags = std::array::from_fn(|_| BooleanBuilder::new());
        let nulls = NullBufferBuilder::new(0);
        Ok(Self { lower: column()?, upper: column()?, flags, nulls })
    }

    pub fn push(&mut self, value: &Bound<'_, PyAny>) -> Taken {
        let (flags, [lower, upper]) = parts(value)?;
        self.lower.take(&lower).map_err(|refused| at("lower", refused))?;
        self.upper.take(&upper).map_err(|refused| at("upper", refused))?;
        self.end(flags, true);
        Ok(())
    }

    pub fn push_null(&mut self) {
        self.lower.push_null();
        self.upper.push_null();
        self.end(Flags::default(), false);
    }

    fn end(&mut self, flags: Flags, valid: bool) {
        let values = [flags.lower_inc, flags.upper_inc, flags.empty];
        for (builder, value) in self.flags.iter_mut().zip(values) {
            builder.append_value(value);
        }
        self.nulls.append(valid);
    }

    /// Whether the ends may be of any length.
    pub fn varies(&self) -> bool {
        self.lower.varies()
    }

    /// About how many bytes the ends have that were gathered so far.
    pub fn bytes(&self) -> usize {
        self.lower.bytes() + self.upper.bytes()
    }

    /// The field of the arrays: one of text, where the ends became text.
    pub fn data_type(&self) -> DataType {
        let flag = |name| Field::new(name, DataType::Boolean, false);
        let end = |column: &Column, name: &str| column.field().as_ref().clone().with_name(name);
        let ends = [end(&self.lower, "lower"), end(&self.upper, "upper")];
        let flags = [flag("lower_inc"), flag("upper_inc"), flag("empty")];
        DataType::Struct(ends.into_iter().chain(flags).collect())
    }

    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let DataType::Struct(fields) = self.data_type() else {
            return Err(ArrowError::SchemaError("a range that is no struct".to_owned()));
        };
        let mut columns = vec![self.lower.finish()?, self.upper.finish()?];
        columns.extend(self.flags.iter_mut().map(|flag| Arc::new(flag.finish()) as ArrayRef));
        Ok(Arc::new(StructArray::try_new(fields, columns, self.nulls.finish())?))
    }
}
