//! Python values -> Arrow arrays: appends values to Arrow builders of the target's types in one pass, with the GIL held.

pub(in crate::python) mod composite;
pub(in crate::python) mod datetime;
pub(in crate::python) mod json;
pub(in crate::python) mod network;
pub(in crate::python) mod number;
pub(in crate::python) mod range;
pub(in crate::python) mod text;
pub(in crate::python) mod vector;

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
    Decimal256Builder, FixedSizeBinaryBuilder, Float32Builder, Float64Builder, Int16Builder,
    Int32Builder, Int64Builder, IntervalMonthDayNanoBuilder, StringBuilder,
    Time64MicrosecondBuilder, TimestampMicrosecondBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, ListArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::extension::Opaque;
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyList, PyTuple, PyType};

use super::type_registry::{Converter, TypeRegistry};
use crate::error::Error;
use crate::types::ColumnType;
use crate::types::timetz::MARKER;

/// Why a value cannot be converted.
pub(super) enum ConversionError {
    /// Its type does not fit the column's type. The text names the type or describes the value.
    WrongType(String),
    /// Its type fits, but the column's type cannot hold it.
    InvalidValue(String),
    /// It is a NaN or an infinity, which Arrow's decimals cannot hold.
    NonFinite,
    /// Python raised an exception.
    Python(PyErr),
}

