//! Lists of every layout: slices, views out of order, values that no list uses.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Int32Array, Int64Array, LargeListArray,
    LargeListViewArray, ListArray, ListViewArray, NullArray, StringArray, StringViewArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, FieldRef};
use howdah::wire::array::elements;
use postgres_types::Type;

use crate::{accepted, plain, refused};

/// One list of int2, or NULL.
type List = Option<Vec<Option<i16>>>;

fn item(array: &dyn Array) -> FieldRef {
    Arc::new(Field::new("item", array.data_type().clone(), true))
}

/// Encodes a list array as int2[], and decodes the lists.
fn lists(array: ArrayRef) -> Vec<List> {
    let cells = accepted(Type::INT2_ARRAY, array).into_iter();
    let list = |bytes: Vec<u8>| {
        let mut cells = Vec::new();
        elements(21, &bytes, &mut cells).unwrap();
        cells
            .into_iter()
            .map(|cell| cell.map(|cell| i16::from_be_bytes(cell.try_into().unwrap())))
            .collect()
    };
    cells.map(|cell| cell.map(list)).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "it is used beside NULL lists")]
fn of(values: &[i16]) -> List {
    Some(values.iter().copied().map(Some).collect())
}

const BAD: i64 = 1 << 40;

#[test]
fn test_slices_of_lists_of_every_layout_are_encoded() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5, 6]));
    let nulls = || Some(NullBuffer::from(vec![true, true, false]));
    let small = ListArray::new(
        item(&values),
        OffsetBuffer::from_lengths([2, 2, 2]),
        Arc::clone(&values),
        nulls(),
    );
    let large = LargeListArray::new(
        item(&values),
        OffsetBuffer::from_lengths([2, 2, 2]),
        Arc::clone(&values),
        nulls(),
    );
    let fixed = FixedSizeListArray::new(item(&values), 2, Arc::clone(&values), nulls());
    let view = ListViewArray::new(
        item(&values),
        ScalarBuffer::from(vec![0, 2, 4]),
        ScalarBuffer::from(vec![2, 2, 2]),
        Arc::clone(&values),
        nulls(),
    );
    let large_view = LargeListViewArray::new(
        item(&values),
        ScalarBuffer::from(vec![0, 2, 4]),
        ScalarBuffer::from(vec![2, 2, 2]),
        values,
        nulls(),
    );
    let expected = [of(&[1, 2]), of(&[3, 4]), None];
    let arrays: [ArrayRef; 5] =
        [Arc::new(small), Arc::new(large), Arc::new(fixed), Arc::new(view), Arc::new(large_view)];
    for array in arrays {
        let layout = array.data_type().clone();
        assert_eq!(lists(Arc::clone(&array)), expected, "{layout}");
        for start in 0..3 {
            for end in start..=3 {
                let slice = array.slice(start, end - start);
                assert_eq!(lists(slice), expected[start..end], "{layout} {start}..{end}");
            }
        }
    }
}

#[test]
fn test_overlapping_and_unordered_list_views_are_encoded() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(4)]));
    let array = ListViewArray::new(
        item(&values),
        ScalarBuffer::from(vec![2, 0, 1, 4, 0]),
        ScalarBuffer::from(vec![2, 3, 1, 0, 0]),
        values,
        None,
    );
    let expected =
        [Some(vec![None, Some(4)]), Some(vec![Some(1), Some(2), None]), of(&[2]), of(&[]), of(&[])];
    assert_eq!(lists(Arc::new(array)), expected);
}

#[test]
fn test_bad_values_outside_of_lists_are_ignored() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![1, BAD, 3, BAD]));
    let view = ListViewArray::new(
        item(&values),
        ScalarBuffer::from(vec![0, 2]),
        ScalarBuffer::from(vec![1, 1]),
        Arc::clone(&values),
        None,
    );
    assert_eq!(lists(Arc::new(view)), [of(&[1]), of(&[3])]);
    let sliced = ListArray::new(item(&values), OffsetBuffer::from_lengths([2, 1, 1]), values, None);
    assert_eq!(lists(Arc::new(sliced.slice(1, 1))), [of(&[3])]);
}

