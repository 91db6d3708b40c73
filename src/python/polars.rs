//! Imports frames and series of polars. Refuses types and names that polars exports wrongly, and re-types Null columns.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::arrow_streams::{CStreamReader, child_fields};
use super::gil::from_py_err;
use super::names;
use crate::error::{Error, Result};

/// Imports a frame, or a series of structs.
pub(super) fn import(data: &Bound<'_, PyAny>, is_frame: bool) -> Result<CStreamReader> {
    if !is_frame {
        let dtype = data.getattr("dtype").map_err(from_py_err)?;
        let name = data.getattr("name").and_then(|name| name.extract()).map_err(from_py_err)?;
        check_columns(&[(name, dtype)])?;
        return CStreamReader::import(data);
    }
    let columns = columns(data).map_err(from_py_err)?;
    check_columns(&columns)?;
    import_null_columns(data, &columns)
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

/// Refuses the type Object, which polars exports as addresses, and names with NUL, at which polars panics.
fn check_columns(columns: &[Column<'_>]) -> Result<()> {
    let mut problems = Vec::new();
    for (name, dtype) in columns {
        names::refuse_nul(name, None)?;
        check_nested_names(dtype, name)?;
        if contains(dtype, "Object").map_err(from_py_err)? {
            problems.push(format!(
                "column \"{name}\": no PostgreSQL type for polars' Object; cast it first, or load \
                 frame.iter_rows(named=True)"
            ));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Programming(problems.join("; "))) }
}

/// Refuses NUL in the names of a column's nested fields.
fn check_nested_names(dtype: &Bound<'_, PyAny>, column: &str) -> Result<()> {
    for (name, child_type) in child_types(dtype).map_err(from_py_err)? {
        names::refuse_nul(&name, Some(column))?;
        check_nested_names(&child_type, column)?;
    }
    Ok(())
}

/// Imports a frame whose columns of type Null, or with Null nested in them, are exported as Boolean and
/// then typed as Null again: polars exports Null with a buffer that Arrow's null arrays do not have.
fn import_null_columns(frame: &Bound<'_, PyAny>, columns: &[Column<'_>]) -> Result<CStreamReader> {
    let mut cast = Vec::new();
    for (name, dtype) in columns {
        if contains(dtype, "Null").map_err(from_py_err)? {
            let series = || {
                let series = frame.call_method1("get_column", (name,))?;
                series.call_method1("cast", (null_as_boolean(dtype)?,))
            };
            cast.push(series().map_err(from_py_err)?);
        }
    }
    if cast.is_empty() {
        return CStreamReader::import(frame);
    }
    let stream =
        CStreamReader::import(&frame.call_method1("with_columns", (cast,)).map_err(from_py_err)?)?;
    let exported = stream.schema();
    let fields = exported.fields().iter().zip(columns);
    let fields = fields.map(|(field, (_, dtype))| boolean_as_null(field, dtype));
    let fields = fields.collect::<PyResult<Fields>>().map_err(from_py_err)?;
    Ok(stream.with_schema(Arc::new(Schema::new_with_metadata(fields, exported.metadata().clone()))))
}

/// The element type of a list or an array, or the field types of a struct.
fn child_types<'py>(dtype: &Bound<'py, PyAny>) -> PyResult<Vec<Column<'py>>> {
    if let Some(inner) = dtype.getattr_opt("inner")? {
        return Ok(vec![("item".to_owned(), inner)]);
    }
    let Some(fields) = dtype.getattr_opt("fields")? else { return Ok(Vec::new()) };
    let field =
        |field: Bound<'py, PyAny>| Ok((field.getattr("name")?.extract()?, field.getattr("dtype")?));
    fields.try_iter()?.map(|item| field(item?)).collect()
}

fn is_type(dtype: &Bound<'_, PyAny>, name: &str) -> PyResult<bool> {
    dtype.eq(dtype.py().import("polars")?.getattr(name)?)
}

/// Whether a type is the named one, or contains it.
fn contains(dtype: &Bound<'_, PyAny>, name: &str) -> PyResult<bool> {
    if is_type(dtype, name)? {
        return Ok(true);
    }
    for (_, child_type) in child_types(dtype)? {
        if contains(&child_type, name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The type with Boolean in place of Null.
fn null_as_boolean<'py>(dtype: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let polars = dtype.py().import("polars")?;
    if is_type(dtype, "Null")? {
        return polars.getattr("Boolean");
    }
    let child_types = child_types(dtype)?;
    let Some((_, first)) = child_types.first() else { return Ok(dtype.clone()) };
    if is_type(dtype, "List")? {
        return polars.call_method1("List", (null_as_boolean(first)?,));
    }
    if is_type(dtype, "Array")? {
        return polars.call_method1("Array", (null_as_boolean(first)?, dtype.getattr("size")?));
    }
    let fields = PyList::empty(dtype.py());
    for (name, child_type) in &child_types {
        fields.append(polars.call_method1("Field", (name, null_as_boolean(child_type)?))?)?;
    }
    polars.call_method1("Struct", (fields,))
}

/// The field with Arrow's Null where `dtype` has Null.
fn boolean_as_null(field: &FieldRef, dtype: &Bound<'_, PyAny>) -> PyResult<FieldRef> {
    if is_type(dtype, "Null")? {
        return Ok(Arc::new(Field::new(field.name(), DataType::Null, true)));
    }
    let child_types = child_types(dtype)?;
    let children = child_fields(field.data_type());
    let children = children
        .iter()
        .zip(&child_types)
        .map(|(field, (_, child_type))| boolean_as_null(field, child_type));
    let mut children = children.collect::<PyResult<Vec<_>>>()?.into_iter();
    let first = children.next();
    let data_type = match (field.data_type(), first) {
        (DataType::List(_), Some(item)) => DataType::List(item),
        (DataType::LargeList(_), Some(item)) => DataType::LargeList(item),
        (DataType::FixedSizeList(_, size), Some(item)) => DataType::FixedSizeList(item, *size),
        (DataType::Struct(_), first) => {
            DataType::Struct(first.into_iter().chain(children).collect())
        }
        _ => return Ok(Arc::clone(field)),
    };
    Ok(Arc::new(field.as_ref().clone().with_data_type(data_type)))
}
