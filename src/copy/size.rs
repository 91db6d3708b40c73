//! Estimates the bytes of an array's values, to split batches by bytes without encoding them.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

/// The approximate bytes of a batch's values, without parts of its buffers that only other rows
/// use.
#[must_use]
pub fn bytes_of_rows(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| bytes_of(column.as_ref())).fold(0, usize::saturating_add)
}

/// The approximate bytes of an array's values.
fn bytes_of(array: &dyn Array) -> usize {
    let between = |ends: Option<(i64, i64)>| {
        ends.map_or(0, |(first, last)| usize::try_from(last.saturating_sub(first)).unwrap_or(0))
    };
    let ends32 = |ends: &[i32]| Some((i64::from(*ends.first()?), i64::from(*ends.last()?)));
    let ends64 = |ends: &[i64]| Some((*ends.first()?, *ends.last()?));
    let views = |views: &[u128]| views.iter().map(|view| view_length(*view)).sum();
    match array.data_type() {
        DataType::Utf8 => between(ends32(array.as_string::<i32>().value_offsets())),
        DataType::LargeUtf8 => between(ends64(array.as_string::<i64>().value_offsets())),
        DataType::Utf8View => views(array.as_string_view().views()),
        DataType::Binary => between(ends32(array.as_binary::<i32>().value_offsets())),
        DataType::LargeBinary => between(ends64(array.as_binary::<i64>().value_offsets())),
        DataType::BinaryView => views(array.as_binary_view().views()),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let ends = ends32(list.value_offsets());
            bytes_of_range(
                list.values().as_ref(),
                ends.map_or(0, |(first, _)| first),
                between(ends),
            )
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let ends = ends64(list.value_offsets());
            bytes_of_range(
                list.values().as_ref(),
                ends.map_or(0, |(first, _)| first),
                between(ends),
            )
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let ends = ends32(map.value_offsets());
            bytes_of_range(map.entries(), ends.map_or(0, |(first, _)| first), between(ends))
        }
        DataType::FixedSizeList(..) => bytes_of(array.as_fixed_size_list().values().as_ref()),
        DataType::Struct(_) => {
            let columns = array.as_struct().columns();
            columns.iter().map(|column| bytes_of(column.as_ref())).fold(0, usize::saturating_add)
        }
        DataType::Dictionary(..) => bytes_of_dictionary(array),
        DataType::FixedSizeBinary(width) => {
            array.len().saturating_mul(usize::try_from(*width).unwrap_or(0))
        }
        other => array.len().saturating_mul(other.primitive_width().unwrap_or(1)),
    }
}

/// The approximate bytes of `count` values from `first` on.
fn bytes_of_range(values: &dyn Array, first: i64, count: usize) -> usize {
    let first = usize::try_from(first).unwrap_or(0).min(values.len());
    bytes_of(values.slice(first, count.min(values.len() - first)).as_ref())
}

/// The approximate bytes of a dictionary array: each row counts the bytes of its value, or the mean
/// of all values if they are not strings or binaries.
fn bytes_of_dictionary(array: &dyn Array) -> usize {
    let Some(dictionary) = array.as_any_dictionary_opt() else { return array.len() };
    let values = dictionary.values();
    if values.is_empty() {
        return 0;
    }
    let keys = dictionary.normalized_keys();
    let sum = |length: &dyn Fn(usize) -> usize| {
        keys.iter().map(|key| length(*key)).fold(0, usize::saturating_add)
    };
    let of32 = |ends: &[i32]| {
        sum(&|key| match ends.get(key..key + 2) {
            Some([start, end]) => usize::try_from(end.saturating_sub(*start)).unwrap_or(0),
            _ => 0,
        })
    };
    let of64 = |ends: &[i64]| {
        sum(&|key| match ends.get(key..key + 2) {
            Some([start, end]) => usize::try_from(end.saturating_sub(*start)).unwrap_or(0),
            _ => 0,
        })
    };
    let of_views = |views: &[u128]| sum(&|key| views.get(key).map_or(0, |view| view_length(*view)));
    match values.data_type() {
        DataType::Utf8 => of32(values.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => of64(values.as_string::<i64>().value_offsets()),
        DataType::Utf8View => of_views(values.as_string_view().views()),
        DataType::Binary => of32(values.as_binary::<i32>().value_offsets()),
        DataType::LargeBinary => of64(values.as_binary::<i64>().value_offsets()),
        DataType::BinaryView => of_views(values.as_binary_view().views()),
        _ => bytes_of(values.as_ref()).div_ceil(values.len()).saturating_mul(array.len()),
    }
}

/// The low 32 bits of a view are its length.
fn view_length(view: u128) -> usize {
    (view & u128::from(u32::MAX)) as usize
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{
        ArrayRef, DictionaryArray, Int64Array, ListArray, StringArray, StringViewArray,
    };

    use super::*;

    fn sizes(array: ArrayRef) -> Vec<usize> {
        let batch = RecordBatch::try_from_iter([("v", array)]).unwrap();
        let rows = batch.num_rows();
        (0..rows)
            .map(|row| bytes_of_rows(&batch.slice(row, 1)))
            .chain([bytes_of_rows(&batch)])
            .collect()
    }

    #[test]
    fn test_bytes_of_rows_of_slice_counts_only_its_values() {
        let long = "x".repeat(1000);
        let texts = ["a", &long, "", "bcd"];
        let expected = [1, 1000, 0, 3, 1004];
        assert_eq!(sizes(Arc::new(StringArray::from_iter_values(texts))), expected);
        assert_eq!(sizes(Arc::new(StringViewArray::from_iter_values(texts))), expected);
        let values = StringArray::from_iter_values(["a", &long]);
        let keys = arrow_array::Int32Array::from(vec![0, 1, 1]);
        let packed = DictionaryArray::<Int32Type>::new(keys, Arc::new(values));
        assert_eq!(sizes(Arc::new(packed)), [1, 1000, 1000, 2001]);
        let list = vec![Some(vec![Some(1)]), None, Some(vec![Some(1); 100])];
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>(list);
        assert_eq!(sizes(Arc::new(list)), [4, 0, 400, 404]);
        assert_eq!(sizes(Arc::new(Int64Array::from(vec![1, 2]))), [8, 8, 16]);
    }
}