#[test]
fn test_bad_values_of_null_lists_are_ignored() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![1, BAD, 3]));
    let nulls = || Some(NullBuffer::from(vec![true, false, true]));
    let offsets = OffsetBuffer::from_lengths([1, 1, 1]);
    let list = ListArray::new(item(&values), offsets, Arc::clone(&values), nulls());
    assert_eq!(lists(Arc::new(list)), [of(&[1]), None, of(&[3])]);
    let fixed = FixedSizeListArray::new(item(&values), 1, values, nulls());
    assert_eq!(lists(Arc::new(fixed)), [of(&[1]), None, of(&[3])]);
}

#[test]
fn test_bad_element_is_an_error_with_row_and_index() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, 2, BAD, 4]));
    let list =
        ListArray::new(item(&values), OffsetBuffer::from_lengths([1, 0, 3, 1]), values, None);
    let (row, message) = refused(&plain(Type::INT2_ARRAY), Arc::new(list.slice(1, 3)));
    assert_eq!(row, 1);
    assert!(message.starts_with("element 2:"), "{message}");
}

#[test]
fn test_bad_element_after_bad_one_of_null_list_is_an_error() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![BAD, 1, BAD]));
    let nulls = Some(NullBuffer::from(vec![false, true, true]));
    let list = ListArray::new(item(&values), OffsetBuffer::from_lengths([1, 1, 1]), values, nulls);
    assert_eq!(refused(&plain(Type::INT2_ARRAY), Arc::new(list)).0, 2);
}

#[test]
fn test_lists_of_nulls_at_huge_offsets_are_encoded() {
    let values: ArrayRef = Arc::new(NullArray::new(1 << 40));
    let end = 1_i64 << 40;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![end - 3, end - 3, end - 1, end]));
    let list = LargeListArray::new(item(&values), offsets, values, None);
    let expected = [of(&[]), Some(vec![None, None]), Some(vec![None])];
    assert_eq!(lists(Arc::new(list)), expected);
}

#[test]
fn test_lists_of_dictionaries_and_views_are_encoded() {
    let words: ArrayRef = Arc::new(StringArray::from(vec!["a", "b\"c"]));
    let keys = Int32Array::from(vec![Some(1), None, Some(0)]);
    let packed: ArrayRef = Arc::new(arrow_array::DictionaryArray::new(keys, words));
    let views: ArrayRef = Arc::new(StringViewArray::from(vec![Some("b\"c"), None, Some("a")]));
    let flat: ArrayRef = Arc::new(StringArray::from(vec![Some("b\"c"), None, Some("a")]));
    let encode = |values: ArrayRef| {
        let list = ListArray::new(item(&values), OffsetBuffer::from_lengths([2, 1]), values, None);
        accepted(Type::TEXT_ARRAY, Arc::new(list))
    };
    let expected = encode(flat);
    assert_eq!(encode(packed), expected);
    assert_eq!(encode(views), expected);
}

#[test]
fn test_lists_of_lists_are_refused_by_the_plan() {
    let values: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let inner: ArrayRef =
        Arc::new(ListArray::new(item(&values), OffsetBuffer::from_lengths([1]), values, None));
    let outer = ListArray::new(item(&inner), OffsetBuffer::from_lengths([1]), inner, None);
    let error = crate::encoded(&plain(Type::INT4_ARRAY), Arc::new(outer)).unwrap_err();
    assert!(matches!(error, howdah::Error::Programming(_)), "{error}");
}

#[test]
fn test_fixed_lists_of_size_zero_are_empty() {
    let values: ArrayRef = Arc::new(Int32Array::from(Vec::<i32>::new()));
    let nulls = Some(NullBuffer::from(vec![true, false]));
    let field = Arc::new(Field::new("item", DataType::Int32, true));
    let list = FixedSizeListArray::try_new_with_length(field, 0, values, nulls, 2).unwrap();
    assert_eq!(lists(Arc::new(list)), [of(&[]), None]);
}