impl From<PyErr> for ConversionError {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

pub(in crate::python) type ConversionResult<T = ()> = Result<T, ConversionError>;

/// Builds the Arrow array of one column.
pub(super) struct ColumnBuilder {
    field: FieldRef,
    /// The PostgreSQL type's name, for messages.
    pg_name: String,
    builder: Builder,
    /// The user's functions for the type.
    converter: Option<Arc<Converter>>,
}

enum Builder {
    Bool(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    UInt32(UInt32Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal128(Decimal128Builder, i32),
    Decimal256(Decimal256Builder, i32),
    NumericText(StringBuilder),
    Network(StringBuilder),
    Text(StringBuilder),
    Json(StringBuilder),
    Binary(BinaryBuilder),
    Uuid(FixedSizeBinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Naive(TimestampMicrosecondBuilder),
    Aware(TimestampMicrosecondBuilder),
    Interval(IntervalMonthDayNanoBuilder),
    Vector(vector::VectorBuilder),
    Range(Box<range::RangeBuilder>),
    Composite(Box<composite::CompositeBuilder>),
    Map(Box<composite::MapBuilder>),
    Timetz(Box<composite::TimetzBuilder>),
    UInt64(UInt64Builder),
    List(Box<ListBuilder>),
}

/// The approximate size of a list element in bytes, without that of a value of variable length.
const ELEMENT_BYTES: usize = 8;

struct ListBuilder {
    values: ColumnBuilder,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl ColumnBuilder {
    /// Makes a builder for arrays of `field`; `pg_name` is the PostgreSQL type's name.
    pub fn new(field: FieldRef, pg_name: String) -> Result<Self, Error> {
        let builder = builder(&field, &pg_name)?;
        Ok(Self { field, pg_name, builder, converter: None })
    }

    /// Has values converted by the user's functions for the column's type, and those for the types in it.
    pub fn register(&mut self, column_type: &ColumnType, registry: &TypeRegistry) {
        self.converter = registry.find(&column_type.ty);
        match (&mut self.builder, column_type.element()) {
            (Builder::List(lists), Some(element)) => lists.values.register(&element, registry),
            (Builder::Composite(structs), _) => structs.register(&column_type.fields, registry),
            _ => {}
        }
    }

    /// The field of the arrays; its type may have changed from decimal to text.
    pub fn field(&self) -> FieldRef {
        match &self.builder {
            Builder::List(lists) => {
                let list = DataType::List(lists.item());
                Arc::new(self.field.as_ref().clone().with_data_type(list))
            }
            Builder::Range(ranges) => {
                Arc::new(self.field.as_ref().clone().with_data_type(ranges.data_type()))
            }
            Builder::Composite(structs) => {
                Arc::new(self.field.as_ref().clone().with_data_type(structs.data_type()))
            }
            _ => Arc::clone(&self.field),
        }
    }

    /// Appends a value.
    #[inline]
    pub fn push(&mut self, value: &Bound<'_, PyAny>) -> ConversionResult {
        match self.push_value(value) {
            Err(ConversionError::WrongType(what)) => {
                let pg_name = &self.pg_name;
                Err(ConversionError::WrongType(format!("expected {pg_name}, got {what}")))
            }
            Err(ConversionError::InvalidValue(what)) => {
                Err(ConversionError::InvalidValue(format!("{what} (column type {})", self.pg_name)))
            }
            result => result,
        }
    }

    /// Appends a value within another one, whose error names the column's type.
    fn push_element(&mut self, value: &Bound<'_, PyAny>) -> ConversionResult {
        self.push_value(value).map_err(|error| match error {
            ConversionError::WrongType(what) => {
                ConversionError::WrongType(format!("expected {}, got {what}", self.pg_name))
            }
            error => error,
        })
    }

    /// Appends a value. Unlike that of [`Self::push`], an error does not name the expected type.
    #[inline]
    fn push_value(&mut self, value: &Bound<'_, PyAny>) -> ConversionResult {
        if value.is_none() {
            self.push_null();
            return Ok(());
        }
        if let Some(converter) = &self.converter {
            if is_missing_marker(value) {
                self.push_null();
                return Ok(());
            }
            let value = converter.encode(value)?;
            return self.push_encoded(&value);
        }
        self.push_encoded(value)
    }

    /// Appends a value, or what the user's function has made of it.
    #[inline]
    fn push_encoded(&mut self, value: &Bound<'_, PyAny>) -> ConversionResult {
        match self.builder.push(value) {
            Err(ConversionError::NonFinite) => {
                self.convert_to_text()?;
                self.push_encoded(value)
            }
            Err(ConversionError::WrongType(_)) if is_missing_marker(value) => {
                self.push_null();
                Ok(())
            }
            result => result,
        }
    }

    /// Replaces the builder of decimals by one of text, which can hold NaN and infinity. The codec of numeric
    /// encodes text, too.
    fn convert_to_text(&mut self) -> ConversionResult {
        let invalid = |error: ArrowError| ConversionError::InvalidValue(error.to_string());
        let values = arrow_cast::cast(&self.finish().map_err(invalid)?, &DataType::Utf8);
        let values = values.map_err(invalid)?;
        let mut text = StringBuilder::new();
        text.append_array(values.as_string::<i32>()).map_err(invalid)?;
        let numeric = Opaque::new("numeric", "PostgreSQL");
        self.field = Arc::new(Field::new("", DataType::Utf8, true).with_extension_type(numeric));
        self.builder = Builder::NumericText(text);
        Ok(())
    }

    /// Appends NULL.
    pub fn push_null(&mut self) {
        match &mut self.builder {
            Builder::Bool(b) => b.append_null(),
            Builder::Int16(b) => b.append_null(),
            Builder::Int32(b) => b.append_null(),
            Builder::Int64(b) => b.append_null(),
            Builder::UInt32(b) => b.append_null(),
            Builder::Float32(b) => b.append_null(),
            Builder::Float64(b) => b.append_null(),
            Builder::Decimal128(b, _) => b.append_null(),
            Builder::Decimal256(b, _) => b.append_null(),
            Builder::NumericText(b) | Builder::Network(b) | Builder::Text(b) | Builder::Json(b) => {
                b.append_null();
            }
            Builder::Binary(b) => b.append_null(),
            Builder::Uuid(b) => b.append_null(),
            Builder::Date(b) => b.append_null(),
            Builder::Time(b) => b.append_null(),
            Builder::Naive(b) | Builder::Aware(b) => b.append_null(),
            Builder::Interval(b) => b.append_null(),
            Builder::Vector(b) => b.push_null(),
            Builder::Range(b) => b.push_null(),
            Builder::Composite(b) => b.push_null(),
            Builder::Map(b) => b.push_null(),
            Builder::Timetz(b) => b.push_null(),
            Builder::UInt64(b) => b.append_null(),
            Builder::List(lists) => lists.finish_list(false),
        }
    }

    /// Whether the values have no fixed length.
    pub fn is_variable_length(&self) -> bool {
        match &self.builder {
            Builder::NumericText(_)
            | Builder::Network(_)
            | Builder::Text(_)
            | Builder::Json(_)
            | Builder::Binary(_)
            | Builder::Vector(_)
            | Builder::Map(_)
            | Builder::List(_) => true,
            Builder::Range(ranges) => ranges.is_variable_length(),
            Builder::Composite(structs) => structs.is_variable_length(),
            _ => false,
        }
    }

    /// The approximate bytes of the values so far; 0 for values of fixed length.
    pub fn bytes(&self) -> usize {
        match &self.builder {
            Builder::NumericText(b) | Builder::Network(b) | Builder::Text(b) | Builder::Json(b) => {
                b.values_slice().len()
            }
            Builder::Binary(b) => b.values_slice().len(),
            Builder::Vector(b) => b.bytes(),
            Builder::Range(ranges) => ranges.bytes(),
            Builder::Composite(structs) => structs.bytes(),
            Builder::Map(maps) => maps.bytes(),
            Builder::List(lists) => lists.bytes(),
            _ => 0,
        }
    }

    /// Returns the array and empties the builder.
    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match &mut self.builder {
            Builder::Bool(b) => ArrayBuilder::finish(b),
            Builder::Int16(b) => ArrayBuilder::finish(b),
            Builder::Int32(b) => ArrayBuilder::finish(b),
            Builder::Int64(b) => ArrayBuilder::finish(b),
            Builder::UInt32(b) => ArrayBuilder::finish(b),
            Builder::Float32(b) => ArrayBuilder::finish(b),
            Builder::Float64(b) => ArrayBuilder::finish(b),
            Builder::Decimal128(b, _) => ArrayBuilder::finish(b),
            Builder::Decimal256(b, _) => ArrayBuilder::finish(b),
            Builder::NumericText(b) | Builder::Network(b) | Builder::Text(b) | Builder::Json(b) => {
                ArrayBuilder::finish(b)
            }
            Builder::Binary(b) => ArrayBuilder::finish(b),
            Builder::Uuid(b) => ArrayBuilder::finish(b),
            Builder::Date(b) => ArrayBuilder::finish(b),
            Builder::Time(b) => ArrayBuilder::finish(b),
            Builder::Naive(b) | Builder::Aware(b) => ArrayBuilder::finish(b),
            Builder::Interval(b) => ArrayBuilder::finish(b),
            Builder::Vector(b) => return b.finish(),
            Builder::Range(b) => return b.finish(),
            Builder::Composite(b) => return b.finish(),
            Builder::Map(b) => return b.finish(),
            Builder::Timetz(b) => return b.finish(),
            Builder::UInt64(b) => ArrayBuilder::finish(b),
            Builder::List(lists) => return lists.finish(),
        })
    }
}

fn builder(field: &Field, pg_name: &str) -> Result<Builder, Error> {
    let unexpected = || Error::Internal(format!("no builder for Arrow's {}", field.data_type()));
    let failed = |error: ArrowError| Error::Internal(error.to_string());
    Ok(match (field.data_type(), field.extension_type_name()) {
        (DataType::Boolean, _) => Builder::Bool(BooleanBuilder::new()),
        (DataType::Int16, _) => Builder::Int16(Int16Builder::new()),
        (DataType::Int32, _) => Builder::Int32(Int32Builder::new()),
        (DataType::Int64, _) => Builder::Int64(Int64Builder::new()),
        (DataType::UInt32, _) => Builder::UInt32(UInt32Builder::new()),
        (DataType::UInt64, _) => Builder::UInt64(UInt64Builder::new()),
        (DataType::Float32, _) => Builder::Float32(Float32Builder::new()),
        (DataType::Float64, _) => Builder::Float64(Float64Builder::new()),
        (DataType::Decimal128(precision, scale), _) => {
            let builder = Decimal128Builder::new().with_precision_and_scale(*precision, *scale);
            Builder::Decimal128(builder.map_err(failed)?, i32::from(*scale))
        }
        (DataType::Decimal256(precision, scale), _) => {
            let builder = Decimal256Builder::new().with_precision_and_scale(*precision, *scale);
            Builder::Decimal256(builder.map_err(failed)?, i32::from(*scale))
        }
        (DataType::Utf8, Some("arrow.opaque")) => {
            let opaque = field.try_extension_type::<Opaque>().map_err(failed)?;
            match opaque.type_name() {
                "inet" | "cidr" => Builder::Network(StringBuilder::new()),
                "numeric" => Builder::NumericText(StringBuilder::new()),
                _ => Builder::Text(StringBuilder::new()),
            }
        }
        (DataType::Utf8, Some("arrow.json")) => Builder::Json(StringBuilder::new()),
        (DataType::Utf8, _) => Builder::Text(StringBuilder::new()),
        (DataType::Binary, _) => Builder::Binary(BinaryBuilder::new()),
        (DataType::FixedSizeBinary(16), _) => Builder::Uuid(FixedSizeBinaryBuilder::new(16)),
        (DataType::Date32, _) => Builder::Date(Date32Builder::new()),
        (DataType::Time64(_), _) => Builder::Time(Time64MicrosecondBuilder::new()),
        (DataType::Timestamp(_, None), _) => Builder::Naive(TimestampMicrosecondBuilder::new()),
        (DataType::Timestamp(_, Some(zone)), _) => {
            Builder::Aware(TimestampMicrosecondBuilder::new().with_timezone(Arc::clone(zone)))
        }
        (DataType::Interval(_), _) => Builder::Interval(IntervalMonthDayNanoBuilder::new()),
        (DataType::List(_), Some("arrow.opaque")) => Builder::Vector(vector::VectorBuilder::new()),
        (DataType::Struct(fields), Some("arrow.opaque")) => {
            let opaque = field.try_extension_type::<Opaque>().map_err(failed)?;
            if opaque.type_name() == MARKER {
                Builder::Timetz(Box::new(composite::TimetzBuilder::new(fields)))
            } else {
                Builder::Composite(Box::new(composite::CompositeBuilder::new(fields)?))
            }
        }
        (DataType::Map(entries, _), _) => {
            Builder::Map(Box::new(composite::MapBuilder::new(Arc::clone(entries))))
        }
        (DataType::Struct(fields), _) => {
            let bound = fields.first().ok_or_else(unexpected)?;
            Builder::Range(Box::new(range::RangeBuilder::new(bound, pg_name)?))
        }
        (DataType::List(item), _) => Builder::List(Box::new(ListBuilder {
            values: ColumnBuilder::new(
                Arc::clone(item),
                pg_name.trim_end_matches("[]").to_owned(),
            )?,
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
        })),
        _ => return Err(unexpected()),
    })
}

impl Builder {
    #[inline]
    fn push(&mut self, value: &Bound<'_, PyAny>) -> ConversionResult {
        match self {
            Self::Bool(b) => b.append_value(boolean(value)?),
            Self::Int16(b) => b.append_value(number::integer(value)?),
            Self::Int32(b) => b.append_value(number::integer(value)?),
            Self::Int64(b) => b.append_value(number::integer(value)?),
            Self::UInt32(b) => b.append_value(number::integer(value)?),
            Self::Float32(b) => b.append_value(number::float32(value)?),
            Self::Float64(b) => b.append_value(number::float64(value)?),
            Self::Decimal128(b, scale) => b.append_value(number::decimal128(value, *scale)?),
            Self::Decimal256(b, scale) => b.append_value(number::decimal256(value, *scale)?),
            Self::NumericText(b) => b.append_value(number::numeric_text(value)?),
            Self::Network(b) => return network::string(value, |text| b.append_value(text)),
            Self::Text(b) => return text::string(value, |text| b.append_value(text)),
            Self::Json(b) => return json::json(value, |text| b.append_value(text)),
            Self::Binary(b) => return text::binary(value, |bytes| b.append_value(bytes)),
            Self::Uuid(b) => {
                let bytes = text::uuid(value)?;
                b.append_value(bytes)
                    .map_err(|error| ConversionError::InvalidValue(error.to_string()))?;
            }
            Self::Date(b) => b.append_value(datetime::date(value)?),
            Self::Time(b) => b.append_value(datetime::time(value)?),
            Self::Naive(b) => b.append_value(datetime::naive(value)?),
            Self::Aware(b) => b.append_value(datetime::aware(value)?),
            Self::Interval(b) => b.append_value(datetime::interval(value)?),
            Self::Vector(b) => return b.push(value),
            Self::Range(b) => return b.push(value),
            Self::Composite(b) => return b.push(value),
            Self::Map(b) => return b.push(value),
            Self::Timetz(b) => return b.push(value),
            Self::UInt64(b) => b.append_value(number::unsigned(value)?),
            Self::List(lists) => return lists.push(value),
        }
        Ok(())
    }
}

impl ListBuilder {
    fn item(&self) -> FieldRef {
        Arc::new(self.values.field().as_ref().clone().with_name("item"))
    }

    fn push(&mut self, value: &Bound<'_, PyAny>) -> ConversionResult {
        if !(value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()) {
            return Err(wrong_type(value));
        }
        for (index, item) in value.try_iter()?.enumerate() {
            let pushed = self.values.push(&item?);
            pushed.map_err(|error| match error {
                ConversionError::WrongType(what) => {
                    ConversionError::WrongType(format!("element {index}: {what}"))
                }
                ConversionError::InvalidValue(what) => {
                    ConversionError::InvalidValue(format!("element {index}: {what}"))
                }
                ConversionError::NonFinite => ConversionError::InvalidValue(format!(
                    "element {index}: NaN or infinity; use numeric without a scale"
                )),
                error @ ConversionError::Python(_) => error,
            })?;
            self.count_element();
        }
        self.finish_list(true);
        Ok(())
    }

    /// Counts one more element of the list that is not finished yet.
    fn count_element(&mut self) {
        let started = self.nulls.len() + 1;
        if self.offsets.len() == started {
            self.offsets.push(self.offsets.last().copied().unwrap_or(0));
        }
        if let Some(end) = self.offsets.last_mut() {
            *end += 1;
        }
    }

    /// Finishes a list.
    fn finish_list(&mut self, valid: bool) {
        self.nulls.append(valid);
        if self.offsets.len() == self.nulls.len() {
            self.offsets.push(self.offsets.last().copied().unwrap_or(0));
        }
    }

    fn bytes(&self) -> usize {
        let count = self.offsets.last().map_or(0, |last| usize::try_from(*last).unwrap_or(0));
        count * ELEMENT_BYTES + self.values.bytes()
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let offsets =
            OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut self.offsets, vec![0])));
        let (values, nulls) = (self.values.finish()?, self.nulls.finish());
        Ok(Arc::new(ListArray::try_new(self.item(), offsets, values, nulls)?))
    }
}

