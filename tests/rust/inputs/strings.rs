//! String and binary arrays that violate Arrow's invariants, so that only unsafe code can build
//! them.
#![expect(unsafe_code, reason = "the arrays must violate Arrow's invariants")]

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, LargeBinaryArray,
    LargeStringArray, StringArray, StringViewArray,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::Field;
use arrow_schema::extension::Opaque;
use howdah::types::ColumnType;
use postgres_types::{Kind, Type};

use crate::{accepted, encoded, encoded_as, plain, refused, refused_at, strings, texts_of};

const BAD: [&[u8]; 4] = [b"fine", b"b\xffd", b"", b"\xed\xa0\x80"];

fn mood() -> ColumnType {
    let kind = Kind::Enum(vec!["fine".into(), String::new()]);
    plain(Type::new("mood".into(), 70_000, kind, "public".into()))
}

/// String arrays of every layout with bytes that are not UTF-8.
fn bad_strings() -> [ArrayRef; 3] {
    let small = BinaryArray::from_iter_values(BAD);
    let large = LargeBinaryArray::from_iter_values(BAD);
    let view = BinaryViewArray::from_iter_values(BAD);
    // SAFETY: the lengths are right. Invalid UTF-8 is what the test is about, and nothing here
    // reads the values as str.
    unsafe {
        [
            Arc::new(StringArray::new_unchecked(
                small.offsets().clone(),
                small.values().clone(),
                None,
            )),
            Arc::new(LargeStringArray::new_unchecked(
                large.offsets().clone(),
                large.values().clone(),
                None,
            )),
            Arc::new(StringViewArray::new_unchecked(
                view.views().clone(),
                view.data_buffers().to_vec(),
                None,
            )),
        ]
    }
}

#[test]
fn test_text_of_invalid_utf8_is_sent_unchanged() {
    let expected: Vec<_> = BAD.iter().map(|bytes| Some(bytes.to_vec())).collect();
    for array in bad_strings() {
        for ty in [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::JSON] {
            assert_eq!(accepted(ty.clone(), Arc::clone(&array)), expected, "{ty}");
        }
    }
}

#[test]
fn test_parsed_text_of_invalid_utf8_is_an_error_at_its_row() {
    for array in bad_strings() {
        assert_eq!(refused_at(Type::UUID, Arc::clone(&array)), 0);
        assert_eq!(refused(&mood(), Arc::clone(&array)).0, 1);
        let field = Field::new("value", array.data_type().clone(), true)
            .with_extension_type(Opaque::new("numeric", "PostgreSQL"));
        let error = encoded_as(&plain(Type::NUMERIC), field, array.slice(1, 1)).unwrap_err();
        assert!(error.to_string().contains("row 0"), "{error}");
    }
}

/// A view whose buffer and offset are out of range.
const OUT_OF_RANGE_VIEW: u128 = 0x7fff_ffff_7fff_ffff_6162_6364_7fff_fff0;

#[test]
fn test_views_out_of_range_of_null_rows_are_null() {
    let long = "longer than the twelve bytes of a view";
    let good = StringViewArray::from_iter_values(["short", long, ""]);
    let views: Vec<u128> =
        [good.views()[0], OUT_OF_RANGE_VIEW, good.views()[1], OUT_OF_RANGE_VIEW, good.views()[2]]
            .to_vec();
    let nulls = NullBuffer::from(vec![true, false, true, false, true]);
    let buffers: Vec<Buffer> = good.data_buffers().to_vec();
    // SAFETY: only views of NULL rows are out of range, and only the encoder reads them.
    let (text, bytes) = unsafe {
        (
            StringViewArray::new_unchecked(
                ScalarBuffer::from(views.clone()),
                buffers.clone(),
                Some(nulls.clone()),
            ),
            BinaryViewArray::new_unchecked(ScalarBuffer::from(views), buffers, Some(nulls)),
        )
    };
    let expected = strings(&[Some("short"), None, Some(long), None, Some("")]);
    let text: ArrayRef = Arc::new(text);
    assert_eq!(texts_of(Type::TEXT, Arc::clone(&text)), expected);
    assert_eq!(texts_of(Type::TEXT, text.slice(1, 3)), expected[1..4]);
    assert_eq!(texts_of(Type::JSON, text.slice(2, 3)), expected[2..]);
    assert_eq!(texts_of(Type::BYTEA, Arc::new(bytes)), expected);
}

