//! The encodings that all integer, string and binary arrays of Arrow share.

use arrow_array::cast::AsArray;
use arrow_array::types as arrow;
use arrow_array::{Array, GenericByteArray, GenericByteViewArray};
use arrow_data::ByteView;
use arrow_schema::DataType;

use super::encode::{CellError, try_fixed, validity};
use crate::wire::cells::{Cells, Fixed};

/// Whether the type is an integer of any width, signed or not.
#[must_use]
pub fn is_integer(data_type: &DataType) -> bool {
    data_type.is_integer()
}

/// Whether the type holds text.
#[must_use]
pub fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Encodes integers of any width; `bytes` gets each value as an `i128`.
pub fn integers<const N: usize>(
    array: &dyn Array,
    bytes: impl Fn(i128) -> Result<[u8; N], String>,
) -> Result<Cells<'static>, CellError>
where
    [u8; N]: Fixed,
{
    match array.data_type() {
        DataType::Int8 => try_fixed::<arrow::Int8Type, N>(array, |v| bytes(v.into())),
        DataType::Int16 => try_fixed::<arrow::Int16Type, N>(array, |v| bytes(v.into())),
        DataType::Int32 => try_fixed::<arrow::Int32Type, N>(array, |v| bytes(v.into())),
        DataType::Int64 => try_fixed::<arrow::Int64Type, N>(array, |v| bytes(v.into())),
        DataType::UInt8 => try_fixed::<arrow::UInt8Type, N>(array, |v| bytes(v.into())),
        DataType::UInt16 => try_fixed::<arrow::UInt16Type, N>(array, |v| bytes(v.into())),
        DataType::UInt32 => try_fixed::<arrow::UInt32Type, N>(array, |v| bytes(v.into())),
        DataType::UInt64 => try_fixed::<arrow::UInt64Type, N>(array, |v| bytes(v.into())),
        _ => Err(CellError::unexpected(array)),
    }
}

/// The bytes of each string or binary, empty for NULL. Strings are not assumed to be valid UTF-8.
pub fn slices(array: &dyn Array) -> Result<Vec<&[u8]>, CellError> {
    fn offsets<T: arrow::ByteArrayType>(array: &GenericByteArray<T>) -> Vec<&[u8]> {
        use arrow_buffer::ArrowNativeType;
        let (data, ends) = (array.value_data(), array.value_offsets());
        ends.windows(2)
            .map(|pair| match pair {
                [start, end] => data.get(start.as_usize()..end.as_usize()).unwrap_or_default(),
                _ => &[],
            })
            .collect()
    }
    // The slot of a NULL may contain any view, also one outside of the buffers.
    fn views<T: arrow::ByteViewType>(array: &GenericByteViewArray<T>) -> Vec<&[u8]> {
        let inline = array.views().inner().as_slice();
        let long = |view: u128| {
            let view = ByteView::from(view);
            let start = view.offset as usize;
            let buffer = array.data_buffers().get(view.buffer_index as usize)?;
            buffer.as_slice().get(start..start + view.length as usize)
        };
        let slice = |(index, view): (usize, &u128)| {
            // The low 32 bits of a view are its length.
            let length = (*view & u128::from(u32::MAX)) as usize;
            let start = index * 16 + 4;
            let slice = match length {
                0..=12 => inline.get(start..start + length),
                _ => long(*view),
            };
            slice.unwrap_or_default()
        };
        array.views().iter().enumerate().map(slice).collect()
    }
    Ok(match array.data_type() {
        DataType::Utf8 => offsets(array.as_string::<i32>()),
        DataType::LargeUtf8 => offsets(array.as_string::<i64>()),
        DataType::Utf8View => views(array.as_string_view()),
        DataType::Binary => offsets(array.as_binary::<i32>()),
        DataType::LargeBinary => offsets(array.as_binary::<i64>()),
        DataType::BinaryView => views(array.as_binary_view()),
        DataType::FixedSizeBinary(_) => {
            let array = array.as_fixed_size_binary();
            (0..array.len()).map(|index| array.value(index)).collect()
        }
        _ => return Err(CellError::unexpected(array)),
    })
}

/// The error message for text with a NUL character, which the server refuses.
pub const NUL_IN_TEXT: &str =
    "text holds the character NUL, which PostgreSQL cannot store; remove it, or use bytea";

/// Encodes strings unchanged, each after `prefix`. The server checks UTF-8 and reports the row. NUL
/// characters are refused here, as the server's message for them is hard to understand.
///
/// # Errors
/// When a string holds a NUL.
pub fn strings<'a>(array: &'a dyn Array, prefix: &'static [u8]) -> Result<Cells<'a>, CellError> {
    strings_from(array, slices(array)?, prefix)
}

/// [`strings`] for slices that the caller has already extracted.
pub(super) fn strings_from<'a>(
    array: &dyn Array,
    slices: Vec<&'a [u8]>,
    prefix: &'static [u8],
) -> Result<Cells<'a>, CellError> {
    let nul = |slice: &&[u8]| memchr::memchr(0, slice).is_some();
    if let Some(index) =
        (0..slices.len()).find(|i| array.is_valid(*i) && slices.get(*i).is_some_and(nul))
    {
        return Err(CellError::new(index, NUL_IN_TEXT));
    }
    Ok(Cells::slices(prefix, slices, validity(array)))
}
