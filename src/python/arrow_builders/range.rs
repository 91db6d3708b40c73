//! Converts `howdah.Range` to Arrow structs.

use std::sync::Arc;

use arrow_array::builder::BooleanBuilder;
use arrow_array::{ArrayRef, StructArray};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::{ColumnBuilder, ConversionError, ConversionResult, wrong_type};
use crate::error::Error;
use crate::wire::range::Flags;

/// `howdah.Range`.
pub(in crate::python) fn range_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "howdah.range", "Range")
}

/// The flags of a range, and its lower and upper bound; None for an infinite bound.
pub(in crate::python) fn parts<'py>(
    value: &Bound<'py, PyAny>,
) -> ConversionResult<(Flags, [Bound<'py, PyAny>; 2])> {
    let py = value.py();
    if !value.is_instance(range_class(py)?)? {
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

/// Adds to an error which bound it is about.
pub(in crate::python) fn with_bound(bound: &str, error: ConversionError) -> ConversionError {
    match error {
        ConversionError::WrongType(what) => {
            ConversionError::WrongType(format!("{what} as its {bound} bound"))
        }
        ConversionError::InvalidValue(what) => {
            ConversionError::InvalidValue(format!("{bound} bound: {what}"))
        }
        error => error,
    }
}

/// Builds the array of a column of ranges.
pub(super) struct RangeBuilder {
    lower: ColumnBuilder,
    upper: ColumnBuilder,
    flags: [BooleanBuilder; 3],
    nulls: NullBufferBuilder,
}

impl RangeBuilder {
    /// Makes a builder of ranges whose bounds have the field `bound`; `pg_name` is the name of the range type.
    pub fn new(bound: &FieldRef, pg_name: &str) -> Result<Self, Error> {
        let column = || ColumnBuilder::new(Arc::clone(bound), pg_name.to_owned());
        let flags = std::array::from_fn(|_| BooleanBuilder::new());
        let nulls = NullBufferBuilder::new(0);
        Ok(Self { lower: column()?, upper: column()?, flags, nulls })
    }

    pub fn push(&mut self, value: &Bound<'_, PyAny>) -> ConversionResult {
        let (flags, [lower, upper]) = parts(value)?;
        self.lower.push_value(&lower).map_err(|error| with_bound("lower", error))?;
        self.upper.push_value(&upper).map_err(|error| with_bound("upper", error))?;
        self.finish_range(flags, true);
        Ok(())
    }

    pub fn push_null(&mut self) {
        self.lower.push_null();
        self.upper.push_null();
        self.finish_range(Flags::default(), false);
    }

    fn finish_range(&mut self, flags: Flags, valid: bool) {
        let values = [flags.lower_inc, flags.upper_inc, flags.empty];
        for (builder, value) in self.flags.iter_mut().zip(values) {
            builder.append_value(value);
        }
        self.nulls.append(valid);
    }

    /// Whether the bounds have no fixed length.
    pub fn is_variable_length(&self) -> bool {
        self.lower.is_variable_length()
    }

    /// The approximate bytes of the bounds so far.
    pub fn bytes(&self) -> usize {
        self.lower.bytes() + self.upper.bytes()
    }

    /// The type of the arrays; their bounds may have been converted to text.
    pub fn data_type(&self) -> DataType {
        let flag = |name| Field::new(name, DataType::Boolean, false);
        let bound =
            |column: &ColumnBuilder, name: &str| column.field().as_ref().clone().with_name(name);
        let bounds = [bound(&self.lower, "lower"), bound(&self.upper, "upper")];
        let flags = [flag("lower_inc"), flag("upper_inc"), flag("empty")];
        DataType::Struct(bounds.into_iter().chain(flags).collect())
    }

    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let DataType::Struct(fields) = self.data_type() else {
            return Err(ArrowError::SchemaError("the type of a range is not a struct".to_owned()));
        };
        let mut columns = vec![self.lower.finish()?, self.upper.finish()?];
        columns.extend(self.flags.iter_mut().map(|flag| Arc::new(flag.finish()) as ArrayRef));
        Ok(Arc::new(StructArray::try_new(fields, columns, self.nulls.finish())?))
    }
}
