//! Encoders from Arrow arrays to cells, shared by the types' files.

use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, PrimitiveArray};

use super::{ColumnType, PgType};
use crate::wire::cells::{Cells, Fixed};

/// A value that cannot be encoded or decoded, with its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    /// The value's index in the array.
    pub index: usize,
    /// What was expected and what was found.
    pub message: String,
}

impl CellError {
    /// The error of the value at `index`.
    pub fn new(index: usize, message: impl Into<String>) -> Self {
        Self { index, message: message.into() }
    }

    /// The same error with `offset` added to its index.
    #[must_use]
    pub fn shifted(mut self, offset: usize) -> Self {
        self.index += offset;
        self
    }

    /// The internal error of an array whose type the plan did not accept.
    #[must_use]
    pub fn unexpected(array: &dyn Array) -> Self {
        Self::new(0, format!("expected an array of an accepted type, got {}", array.data_type()))
    }
}

/// The validity of each value; `None` if no value is NULL.
#[must_use]
pub fn validity(array: &dyn Array) -> Option<Vec<bool>> {
    array.nulls().filter(|nulls| nulls.null_count() > 0).map(|nulls| nulls.iter().collect())
}

/// Downcasts an array to one of primitive values.
pub fn primitive<T: ArrowPrimitiveType>(
    array: &dyn Array,
) -> Result<&PrimitiveArray<T>, CellError> {
    array.as_primitive_opt::<T>().ok_or_else(|| CellError::unexpected(array))
}

/// Encodes primitive values as cells of `N` bytes.
pub fn fixed<T: ArrowPrimitiveType, const N: usize>(
    array: &dyn Array,
    bytes: impl Fn(T::Native) -> [u8; N],
) -> Result<Cells<'static>, CellError>
where
    [u8; N]: Fixed,
{
    let cells = primitive::<T>(array)?.values().iter().map(|value| bytes(*value)).collect();
    Ok(Fixed::cells(cells, validity(array)))
}

/// Encodes primitive values as cells of `N` bytes, where `bytes` may refuse a value.
///
/// # Errors
/// When `bytes` gives an error for a value that is not NULL.
pub fn try_fixed<T: ArrowPrimitiveType, const N: usize>(
    array: &dyn Array,
    bytes: impl Fn(T::Native) -> Result<[u8; N], String>,
) -> Result<Cells<'static>, CellError>
where
    [u8; N]: Fixed,
{
    let array = primitive::<T>(array)?;
    let mut cells = Vec::with_capacity(array.len());
    for (index, value) in array.values().iter().enumerate() {
        cells.push(match bytes(*value) {
            Ok(cell) => cell,
            // The slot of a NULL may contain any value.
            Err(_) if array.is_null(index) => [0; N],
            Err(message) => return Err(CellError::new(index, message)),
        });
    }
    Ok(Fixed::cells(cells, validity(array)))
}

/// Encodes values as cells of varying length; `put` appends the bytes of a value that is not NULL.
pub fn variable(
    array: &dyn Array,
    mut put: impl FnMut(usize, &mut Vec<u8>) -> Result<(), String>,
) -> Result<Cells<'static>, CellError> {
    let mut bytes = Vec::with_capacity(array.len() * 12);
    let mut ends = Vec::with_capacity(array.len());
    for index in 0..array.len() {
        if array.is_valid(index) {
            put(index, &mut bytes).map_err(|message| CellError::new(index, message))?;
        }
        ends.push(bytes.len());
    }
    Ok(Cells::variable(bytes, ends, validity(array)))
}

/// Encodes a dictionary array: each dictionary value once.
pub(super) fn dictionary(
    pg_type: &dyn PgType,
    declared: &ColumnType,
    array: &dyn Array,
) -> Result<Cells<'static>, CellError> {
    let dictionary = array.as_any_dictionary_opt().ok_or_else(|| CellError::unexpected(array))?;
    let values = dictionary.values();
    if values.is_empty() {
        return Ok(Cells::null(array.len()));
    }
    // A slice of rows still has the whole dictionary: for few rows, encoding a large one costs more
    // than unpacking.
    if values.len() > 2 * array.len() {
        return unpacked(pg_type, declared, array);
    }
    // A bad dictionary value that no row uses is no error; otherwise the error must name the first
    // row that uses one.
    let Ok(cells) = super::encode(pg_type, declared, values.as_ref()) else {
        return unpacked(pg_type, declared, array);
    };
    let keys = dictionary.normalized_keys().into_iter().enumerate();
    Ok(cells.take(keys.map(|(index, key)| dictionary.keys().is_valid(index).then_some(key))))
}

/// Encodes a run-end encoded array.
pub(super) fn runs(
    pg_type: &dyn PgType,
    declared: &ColumnType,
    array: &dyn Array,
) -> Result<Cells<'static>, CellError> {
    unpacked(pg_type, declared, array)
}

/// Encodes a dictionary or run-end encoded array after expanding it to one value per row.
fn unpacked(
    pg_type: &dyn PgType,
    declared: &ColumnType,
    array: &dyn Array,
) -> Result<Cells<'static>, CellError> {
    let flat = match array.data_type() {
        arrow_schema::DataType::Dictionary(_, values) => values.as_ref().clone(),
        arrow_schema::DataType::RunEndEncoded(_, values) => values.data_type().clone(),
        _ => return Err(CellError::unexpected(array)),
    };
    let flat =
        arrow_cast::cast(array, &flat).map_err(|error| CellError::new(0, error.to_string()))?;
    let cells = super::encode(pg_type, declared, flat.as_ref())?;
    Ok(cells.take((0..array.len()).map(Some)))
}
