//! Converts Python's dicts, tuples and dataclasses to Arrow structs, dicts to Arrow maps, and times with a zone to
//! the structs of `timetz`.

use std::sync::Arc;

use arrow_array::builder::{ArrayBuilder, Int32Builder, StringBuilder, Time64MicrosecondBuilder};
use arrow_array::{ArrayRef, MapArray, StructArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::super::type_registry::TypeRegistry;
use super::{ColumnBuilder, ConversionError, ConversionResult, datetime, text, wrong_type};
use crate::error::Error;
use crate::types::ColumnType;
use crate::types::composite::TYPE_NAME;

/// The names of a composite type's fields.
pub(in crate::python) struct FieldNames {
    names: Vec<String>,
    interned: PyOnceLock<Vec<Py<PyString>>>,
}

impl FieldNames {
    pub fn new(names: Vec<String>) -> Self {
        Self { names, interned: PyOnceLock::new() }
    }

    /// The names as Python's str.
    pub fn get(&self, py: Python<'_>) -> &[Py<PyString>] {
        let intern = |name: &String| PyString::intern(py, name).unbind();
        self.interned.get_or_init(py, || self.names.iter().map(intern).collect())
    }
}

/// The values of a composite value's fields: of a dict by their names, of a tuple in their order, and of a
/// dataclass or the like by their names.
pub(in crate::python) fn members<'py>(
    value: &Bound<'py, PyAny>,
    names: &FieldNames,
) -> ConversionResult<Vec<Bound<'py, PyAny>>> {
    let py = value.py();
    let names = names.get(py).iter().map(|name| name.bind(py));
    if let Ok(dict) = value.cast::<PyDict>() {
        return of_dict(dict, names);
    }
    let has = |attribute| value.get_type().hasattr(attribute);
    let has_fields = has(intern!(py, "__dataclass_fields__"))?
        || has(intern!(py, "__struct_fields__"))?
        || has(intern!(py, "_fields"))?;
    if has_fields {
        let get = |name: &Bound<'py, PyString>| {
            value.getattr(name).map_err(|_| missing(&name.to_string_lossy()))
        };
        return names.map(get).collect();
    }
    let Ok(tuple) = value.cast::<PyTuple>() else { return Err(wrong_type(value)) };
    if tuple.len() != names.len() {
        let (got, expected) = (tuple.len(), names.len());
        return Err(ConversionError::InvalidValue(format!(
            "a tuple of {got} for {expected} fields"
        )));
    }
    Ok(tuple.iter().collect())
}

fn of_dict<'a, 'py: 'a>(
    dict: &Bound<'py, PyDict>,
    names: impl ExactSizeIterator<Item = &'a Bound<'py, PyString>>,
) -> ConversionResult<Vec<Bound<'py, PyAny>>> {
    let count = names.len();
    let mut values = Vec::with_capacity(count);
    for name in names {
        let value = dict.get_item(name)?;
        values.push(value.ok_or_else(|| missing(&name.to_string_lossy()))?);
    }
    if dict.len() == count {
        Ok(values)
    } else {
        let surplus = dict.len() - count;
        Err(ConversionError::InvalidValue(format!(
            "a dict with {surplus} more keys than the type has fields"
        )))
    }
}

fn missing(name: &str) -> ConversionError {
    ConversionError::InvalidValue(format!("the field \"{name}\" is missing; give None for NULL"))
}

/// Adds to an error which field it is about.
pub(in crate::python) fn in_field(name: &str, error: ConversionError) -> ConversionError {
    match error {
        ConversionError::WrongType(what) => {
            ConversionError::WrongType(format!("field \"{name}\": {what}"))
        }
        ConversionError::InvalidValue(what) => {
            ConversionError::InvalidValue(format!("field \"{name}\": {what}"))
        }
        ConversionError::NonFinite => ConversionError::InvalidValue(format!(
            "field \"{name}\": NaN or infinity; use numeric without a scale"
        )),
        error @ ConversionError::Python(_) => error,
    }
}

/// Passes the keys and values of a dict of str to `take`.
pub(in crate::python) fn map_items(
    value: &Bound<'_, PyAny>,
    mut take: impl FnMut(&str, Option<&str>) -> Result<(), String>,
) -> ConversionResult {
    let Ok(dict) = value.cast::<PyDict>() else { return Err(wrong_type(value)) };
    for (key, value) in dict.iter() {
        let (mut key_text, mut value_text) = (String::new(), None);
        text::string(&key, |text| text.clone_into(&mut key_text))
            .map_err(|error| named("a key", error))?;
        if !value.is_none() {
            text::string(&value, |text| value_text = Some(text.to_owned()))
                .map_err(|error| named(&format!("the value of {key_text:?}"), error))?;
        }
        take(&key_text, value_text.as_deref()).map_err(ConversionError::InvalidValue)?;
    }
    Ok(())
}

fn named(what: &str, error: ConversionError) -> ConversionError {
    match error {
        ConversionError::WrongType(found) => {
            ConversionError::WrongType(format!("{found} as {what}, which is not str"))
        }
        error => error,
    }
}

