//! Structs, maps and lists of Arrow as JSON, for `json` and `jsonb` columns.
//!
//! Numbers keep their digits. A float that is not finite has no JSON, and neither have binaries,
//! dates and the like: they are refused, since there are several ways to write them.

use std::collections::HashSet;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_cast::display::array_value_to_string;
use arrow_schema::{DataType, Field};

use super::array::item;
use super::encode::variable;
use super::input::{is_text, slices};
use super::{CellError, extension};
use crate::wire::cells::Cells;
use crate::wire::float_text::{float4_text, float8_text};

/// Whether a column is a struct, map or list of values that have JSON.
pub(super) fn is_container(source: &Field) -> bool {
    match source.data_type() {
        DataType::Struct(fields) => {
            let names: HashSet<_> = fields.iter().map(|field| field.name()).collect();
            extension(source).is_empty()
                && names.len() == fields.len()
                && fields.iter().all(|field| is_value(field))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => match fields.as_ref() {
                [key, value] => is_text(key.data_type()) && is_value(value),
                _ => false,
            },
            _ => false,
        },
        list => item(list).is_some_and(|item| is_value(item)),
    }
}

fn is_value(source: &Field) -> bool {
    match source.data_type() {
        DataType::Null | DataType::Boolean => true,
        DataType::Dictionary(_, values) => {
            is_value(&source.clone().with_data_type(values.as_ref().clone()))
        }
        ty if is_text(ty) => matches!(extension(source), "" | "arrow.json"),
        ty if ty.is_integer() || ty.is_floating() || ty.is_decimal() => {
            extension(source).is_empty()
        }
        _ => is_container(source),
    }
}

/// Encodes containers as JSON, each after `prefix`.
///
/// # Errors
/// When a value has no JSON.
pub(super) fn encode(array: &dyn Array, prefix: &[u8]) -> Result<Cells<'static>, CellError> {
    let source = &Field::new("", array.data_type().clone(), true);
    variable(array, |index, out| {
        out.extend_from_slice(prefix);
        put(source, array, index, out)
    })
}

fn put(field: &Field, array: &dyn Array, index: usize, out: &mut Vec<u8>) -> Result<(), String> {
    if array.is_null(index) || *array.data_type() == DataType::Null {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    let unexpected = || CellError::unexpected(array).message;
    match array.data_type() {
        DataType::Struct(fields) => {
            let structs = array.as_struct();
            let members = fields.iter().zip(structs.columns());
            put_all(*b"{}", members, out, |(field, column), out| {
                put_string(field.name().as_bytes(), out)?;
                out.push(b':');
                put(field, column.as_ref(), index, out)
            })
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else { return Err(unexpected()) };
            let value_field = fields.get(1).ok_or_else(unexpected)?;
            let entries = array.as_map().value(index);
            let [keys, values] = entries.columns() else { return Err(unexpected()) };
            let texts = slices(keys.as_ref()).map_err(|error| error.message)?;
            let mut seen = HashSet::new();
            put_all(*b"{}", texts.iter().enumerate(), out, |(entry, key), out| {
                if keys.is_null(entry) || !seen.insert(*key) {
                    let key = String::from_utf8_lossy(key);
                    return Err(format!("a map with the key {key:?} twice, or a NULL key"));
                }
                put_string(key, out)?;
                out.push(b':');
                put(value_field, values.as_ref(), entry, out)
            })
        }
        DataType::Dictionary(_, values) => {
            let one = arrow_cast::cast(&array.slice(index, 1), values);
            let one = one.map_err(|error| error.to_string())?;
            put(&field.clone().with_data_type(values.as_ref().clone()), one.as_ref(), 0, out)
        }
        ty if is_text(ty) => {
            let one = array.slice(index, 1);
            let texts = slices(one.as_ref()).map_err(|error| error.message)?;
            let text = texts.first().copied().unwrap_or_default();
            if extension(field) == "arrow.json" {
                out.extend_from_slice(text);
                return Ok(());
            }
            put_string(text, out)
        }
        DataType::Float16 | DataType::Float32 => {
            let value = match array.data_type() {
                DataType::Float16 => array.as_primitive::<Float16Type>().value(index).to_f32(),
                _ => array.as_primitive::<Float32Type>().value(index),
            };
            put_float(value.into(), out, |out| float4_text(value, out))
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(index);
            put_float(value, out, |out| float8_text(value, out))
        }
        list if let Some(item) = item(list) => {
            let values = list_at(array, index).ok_or_else(unexpected)?;
            put_all(*b"[]", 0..values.len(), out, |at, out| put(item, values.as_ref(), at, out))
        }
        _ => {
            let text = array_value_to_string(array, index).map_err(|error| error.to_string())?;
            out.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
}

/// The values of one list.
fn list_at(array: &dyn Array, index: usize) -> Option<ArrayRef> {
    Some(match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().value(index),
        DataType::LargeList(_) => array.as_list::<i64>().value(index),
        DataType::ListView(_) => array.as_list_view::<i32>().value(index),
        DataType::LargeListView(_) => array.as_list_view::<i64>().value(index),
        DataType::FixedSizeList(..) => array.as_fixed_size_list().value(index),
        _ => return None,
    })
}

/// Appends the members between brackets.
fn put_all<T>(
    [open, close]: [u8; 2],
    members: impl Iterator<Item = T>,
    out: &mut Vec<u8>,
    mut put: impl FnMut(T, &mut Vec<u8>) -> Result<(), String>,
) -> Result<(), String> {
    out.push(open);
    for (index, member) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put(member, out)?;
    }
    out.push(close);
    Ok(())
}

fn put_string(text: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let text = std::str::from_utf8(text).map_err(|_| "text that is not UTF-8".to_owned())?;
    serde_json::to_writer(out, text).map_err(|error| error.to_string())
}

fn put_float(value: f64, out: &mut Vec<u8>, text: impl FnOnce(&mut String)) -> Result<(), String> {
    if !value.is_finite() {
        return Err(format!("{value}, which JSON does not have; make it null"));
    }
    let mut shortest = String::new();
    text(&mut shortest);
    out.extend_from_slice(shortest.as_bytes());
    Ok(())
}
