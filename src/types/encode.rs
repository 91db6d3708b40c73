//! From Arrow arrays to cells: what the types share.

use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, PrimitiveArray};

use super::{Declared, PgType};
use crate::wire::cells::{Cells, Fixed};

/// A value that cannot be carried, by its place in the array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    /// The value's index in the array.
    pub index: usize,
    /// What was expected and what was found.
    pub message: String,
}

impl CellError {
    /// A value at `index` that cannot be carried.
    pub fn new(index: usize, message: impl Into<String>) -> Self {
        Self { index, message: message.into() }
    }

    /// The same error, `offset` places further on.
    #[must_use]
    pub fn shifted(mut self, offset: usize) -> Self {
        self.index += offset;
        self
    }

    /// An array that was not let in: the plan and the encoder disagree.
    #[must_use]
    pub fn unexpected(array: &dyn Array) -> Self {
        Self::new(0, format!("an array of {} was not planned for", array.data_type()))
    }
}

/// Which values of an array are there; `None` if all are.
#[must_use]
pub fn valid(array: &dyn Array) -> Option<Vec<bool>> {
    array.nulls().filter(|nulls| nulls.null_count() > 0).map(|nulls| nulls.iter().collect())
}

/// The array as one of primitive values.
///
/// # Errors
/// When it is of another type.
pub fn primitive<T: ArrowPrimitiveType>(
    array: &dyn Array,
) -> Result<&PrimitiveArray<T>, CellError> {
    array.as_primitive_opt::<T>().ok_or_else(|| CellError::unexpected(array))
}

/// Encodes primitive values, each of which has its bytes.
///
/// # Errors
/// When the array is of another type.
pub fn fixed<T: ArrowPrimitiveType, const N: usize>(
    array: &dyn Array,
    bytes: impl Fn(T::Native) -> [u8; N],
) -> Result<Cells<'static>, CellError>
where
    [u8; N]: Fixed,
{
    let cells = primitive::<T>(array)?.values().iter().map(|value| bytes(*value)).collect();
    Ok(Fixed::cells(cells, valid(array)))
}

/// Encodes primitive values, some of which may not be carried.
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
            // What lies below a NULL is anything.
            Err(_) if array.is_null(index) => [0; N],
            Err(message) => return Err(CellError::new(index, message)),
        });
    }
    Ok(Fixed::cells(cells, valid(array)))
}

/// Encodes each value that is there by appending its bytes.
///
/// # Errors
/// When `put` gives an error.
pub fn staged(
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
    Ok(Cells::staged(bytes, ends, valid(array)))
}

/// Encodes a dictionary: each of its values once.
pub(super) fn dictionary(
    pg_type: &dyn PgType,
    declared: &Declared,
    array: &dyn Array,
) -> Result<Cells<'static>, CellError> {
    let dictionary = array.as_any_dictionary_opt().ok_or_else(|| CellError::unexpected(array))?;
    let values = dictionary.values();
    if values.is_empty() {
        return Ok(Cells::null(array.len()));
    }
    // A slice of rows keeps the whole dictionary: a large one is not worth encoding for few rows.
    if values.len() > 2 * array.len() {
        return unpacked(pg_type, declared, array);
    }
    // A bad value that no row uses does no harm, and the first row that uses one is to be named.
    let Ok(cells) = super::encode(pg_type, declared, values.as_ref()) else {
        return unpacked(pg_type, declared, array);
    };
    let keys = dictionary.normalized_keys().into_iter().enumerate();
    Ok(cells.take(keys.map(|(index, key)| dictionary.keys().is_valid(index).then_some(key))))
}

/// Encodes runs of equal values.
pub(super) fn runs(
    pg_type: &dyn PgType,
    declared: &Declared,
    array: &dyn Array,
) -> Result<Cells<'static>, CellError> {
    unpacked(pg_type, declared, array)
}

/// Encodes an array after bringing every value to its row.
fn unpacked(
    pg_type: &dyn PgType,
    declared: &Declared,
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