/// Builds the array of a column of composite values.
pub(super) struct CompositeBuilder {
    names: FieldNames,
    columns: Vec<ColumnBuilder>,
    nulls: NullBufferBuilder,
}

impl CompositeBuilder {
    pub fn new(fields: &Fields) -> Result<Self, Error> {
        let names = fields.iter().map(|field| field.name().clone()).collect();
        let column = |field: &FieldRef| {
            let type_name = field.metadata().get(TYPE_NAME).cloned();
            ColumnBuilder::new(Arc::clone(field), type_name.unwrap_or_default())
        };
        let columns = fields.iter().map(column).collect::<Result<_, _>>()?;
        Ok(Self { names: FieldNames::new(names), columns, nulls: NullBufferBuilder::new(0) })
    }

    /// Has the values of fields converted by the user's functions for their types.
    pub fn register(&mut self, fields: &[ColumnType], registry: &TypeRegistry) {
        for (column, column_type) in self.columns.iter_mut().zip(fields) {
            column.register(column_type, registry);
        }
    }

    fn fields(&self) -> Fields {
        self.columns.iter().map(ColumnBuilder::field).collect()
    }

    pub fn data_type(&self) -> DataType {
        DataType::Struct(self.fields())
    }

    pub fn push(&mut self, value: &Bound<'_, PyAny>) -> ConversionResult {
        let values = members(value, &self.names)?;
        for (column, value) in self.columns.iter_mut().zip(&values) {
            if let Err(error) = column.push_element(value) {
                let name = column.field().name().clone();
                return Err(in_field(&name, error));
            }
        }
        self.nulls.append(true);
        Ok(())
    }

    pub fn push_null(&mut self) {
        self.columns.iter_mut().for_each(ColumnBuilder::push_null);
        self.nulls.append(false);
    }

    pub fn is_variable_length(&self) -> bool {
        self.columns.iter().any(ColumnBuilder::is_variable_length)
    }

    pub fn bytes(&self) -> usize {
        self.columns.iter().map(ColumnBuilder::bytes).sum()
    }

    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let (rows, fields) = (self.nulls.len(), self.fields());
        let columns = self.columns.iter_mut().map(ColumnBuilder::finish);
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let nulls = self.nulls.finish();
        Ok(Arc::new(StructArray::try_new_with_length(fields, columns, nulls, rows)?))
    }
}

/// Builds the array of a column of hstore.
pub(super) struct MapBuilder {
    entries: FieldRef,
    keys: StringBuilder,
    values: StringBuilder,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl MapBuilder {
    pub fn new(entries: FieldRef) -> Self {
        Self {
            entries,
            keys: StringBuilder::new(),
            values: StringBuilder::new(),
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
        }
    }

    pub fn push(&mut self, value: &Bound<'_, PyAny>) -> ConversionResult {
        map_items(value, |key, value| {
            self.keys.append_value(key);
            self.values.append_option(value);
            Ok(())
        })?;
        self.end(true);
        Ok(())
    }

    pub fn push_null(&mut self) {
        self.end(false);
    }

    fn end(&mut self, valid: bool) {
        self.nulls.append(valid);
        self.offsets.push(i32::try_from(self.keys.len()).unwrap_or(i32::MAX));
    }

    pub fn bytes(&self) -> usize {
        self.keys.values_slice().len() + self.values.values_slice().len()
    }

    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let DataType::Struct(fields) = self.entries.data_type() else {
            return Err(ArrowError::SchemaError("a map without entries".to_owned()));
        };
        let columns: Vec<ArrayRef> =
            vec![Arc::new(self.keys.finish()), Arc::new(self.values.finish())];
        let entries = StructArray::try_new(fields.clone(), columns, None)?;
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let nulls = self.nulls.finish();
        let entries_field = Arc::clone(&self.entries);
        Ok(Arc::new(MapArray::try_new(entries_field, offsets, entries, nulls, false)?))
    }
}

/// Builds the array of a column of timetz.
pub(super) struct TimetzBuilder {
    fields: Fields,
    times: Time64MicrosecondBuilder,
    offsets: Int32Builder,
    nulls: NullBufferBuilder,
}

impl TimetzBuilder {
    pub fn new(fields: &Fields) -> Self {
        Self {
            fields: fields.clone(),
            times: Time64MicrosecondBuilder::new(),
            offsets: Int32Builder::new(),
            nulls: NullBufferBuilder::new(0),
        }
    }

    pub fn push(&mut self, value: &Bound<'_, PyAny>) -> ConversionResult {
        let (us, offset) = datetime::timetz(value)?;
        self.times.append_value(us);
        self.offsets.append_value(offset);
        self.nulls.append(true);
        Ok(())
    }

    pub fn push_null(&mut self) {
        self.times.append_null();
        self.offsets.append_null();
        self.nulls.append(false);
    }

    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let columns: Vec<ArrayRef> =
            vec![ArrayBuilder::finish(&mut self.times), ArrayBuilder::finish(&mut self.offsets)];
        let nulls = self.nulls.finish();
        Ok(Arc::new(StructArray::try_new(self.fields.clone(), columns, nulls)?))
    }
}
