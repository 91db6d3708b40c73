//! Dictionary and run-end encoded arrays: unused values, NULL keys and values, slices.
#![expect(unsafe_code, reason = "keys of NULL rows must be out of range")]

use std::sync::Arc;

use arrow_array::types::{Int8Type, Int16Type, Int32Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int8Array, Int16Array, Int32Array, Int64Array,
    PrimitiveArray, RunArray, StringArray, StringViewArray, UInt64Array,
};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use postgres_types::Type;

use crate::{accepted, int2, refused_at, strings, texts_of};

fn dictionary(keys: Int8Array, values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(DictionaryArray::new(keys, Arc::new(Int64Array::from(values))))
}

#[test]
fn test_dictionary_with_unused_bad_value_is_accepted() {
    let keys = Int8Array::from(vec![Some(0), None, Some(2), Some(0)]);
    let array = dictionary(keys, vec![Some(7), Some(1 << 40), None]);
    assert_eq!(accepted(Type::INT2, array), int2(&[Some(7), None, None, Some(7)]));
}

#[test]
fn test_dictionary_with_used_bad_value_is_an_error_at_its_first_row() {
    let values = vec![Some(7), Some(1 << 40), Some(1 << 41)];
    let used = |keys: Vec<i8>| dictionary(Int8Array::from(keys), values.clone());
    assert_eq!(refused_at(Type::INT2, used(vec![0, 0, 1, 1])), 2);
    assert_eq!(refused_at(Type::INT2, used(vec![0, 2])), 1);
    assert_eq!(refused_at(Type::INT2, used(vec![0, 2, 0, 1])), 1);
}

#[test]
fn test_dictionary_slices_and_keys_of_nulls_are_encoded() {
    let nulls = NullBuffer::from(vec![true, false, true, true, false]);
    let keys = ScalarBuffer::from(vec![1_i8, 99, 0, 1, -5]);
    let keys = PrimitiveArray::<Int8Type>::new(keys, Some(nulls));
    let values: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    // SAFETY: only keys of NULL rows are out of range.
    let array: ArrayRef = Arc::new(unsafe { DictionaryArray::new_unchecked(keys, values) });
    let expected = strings(&[Some("b"), None, Some("a"), Some("b"), None]);
    assert_eq!(texts_of(Type::TEXT, Arc::clone(&array)), expected);
    assert_eq!(texts_of(Type::TEXT, array.slice(1, 3)), expected[1..4]);
    assert_eq!(texts_of(Type::TEXT, array.slice(4, 1)), expected[4..]);
}

#[test]
fn test_dictionary_without_values_is_all_null() {
    let keys = Int8Array::from(vec![None, None]);
    assert_eq!(accepted(Type::INT2, dictionary(keys, vec![])), int2(&[None, None]));
}

#[test]
fn test_dictionary_of_dictionaries_and_of_views_is_accepted() {
    let values: ArrayRef = Arc::new(StringViewArray::from(vec![
        Some("a value that is longer than a view"),
        None,
        Some("b"),
    ]));
    let inner: ArrayRef =
        Arc::new(DictionaryArray::new(UInt64Array::from(vec![2_u64, 1, 0]), Arc::clone(&values)));
    let outer: DictionaryArray<Int8Type> =
        DictionaryArray::new(Int8Array::from(vec![0, 1, 2, 0]), inner);
    let expected =
        strings(&[Some("b"), None, Some("a value that is longer than a view"), Some("b")]);
    assert_eq!(texts_of(Type::TEXT, Arc::new(outer)), expected);
    let plain: DictionaryArray<UInt64Type> =
        DictionaryArray::new(UInt64Array::from(vec![2, 0]), values);
    let expected = strings(&[Some("b"), Some("a value that is longer than a view")]);
    assert_eq!(texts_of(Type::VARCHAR, Arc::new(plain)), expected);
}

#[test]
fn test_runs_of_every_width_and_their_slices_are_encoded() {
    let values = Int64Array::from(vec![Some(1), None, Some(3)]);
    let short: RunArray<Int16Type> =
        RunArray::try_new(&Int16Array::from(vec![2, 3, 5]), &values).unwrap();
    let middle: RunArray<Int32Type> =
        RunArray::try_new(&Int32Array::from(vec![2, 3, 5]), &values).unwrap();
    let long: RunArray<Int64Type> =
        RunArray::try_new(&Int64Array::from(vec![2, 3, 5]), &values).unwrap();
    let expected = int2(&[Some(1), Some(1), None, Some(3), Some(3)]);
    let arrays: [ArrayRef; 3] = [Arc::new(short), Arc::new(middle), Arc::new(long)];
    for array in arrays {
        assert_eq!(accepted(Type::INT2, Arc::clone(&array)), expected);
        assert_eq!(accepted(Type::INT2, array.slice(1, 3)), expected[1..4]);
        assert_eq!(accepted(Type::INT2, array.slice(4, 1)), expected[4..]);
        assert_eq!(accepted(Type::INT2, array.slice(0, 0)), expected[..0]);
    }
}

#[test]
fn test_runs_with_bad_value_are_an_error_at_its_first_row() {
    let values = Int64Array::from(vec![1, 1 << 40]);
    let runs: RunArray<Int32Type> =
        RunArray::try_new(&Int32Array::from(vec![2000, 3000]), &values).unwrap();
    let runs: ArrayRef = Arc::new(runs);
    assert_eq!(refused_at(Type::INT2, Arc::clone(&runs)), 2000);
    assert_eq!(refused_at(Type::INT2, runs.slice(1500, 1500)), 500);
    let good = runs.slice(0, 2000);
    assert_eq!(accepted(Type::INT2, good), vec![Some(vec![0, 1]); 2000]);
}

#[test]
fn test_runs_of_strings_are_encoded() {
    let values = StringArray::from(vec![Some("é"), Some(""), None]);
    let runs: RunArray<Int32Type> =
        RunArray::try_new(&Int32Array::from(vec![1, 3, 4]), &values).unwrap();
    let expected = strings(&[Some("é"), Some(""), Some(""), None]);
    assert_eq!(texts_of(Type::TEXT, Arc::new(runs)), expected);
}
