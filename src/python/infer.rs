//! The types of a table to be made of rows: the narrowest that hold the values seen.

use std::sync::Arc;

use arrow_schema::extension::{Json as ArrowJson, Opaque, Uuid as ArrowUuid};
use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDate, PyDateTime, PyDelta, PyDict, PyFloat, PyInt, PyList,
    PyMemoryView, PyString, PyTime, PyTuple, PyType, PyTzInfoAccess,
};

use super::gather::{Column, is_missing_marker, type_name};
use crate::error::{Error, Result};

/// The type of a column to be made, by the values seen so far.
pub(super) struct Inference {
    guess: Guess,
    /// The class of the last value, where the class alone tells what its values are.
    class: Option<Py<PyType>>,
}

impl Default for Inference {
    fn default() -> Self {
        Self { guess: Guess::Nothing, class: None }
    }
}

impl Inference {
    /// Looks at the value of a row.
    ///
    /// # Errors
    /// When no type holds it, or none holds both it and the values before.
    pub fn look(&mut self, value: &Bound<'_, PyAny>, column: &str, row: usize) -> Result<()> {
        let mixed = |what: String| {
            Error::Programming(format!(
                "column \"{column}\", row {row}: {what}; make the table first, or convert the values"
            ))
        };
        let class = value.get_type();
        if self.class.as_ref().is_some_and(|known| class.is(known)) {
            return Ok(());
        }
        let seen =
            Guess::of(value).map_err(|what| mixed(format!("no PostgreSQL type for {what}")))?;
        self.class = seen.is_of_its_class(value).then(|| class.unbind());
        if seen != self.guess {
            let both = self.guess.clone().with(seen.clone());
            self.guess = both.ok_or_else(|| mixed(format!("{seen:?} after {:?}", self.guess)))?;
        }
        Ok(())
    }

    /// The column in which such values are gathered.
    ///
    /// # Errors
    /// When there is none.
    pub fn column(&self) -> Result<Column> {
        Column::new(Arc::new(self.guess.field()), format!("{:?}", self.guess).to_lowercase())
    }
}

/// What a column's values have been so far.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Guess {
    Nothing,
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
    List(Box<Guess>),
}

impl Guess {
    /// What a value is; the name of its type if it is nothing that has a column type.
    fn of(value: &Bound<'_, PyAny>) -> Result<Self, String> {
        if value.is_none() {
            return Ok(Self::Nothing);
        }
        if value.is_exact_instance_of::<PyString>() {
            return Ok(Self::Text);
        }
        if value.is_exact_instance_of::<PyFloat>() {
            return Ok(Self::Float);
        }
        if let Ok(datetime) = value.cast::<PyDateTime>() {
            // pandas' NaT is a datetime, too.
            if !value.is_exact_instance_of::<PyDateTime>() && is_missing_marker(value) {
                return Ok(Self::Nothing);
            }
            return Ok(if datetime.get_tzinfo().is_some() { Self::Aware } else { Self::Naive });
        }
        if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
            let items = value.try_iter().map_err(|error| error.to_string())?;
            let mut guess = Self::Nothing;
            for item in items {
                let item = Self::of(&item.map_err(|error| error.to_string())?)?;
                guess = guess.with(item).ok_or("a list of mixed types")?;
            }
            return Ok(Self::List(Box::new(guess)));
        }
        if value.is_exact_instance_of::<PyInt>() {
            return Ok(if value.extract::<i64>().is_ok() { Self::Int } else { Self::Numeric });
        }
        let name = type_name(value);
        let plain = [
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
            (
                value.is_instance_of::<PyDelta>() || name == "howdah.interval.Interval",
                Self::Interval,
            ),
            (
                value.is_instance_of::<PyDict>()
                    || matches!(&*name, "howdah.json_values.Json" | "howdah.json_values.JsonText"),
                Self::Json,
            ),
            (
                value.is_instance_of::<PyBytes>()
                    || value.is_instance_of::<PyByteArray>()
                    || value.is_instance_of::<PyMemoryView>(),
                Self::Bytes,
            ),
        ];
        let guess = plain.into_iter().find_map(|(is, guess)| is.then_some(guess));
        guess.or_else(|| is_missing_marker(value).then_some(Self::Nothing)).ok_or(name)
    }

    /// Whether all values of the value's class are the same: whole numbers differ by their size, points in time by
    /// their zone, lists by their items.
    fn is_of_its_class(&self, value: &Bound<'_, PyAny>) -> bool {
        match self {
            Self::Nothing | Self::Int | Self::Naive | Self::Aware | Self::List(_) => false,
            Self::Numeric => !value.is_instance_of::<PyInt>(),
            _ => true,
        }
    }

    /// What holds both; `None` if nothing does.
    fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Self::Nothing, a) | (a, Self::Nothing) => Some(a),
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Some(Self::Float),
            (Self::Int, Self::Numeric) | (Self::Numeric, Self::Int) => Some(Self::Numeric),
            (Self::List(a), Self::List(b)) => Some(Self::List(Box::new(a.with(*b)?))),
            _ => None,
        }
    }

    /// The field in which such values are gathered.
    fn field(&self) -> Field {
        let plain = |data_type| Field::new("", data_type, true);
        match self {
            Self::Nothing | Self::Text => plain(DataType::Utf8),
            Self::Bool => plain(DataType::Boolean),
            Self::Int => plain(DataType::Int64),
            Self::Float => plain(DataType::Float64),
            Self::Numeric => {
                plain(DataType::Utf8).with_extension_type(Opaque::new("numeric", "PostgreSQL"))
            }
            Self::Bytes => plain(DataType::Binary),
            Self::Date => plain(DataType::Date32),
            Self::Time => plain(DataType::Time64(TimeUnit::Microsecond)),
            Self::Naive => plain(DataType::Timestamp(TimeUnit::Microsecond, None)),
            Self::Aware => plain(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
            Self::Interval => plain(DataType::Interval(IntervalUnit::MonthDayNano)),
            Self::Uuid => plain(DataType::FixedSizeBinary(16)).with_extension_type(ArrowUuid),
            Self::Json => plain(DataType::Utf8).with_extension_type(ArrowJson::default()),
            Self::List(item) => plain(DataType::List(Arc::new(item.field().with_name("item")))),
        }
    }
}