#[test]
fn test_views_out_of_range_of_valid_rows_never_panic() {
    // SAFETY: only the encoder reads the view.
    let array = unsafe {
        StringViewArray::new_unchecked(ScalarBuffer::from(vec![OUT_OF_RANGE_VIEW]), vec![], None)
    };
    let array: ArrayRef = Arc::new(array);
    for ty in [Type::TEXT, Type::UUID, Type::JSONB, Type::NAME] {
        let _ = encoded(&plain(ty), Arc::clone(&array));
    }
    let _ = encoded(&mood(), array);
}

#[test]
fn test_offsets_beyond_the_values_never_panic() {
    let offsets = ScalarBuffer::from(vec![0_i64, 3, i64::MAX / 2, i64::MAX - 1]);
    // SAFETY: the offsets are ascending. Offsets beyond the values are what the test is about.
    let array = unsafe {
        LargeStringArray::new_unchecked(
            OffsetBuffer::new_unchecked(offsets),
            Buffer::from(b"abc"),
            None,
        )
    };
    let array: ArrayRef = Arc::new(array);
    for ty in [Type::TEXT, Type::UUID, Type::JSONB] {
        let _ = encoded(&plain(ty), Arc::clone(&array));
    }
}

#[test]
fn test_offsets_beyond_2_gib_are_encoded() {
    // Zeroed memory that is never written uses no physical memory.
    let start = (1_usize << 31) + 5;
    let mut values = vec![0_u8; start + 8];
    values[start..start + 5].copy_from_slice(b"abcde");
    let offsets = [start, start + 3, start + 3, start + 5].map(|at| i64::try_from(at).unwrap());
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets.to_vec()));
    let array = LargeBinaryArray::new(offsets, Buffer::from_vec(values), None);
    let expected = strings(&[Some("abc"), Some(""), Some("de")]);
    assert_eq!(texts_of(Type::BYTEA, Arc::new(array)), expected);
}

#[test]
fn test_invalid_values_of_null_rows_are_null() {
    let nulls = || Some(NullBuffer::from(vec![false, true]));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0_i32, 3, 7]));
    let text: ArrayRef = Arc::new(StringArray::new(offsets, Buffer::from(b"a\0bfine"), nulls()));
    let expected = strings(&[None, Some("fine")]);
    assert_eq!(texts_of(Type::TEXT, Arc::clone(&text)), expected);
    let cells = crate::cells(&encoded(&mood(), text).unwrap());
    assert_eq!(cells, [None, Some(b"fine".to_vec())]);
    let values = Buffer::from([b"g".repeat(16), vec![7; 16]].concat());
    let uuid = FixedSizeBinaryArray::new(16, values, nulls());
    assert_eq!(accepted(Type::UUID, Arc::new(uuid)), [None, Some(vec![7; 16])]);
}

#[test]
fn test_text_with_a_nul_is_an_error_at_its_row() {
    let array: ArrayRef =
        Arc::new(StringArray::from(vec![Some("a"), None, Some("a\0b"), Some("\0")]));
    for ty in [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::JSON, Type::JSONB] {
        let (row, message) = refused(&plain(ty), Arc::clone(&array));
        assert_eq!(row, 2);
        assert!(message.contains("NUL"), "{message}");
        assert!(!message.contains('\0'), "{message}");
    }
}

#[test]
fn test_errors_after_the_first_block_have_the_row_of_the_batch() {
    let rows = (0..5000).map(|row| if row == 4321 { "a\0" } else { "a" });
    let array = StringArray::from_iter_values(rows);
    assert_eq!(refused_at(Type::TEXT, Arc::new(array)), 4321);
}
