//! Casts columns to a requested Arrow type, and fails if a value would change.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Decimal256Type, Float32Type, Float64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, FixedSizeListArray, ListArray, PrimitiveArray, StructArray,
};
use arrow_buffer::i256;
use arrow_cast::display::array_value_to_string;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields};

use crate::types::CellError;
use crate::types::input::is_text;
use crate::types::numeric::is_same_number;
use crate::wire::numeric::{NotScaled, Numeric, parse, power_of_ten, put_text, scaled};

/// Casts an array; fails at the first value that the requested type cannot hold exactly.
pub(super) fn cast_exact(array: &ArrayRef, requested: &DataType) -> Result<ArrayRef, CellError> {
    let source = array.data_type();
    match (source, requested) {
        _ if source == requested => Ok(ArrayRef::clone(array)),
        (DataType::Dictionary(_, values), _) => {
            let plain = cast(array, values).map_err(failed)?;
            cast_exact(&plain, requested)
        }
        (_, DataType::Dictionary(_, values)) => {
            cast_and_verify(&cast_exact(array, values)?, requested)
        }
        (DataType::List(_) | DataType::FixedSizeList(..), _)
            if let Some(item) = item(requested) =>
        {
            cast_and_verify(&with_items(array, item)?, requested)
        }
        (DataType::Struct(_), DataType::Struct(fields)) => with_fields(array, fields),
        _ if source.is_nested() || requested.is_nested() || changes_zone(source, requested) => Err(
            CellError::new(0, format!("{source} cannot be read as {requested}; cast it in SQL")),
        ),
        (DataType::Float32 | DataType::Float64, _) if requested.is_decimal() => {
            decimals(array, requested)
        }
        (_, DataType::Float32) if source.is_decimal() => floats::<Float32Type>(array),
        (_, DataType::Float64) if source.is_decimal() => floats::<Float64Type>(array),
        _ if is_text(source) && requested.is_decimal() => decimals(array, requested),
        _ => cast_and_verify(array, requested),
    }
}

fn cast(array: &ArrayRef, requested: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(array, requested, &CastOptions { safe: true, ..CastOptions::default() })
}

fn failed(error: impl Into<ArrowError>) -> CellError {
    CellError::new(0, error.into().to_string())
}

fn inexact(index: usize, requested: &DataType) -> CellError {
    CellError::new(
        index,
        format!("a value that {requested} cannot hold exactly; request a wider type"),
    )
}

/// Casts an array, and casts the result back to compare it with the original.
fn cast_and_verify(array: &ArrayRef, requested: &DataType) -> Result<ArrayRef, CellError> {
    if array.data_type() == requested {
        return Ok(ArrayRef::clone(array));
    }
    let cast_there = cast(array, requested).map_err(failed)?;
    let back = cast(&cast_there, array.data_type()).map_err(failed)?;
    let same = |index: usize| back.slice(index, 1).to_data() == array.slice(index, 1).to_data();
    if back.to_data() == array.to_data() {
        return Ok(cast_there);
    }
    match (0..array.len()).find(|index| !same(*index)) {
        None => Ok(cast_there),
        Some(index) => Err(inexact(index, requested)),
    }
}

/// Whether a cast would add or remove a time zone.
fn changes_zone(given: &DataType, requested: &DataType) -> bool {
    let zoned = |data_type: &DataType| match data_type {
        DataType::Timestamp(_, zone) => Some(zone.is_some()),
        DataType::Date32 | DataType::Date64 => Some(false),
        _ => None,
    };
    matches!((zoned(given), zoned(requested)), (Some(given), Some(requested)) if given != requested)
}

fn item(list: &DataType) -> Option<&FieldRef> {
    match list {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => Some(item),
        _ => None,
    }
}

/// Casts the items of a list array.
fn with_items(array: &ArrayRef, item: &FieldRef) -> Result<ArrayRef, CellError> {
    if let Some(list) = array.as_fixed_size_list_opt() {
        let length = list.value_length();
        let row = |index: usize| index / usize::try_from(length).unwrap_or(1).max(1);
        let items = items(list.values(), item, row)?;
        let list = FixedSizeListArray::try_new(
            FieldRef::clone(item),
            length,
            items,
            list.nulls().cloned(),
        );
        return Ok(Arc::new(list.map_err(failed)?));
    }
    let list = array.as_list_opt::<i32>().ok_or_else(|| CellError::unexpected(array.as_ref()))?;
    let offsets = list.offsets();
    let list_of = |index: usize| {
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        offsets.partition_point(|start| *start <= index).saturating_sub(1)
    };
    let items = items(list.values(), item, list_of)?;
    let list =
        ListArray::try_new(FieldRef::clone(item), offsets.clone(), items, list.nulls().cloned());
    Ok(Arc::new(list.map_err(failed)?))
}

