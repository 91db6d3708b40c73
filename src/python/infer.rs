//! Infers the column types of a table that is created from rows: the narrowest types that hold the values.

use std::sync::Arc;

use arrow_schema::extension::{Json as ArrowJson, Opaque, Uuid as ArrowUuid};
use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDate, PyDateTime, PyDelta, PyDict, PyFloat, PyInt, PyList,
    PyMemoryView, PyString, PyTime, PyTuple, PyType, PyTzInfoAccess,
};

use super::arrow_builders::{ColumnBuilder, is_missing_marker, type_name};
use crate::error::{Error, Result};

/// The type of a new column, inferred from the values so far.
pub(super) struct Inference {
    inferred: InferredType,
    /// The class of the last value, if all values of the class have the same type.
    class: Option<Py<PyType>>,
}

impl Default for Inference {
    fn default() -> Self {
        Self { inferred: InferredType::Null, class: None }
    }
}

impl Inference {
    /// Widens the type to hold the value of a row.
    ///
    /// # Errors
    /// When no type holds the value, or none holds both it and the values before.
    pub fn observe(&mut self, value: &Bound<'_, PyAny>, column: &str, row: usize) -> Result<()> {
        let error = |what: String| {
            Error::Programming(format!(
                "column \"{column}\", row {row}: {what}; create the table first, or convert the values"
            ))
        };
        let class = value.get_type();
        if self.class.as_ref().is_some_and(|known| class.is(known)) {
            return Ok(());
        }
        let found = InferredType::of_value(value)
            .map_err(|what| error(format!("no PostgreSQL type for {what}")))?;
        self.class = found.is_same_for_class(value).then(|| class.unbind());
        if found != self.inferred {
            let common = self.inferred.clone().common_type(found.clone());
            self.inferred =
                common.ok_or_else(|| error(format!("{found:?} after {:?}", self.inferred)))?;
        }
        Ok(())
    }

    /// Whether all values so far were NULL.
    pub fn is_null(&self) -> bool {
        self.inferred == InferredType::Null
    }

    /// A builder for values of the type.
    pub fn builder(&self) -> Result<ColumnBuilder> {
        ColumnBuilder::new(
            Arc::new(self.inferred.field()),
            format!("{:?}", self.inferred).to_lowercase(),
        )
    }
}

/// The type that holds a column's values.
#[derive(Debug, Clone, PartialEq, Eq)]
enum InferredType {
    /// All values were NULL.
    Null,
    Bool,
    Int,
    Float,
    Numeric,
    Text,
    Bytes,
    Date,
    Time,
    Naive,
    Aware,
    Interval,
    Uuid,
    Json,
    List(Box<InferredType>),
}

impl InferredType {
    /// The type of a value; an error with the name of its class if no column type holds it.
    fn of_value(value: &Bound<'_, PyAny>) -> Result<Self, String> {
        if value.is_none() {
            return Ok(Self::Null);
        }
        if value.is_exact_instance_of::<PyString>() {
            return Ok(Self::Text);
        }
        if value.is_exact_instance_of::<PyFloat>() {
            return Ok(Self::Float);
        }
        if let Ok(datetime) = value.cast::<PyDateTime>() {
            // pandas' NaT is a subclass of datetime.
            if !value.is_exact_instance_of::<PyDateTime>() && is_missing_marker(value) {
                return Ok(Self::Null);
            }
            return Ok(if datetime.get_tzinfo().is_some() { Self::Aware } else { Self::Naive });
        }
        if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
            let items = value.try_iter().map_err(|error| error.to_string())?;
            let mut inferred = Self::Null;
            for item in items {
                let item = Self::of_value(&item.map_err(|error| error.to_string())?)?;
                inferred = inferred.common_type(item).ok_or("a list of mixed types")?;
            }
            return Ok(Self::List(Box::new(inferred)));
        }
        if value.is_exact_instance_of::<PyInt>() {
            return Ok(if value.extract::<i64>().is_ok() { Self::Int } else { Self::Numeric });
        }
        let name = type_name(value);
        let candidates = [
            (value.is_instance_of::<PyBool>() || name == "numpy.bool", Self::Bool),
            (value.is_instance_of::<PyInt>() && value.extract::<i64>().is_err(), Self::Numeric),
            (
                value.is_instance_of::<PyInt>()
                    || name.starts_with("numpy.int")
                    || name.starts_with("numpy.uint"),
                Self::Int,
            ),
            (value.is_instance_of::<PyFloat>() || name.starts_with("numpy.float"), Self::Float),
            (value.is_instance_of::<PyString>(), Self::Text),
            (name == "decimal.Decimal", Self::Numeric),
            (name == "uuid.UUID", Self::Uuid),
            (value.is_instance_of::<PyDate>(), Self::Date),
            (value.is_instance_of::<PyTime>(), Self::Time),
            (value.is_instance_of::<PyDelta>() || name == "howdah.Interval", Self::Interval),
            (
                value.is_instance_of::<PyDict>()
                    || matches!(&*name, "howdah.Json" | "howdah.JsonText"),
                Self::Json,
            ),
            (
                value.is_instance_of::<PyBytes>()
                    || value.is_instance_of::<PyByteArray>()
                    || value.is_instance_of::<PyMemoryView>(),
                Self::Bytes,
            ),
        ];
        let inferred =
            candidates.into_iter().find_map(|(matches, inferred)| matches.then_some(inferred));
        inferred.or_else(|| is_missing_marker(value).then_some(Self::Null)).ok_or(name)
    }

    /// Whether all values of the value's class have this type. Integers differ by their size, datetimes by their zone,
    /// and lists by their items.
    fn is_same_for_class(&self, value: &Bound<'_, PyAny>) -> bool {
        match self {
            Self::Null | Self::Int | Self::Naive | Self::Aware | Self::List(_) => false,
            Self::Numeric => !value.is_instance_of::<PyInt>(),
            _ => true,
        }
    }

    /// The type that holds values of both; `None` if there is none.
    fn common_type(self, other: Self) -> Option<Self> {
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Self::Null, a) | (a, Self::Null) => Some(a),
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Some(Self::Float),
            (Self::Int, Self::Numeric) | (Self::Numeric, Self::Int) => Some(Self::Numeric),
            (Self::List(a), Self::List(b)) => Some(Self::List(Box::new(a.common_type(*b)?))),
            _ => None,
        }
    }

    /// The Arrow field for values of the type.
    fn field(&self) -> Field {
        let nullable = |data_type| Field::new("", data_type, true);
        match self {
            Self::Null | Self::Text => nullable(DataType::Utf8),
            Self::Bool => nullable(DataType::Boolean),
            Self::Int => nullable(DataType::Int64),
            Self::Float => nullable(DataType::Float64),
            Self::Numeric => {
                nullable(DataType::Utf8).with_extension_type(Opaque::new("numeric", "PostgreSQL"))
            }
            Self::Bytes => nullable(DataType::Binary),
            Self::Date => nullable(DataType::Date32),
            Self::Time => nullable(DataType::Time64(TimeUnit::Microsecond)),
            Self::Naive => nullable(DataType::Timestamp(TimeUnit::Microsecond, None)),
            Self::Aware => nullable(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
            Self::Interval => nullable(DataType::Interval(IntervalUnit::MonthDayNano)),
            Self::Uuid => nullable(DataType::FixedSizeBinary(16)).with_extension_type(ArrowUuid),
            Self::Json => nullable(DataType::Utf8).with_extension_type(ArrowJson::default()),
            Self::List(item) => nullable(DataType::List(Arc::new(item.field().with_name("item")))),
        }
    }
}