pub(in crate::python) fn boolean(value: &Bound<'_, PyAny>) -> ConversionResult<bool> {
    match value.cast::<PyBool>() {
        Ok(value) => Ok(value.is_true()),
        Err(_) if matches!(type_name(value).as_str(), "numpy.bool" | "numpy.bool_") => {
            Ok(value.is_truthy()?)
        }
        Err(_) => Err(wrong_type(value)),
    }
}

pub(in crate::python) fn wrong_type(value: &Bound<'_, PyAny>) -> ConversionError {
    ConversionError::WrongType(type_name(value))
}

/// The name of a value's type, with its module unless it is a builtin one.
pub(super) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().fully_qualified_name().map_or_else(|_| "?".to_owned(), |name| name.to_string())
}

/// Whether an object is an instance of the class with this fully qualified name, or of a subclass.
pub(super) fn is_instance_of_named(data: &Bound<'_, PyAny>, name: &str) -> bool {
    let has_name = |class: Bound<'_, PyAny>| {
        let class = class.cast_into::<PyType>().ok()?;
        Some(class.fully_qualified_name().ok()? == name)
    };
    data.get_type().mro().iter().any(|class| has_name(class).unwrap_or(false))
}

/// Whether a value is pandas' `NA` or `NaT`, which always mean a missing value.
pub(in crate::python) fn is_missing_marker(value: &Bound<'_, PyAny>) -> bool {
    let name = type_name(value);
    name.starts_with("pandas.") && (name.ends_with(".NAType") || name.ends_with(".NaTType"))
}