fn items(
    values: &ArrayRef,
    item: &Field,
    row: impl Fn(usize) -> usize,
) -> Result<ArrayRef, CellError> {
    cast_exact(values, item.data_type())
        .map_err(|error| CellError::new(row(error.index), error.message))
}

/// Casts the fields of a struct array.
fn with_fields(array: &ArrayRef, fields: &Fields) -> Result<ArrayRef, CellError> {
    let given = array.as_struct_opt().ok_or_else(|| CellError::unexpected(array.as_ref()))?;
    let names = given.fields().iter().map(|field| field.name());
    if !names.eq(fields.iter().map(|field| field.name())) {
        let (given, requested) = (array.data_type(), DataType::Struct(fields.clone()));
        return Err(CellError::new(
            0,
            format!("{given} cannot be read as {requested}; cast it in SQL"),
        ));
    }
    let columns = given.columns().iter().zip(fields);
    let columns = columns.map(|(column, field)| cast_exact(column, field.data_type()));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let structs = StructArray::try_new(fields.clone(), columns, given.nulls().cloned());
    Ok(Arc::new(structs.map_err(failed)?))
}

/// A number as text; a float in its shortest representation.
fn digits(array: &ArrayRef, index: usize) -> Result<String, CellError> {
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        return Ok(floats.value(index).to_string());
    }
    if let Some(floats) = array.as_primitive_opt::<Float32Type>() {
        return Ok(floats.value(index).to_string());
    }
    array_value_to_string(array, index).map_err(failed)
}

/// Converts floats or text to decimals by their digits: multiplying a float by a power of ten would
/// round it.
fn decimals(array: &ArrayRef, requested: &DataType) -> Result<ArrayRef, CellError> {
    let (precision, scale) = match requested {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => (*precision, *scale),
        _ => return Err(CellError::unexpected(array.as_ref())),
    };
    let valid = |index: &usize| array.is_valid(*index);
    let decimals: ArrayRef = if precision > 38 {
        let read = |index: usize| {
            let exact = parse_decimal256(&digits(array, index)?, precision, scale);
            exact.ok_or_else(|| inexact(index, requested))
        };
        let values = (0..array.len()).map(|index| valid(&index).then(|| read(index)).transpose());
        let values: PrimitiveArray<Decimal256Type> = values.collect::<Result<Vec<_>, _>>()?.into();
        Arc::new(values.with_precision_and_scale(precision, scale).map_err(failed)?)
    } else {
        let limit = power_of_ten(u32::from(precision)).unwrap_or(u128::MAX);
        let read = |index: usize| {
            let exact = scaled(&digits(array, index)?, i32::from(scale));
            let exact = exact.and_then(|value| {
                let fits = value.unsigned_abs() < limit;
                if fits { Ok(value) } else { Err(NotScaled::TooLarge) }
            });
            exact.map_err(|_| inexact(index, requested))
        };
        let values = (0..array.len()).map(|index| valid(&index).then(|| read(index)).transpose());
        let values: PrimitiveArray<Decimal128Type> = values.collect::<Result<Vec<_>, _>>()?.into();
        Arc::new(values.with_precision_and_scale(precision, scale).map_err(failed)?)
    };
    // To the narrower decimal types.
    cast_and_verify(&decimals, requested)
}

/// Parses a number and returns it times `10 ^ scale`, if it has at most `precision` digits.
fn parse_decimal256(text: &str, precision: u8, scale: i8) -> Option<i256> {
    let mut bytes = Vec::new();
    put_text(text, &mut bytes).ok()?;
    let Ok(Numeric::Finite(number)) = parse(&bytes) else { return None };
    let unscaled = number.unscaled_text(i32::from(scale))?;
    let count = unscaled.trim_start_matches(['-', '0']).len();
    (count <= usize::from(precision)).then(|| i256::from_string(&unscaled)).flatten()
}

/// Converts decimals to floats: each must equal its float's shortest representation.
fn floats<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<ArrayRef, CellError>
where
    T::Native: std::str::FromStr + std::fmt::Display,
{
    let read = |index: usize| {
        let text = digits(array, index)?;
        let float = text.parse::<T::Native>().ok();
        float
            .filter(|float| is_same_number(&float.to_string(), &text))
            .ok_or_else(|| inexact(index, &T::DATA_TYPE))
    };
    let values =
        (0..array.len()).map(|index| array.is_valid(index).then(|| read(index)).transpose());
    let values = values.collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(PrimitiveArray::<T>::from_iter(values)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float64Array, Int64Array};
    use std::sync::Arc;

    #[test]
    fn test_cast_exact_of_value_that_would_change_names_its_row() {
        let array: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(300)]));
        assert_eq!(cast_exact(&array, &DataType::Int8).unwrap_err().index, 2);
        assert_eq!(cast_exact(&array, &DataType::Int16).unwrap().null_count(), 1);
        let array: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.5]));
        assert_eq!(cast_exact(&array, &DataType::Int32).unwrap_err().index, 1);
    }
}
