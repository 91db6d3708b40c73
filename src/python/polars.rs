//! Frames of polars: what they export that Arrow does not know.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, NullArray, make_array};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::gil::raised;
use super::names;
use super::streams::Batches;
use crate::error::{Error, Result};

/// A frame, or a series of structs.
pub(super) fn batches(data: &Bound<'_, PyAny>, is_frame: bool) -> Result<Batches> {
    if !is_frame {
        let dtype = data.getattr("dtype").map_err(raised)?;
        let name = data.getattr("name").and_then(|name| name.extract()).map_err(raised)?;
        refuse(&[(name, dtype)])?;
        return Batches::of(data);
    }
    let columns = columns(data).map_err(raised)?;
    refuse(&columns)?;
    nothing_as_null(data, &columns)
}

type Column<'py> = (String, Bound<'py, PyAny>);

fn columns<'py>(frame: &Bound<'py, PyAny>) -> PyResult<Vec<Column<'py>>> {
    frame
        .getattr("schema")?
        .call_method0("items")?
        .try_iter()?
        .map(|item| item?.extract())
        .collect()
}

/// Objects are exported as their addresses, and names with NUL not at all.
fn refuse(columns: &[Column<'_>]) -> Result<()> {
    let mut problems = Vec::new();
    for (name, dtype) in columns {
        names::refuse_nul(name, None)?;
        look_within(dtype, name)?;
        if holds(dtype, "Object").map_err(raised)? {
            problems.push(format!(
                "column \"{name}\": no PostgreSQL type for polars' Object; cast it first, or load \
                 frame.iter_rows(named=True)"
            ));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Programming(problems.join("; "))) }
}

/// Looks at the names of the fields within a column.
fn look_within(dtype: &Bound<'_, PyAny>, column: &str) -> Result<()> {
    for (name, part) in parts(dtype).map_err(raised)? {
        names::refuse_nul(&name, Some(column))?;
        look_within(&part, column)?;
    }
    Ok(())
}

/// Columns of nothing but NULL go by another type, and so do lists of it: polars exports them with a
/// buffer that Arrow's null arrays do not have.
fn nothing_as_null(frame: &Bound<'_, PyAny>, columns: &[Column<'_>]) -> Result<Batches> {
    let mut cast = Vec::new();
    for (name, dtype) in columns {
        if holds(dtype, "Null").map_err(raised)? {
            let series = || {
                let series = frame.call_method1("get_column", (name,))?;
                series.call_method1("cast", (as_boolean(dtype)?,))
            };
            cast.push(series().map_err(raised)?);
        }
    }
    if cast.is_empty() {
        return Batches::of(frame);
    }
    let stream = Batches::of(&frame.call_method1("with_columns", (cast,)).map_err(raised)?)?;
    let given = stream.schema();
    let fields = given.fields().iter().zip(columns);
    let fields = fields.map(|(field, (_, dtype))| as_null(field, dtype));
    let fields = fields.collect::<PyResult<Fields>>().map_err(raised)?;
    Ok(stream.given(Arc::new(Schema::new_with_metadata(fields, given.metadata().clone()))))
}

/// The type of a list's or an array's elements, and those of a struct's fields.
fn parts<'py>(dtype: &Bound<'py, PyAny>) -> PyResult<Vec<Column<'py>>> {
    if let Some(inner) = dtype.getattr_opt("inner")? {
        return Ok(vec![("item".to_owned(), inner)]);
    }
    let Some(fields) = dtype.getattr_opt("fields")? else { return Ok(Vec::new()) };
    let field =
        |field: Bound<'py, PyAny>| Ok((field.getattr("name")?.extract()?, field.getattr("dtype")?));
    fields.try_iter()?.map(|each| field(each?)).collect()
}

fn is(dtype: &Bound<'_, PyAny>, name: &str) -> PyResult<bool> {
    dtype.eq(dtype.py().import("polars")?.getattr(name)?)
}

/// Whether a type is this one, or has it within.
fn holds(dtype: &Bound<'_, PyAny>, name: &str) -> PyResult<bool> {
    if is(dtype, name)? {
        return Ok(true);
    }
    for (_, part) in parts(dtype)? {
        if holds(&part, name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The type with booleans for what is nothing.
fn as_boolean<'py>(dtype: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let polars = dtype.py().import("polars")?;
    if is(dtype, "Null")? {
        return polars.getattr("Boolean");
    }
    let parts = parts(dtype)?;
    let Some((_, first)) = parts.first() else { return Ok(dtype.clone()) };
    if is(dtype, "List")? {
        return polars.call_method1("List", (as_boolean(first)?,));
    }
    if is(dtype, "Array")? {
        return polars.call_method1("Array", (as_boolean(first)?, dtype.getattr("size")?));
    }
    let fields = PyList::empty(dtype.py());
    for (name, part) in &parts {
        fields.append(polars.call_method1("Field", (name, as_boolean(part)?))?)?;
    }
    polars.call_method1("Struct", (fields,))
}

/// The field with null for what `dtype` says is nothing.
fn as_null(field: &FieldRef, dtype: &Bound<'_, PyAny>) -> PyResult<FieldRef> {
    if is(dtype, "Null")? {
        return Ok(Arc::new(Field::new(field.name(), DataType::Null, true)));
    }
    let parts = parts(dtype)?;
    let within = within(field.data_type());
    let within = within.iter().zip(&parts).map(|(field, (_, part))| as_null(field, part));
    let mut within = within.collect::<PyResult<Vec<_>>>()?.into_iter();
    let first = within.next();
    let data_type = match (field.data_type(), first) {
        (DataType::List(_), Some(item)) => DataType::List(item),
        (DataType::LargeList(_), Some(item)) => DataType::LargeList(item),
        (DataType::FixedSizeList(_, size), Some(item)) => DataType::FixedSizeList(item, *size),
        (DataType::Struct(_), first) => DataType::Struct(first.into_iter().chain(within).collect()),
        _ => return Ok(Arc::clone(field)),
    };
    Ok(Arc::new(field.as_ref().clone().with_data_type(data_type)))
}

/// The fields of what lies within a type that polars exports.
fn within(data_type: &DataType) -> Vec<FieldRef> {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            vec![Arc::clone(item)]
        }
        DataType::Struct(fields) => fields.iter().cloned().collect(),
        _ => Vec::new(),
    }
}

/// The array as one of `data_type`, which differs from its own by what is nothing at most.
pub(super) fn hollow(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == data_type {
        return Ok(Arc::clone(array));
    }
    if *data_type == DataType::Null {
        return Ok(Arc::new(NullArray::new(array.len())));
    }
    let data = array.to_data();
    let children = data.child_data().iter().zip(within(data_type));
    let children = children
        .map(|(child, field)| Ok(hollow(&make_array(child.clone()), field.data_type())?.to_data()));
    let children = children.collect::<Result<Vec<_>, ArrowError>>()?;
    let data = data.into_builder().data_type(data_type.clone()).child_data(children).build()?;
    Ok(make_array(data))
}
