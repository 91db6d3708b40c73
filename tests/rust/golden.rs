//! Decodes bytes that PostgreSQL itself encoded, compares the values with the server's text, and
//! encodes them again.
//!
//! The files are in `tests/golden/`; `remake.py` there creates them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may panic; clippy.toml allows it only in test functions"
)]

#[path = "golden/cases.rs"]
mod cases;
#[path = "golden/files.rs"]
mod files;
#[path = "golden/server_text.rs"]
mod server_text;
#[path = "golden/streams.rs"]
mod streams;

mod columns;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use howdah::Error;
use howdah::types::{ColumnType, OutOfRange};

use cases::{Case, cases};
use columns::{Cell, decoded, encoded};
use files::Golden;

/// Encodes tuples of one cell each.
fn tuples_of(cells: &[Cell<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for cell in cells {
        out.extend(1_i16.to_be_bytes());
        let length = cell.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap());
        out.extend(length.to_be_bytes());
        out.extend(cell.unwrap_or_default());
    }
    out
}

/// Runs a check on every file, and reports all files that fail.
fn for_each_file(check: impl Fn(&Case, &Golden, &ColumnType)) {
    let mut failed = Vec::new();
    for case in &cases() {
        for (name, is_array) in case.files() {
            let golden = Golden::read(&name);
            let declared = golden.declared(case, is_array);
            let checked = catch_unwind(AssertUnwindSafe(|| check(case, &golden, &declared)));
            if checked.is_err() {
                failed.push(name);
            }
        }
    }
    assert!(failed.is_empty(), "failed: {}", failed.join(", "));
}

/// Whether Arrow cannot hold a value according to the case: a value that it lists, or an array with
/// one.
fn is_out_of_range(case: &Case, declared: &ColumnType, text: Option<&String>) -> bool {
    let is_named = |text: &str| case.out_of_range.iter().any(|(named, _)| *named == text);
    match (text, declared.element()) {
        (None, _) => false,
        (Some(text), None) => is_named(text),
        (Some(text), Some(_)) => files::elements(text)
            .iter()
            .any(|item| item.as_ref().is_some_and(|item| is_named(item))),
    }
}

#[test]
fn test_golden_files_all_have_a_case() {
    let known: HashSet<String> = cases()
        .iter()
        .flat_map(Case::files)
        .map(|(name, _)| name)
        .chain(["array_shapes".to_owned()])
        .collect();
    let found = files::names();
    assert_eq!(found, known, "cases.rs and tests/golden/*.copy differ");
}

#[test]
fn test_values_in_range_have_the_servers_text() {
    for_each_file(|case, golden, declared| {
        for (index, (cell, text)) in golden.rows().enumerate() {
            if is_out_of_range(case, declared, text) {
                continue;
            }
            let batch = decoded(declared, OutOfRange::Error, &[cell])
                .unwrap_or_else(|error| panic!("{} row {index}: {error}", golden.name));
            server_text::assert_same(&golden.name, index, declared, batch.column(0), 0, text);
        }
    });
}

#[test]
fn test_values_in_range_encode_to_the_same_bytes() {
    for_each_file(|case, golden, declared| {
        let (mut cells, mut indices) = (Vec::new(), Vec::new());
        for (index, (cell, text)) in golden.rows().enumerate() {
            if !is_out_of_range(case, declared, text) {
                cells.push(cell);
                indices.push(index);
            }
        }
        let batch = decoded(declared, OutOfRange::Error, &cells).unwrap();
        for (position, (cell, index)) in cells.iter().zip(&indices).enumerate() {
            let row = encoded(declared, &batch.slice(position, 1))
                .unwrap_or_else(|error| panic!("{} row {index}: {error}", golden.name));
            assert_eq!(row, tuples_of(&[*cell]), "{} row {index}", golden.name);
        }
        let all = encoded(declared, &batch).unwrap();
        assert!(all == tuples_of(&cells), "{}: the whole differs from its rows", golden.name);
    });
}

#[test]
fn test_whole_files_encode_to_the_same_bytes() {
    for_each_file(|case, golden, declared| {
        let cells: Vec<Cell<'_>> = golden.rows().map(|(cell, _)| cell).collect();
        if case.out_of_range.is_empty() {
            let batch = decoded(declared, OutOfRange::Error, &cells).unwrap();
            let mut bytes = howdah::wire::copy::HEADER.to_vec();
            bytes.extend(encoded(declared, &batch).unwrap());
            bytes.extend(howdah::wire::copy::TRAILER);
            assert!(bytes == golden.bytes, "{}", golden.name);
        }
    });
}

#[test]
fn test_text_policy_formats_every_value_as_the_server() {
    for_each_file(|case, golden, declared| {
        let cells: Vec<Cell<'_>> = golden.rows().map(|(cell, _)| cell).collect();
        let batch = decoded(declared, OutOfRange::Text, &cells).unwrap();
        let array = batch.column(0);
        if case.becomes_text {
            let is_utf8 = match array.data_type() {
                DataType::List(item) => *item.data_type() == DataType::Utf8,
                other => *other == DataType::Utf8,
            };
            assert!(is_utf8, "{}: {}", golden.name, array.data_type());
        }
        for (index, (_, text)) in golden.rows().enumerate() {
            server_text::assert_same(&golden.name, index, declared, array, index, text);
        }
    });
}

#[test]
fn test_numeric_text_encodes_to_the_same_bytes() {
    for_each_file(|case, golden, declared| {
        if case.name.starts_with("numeric") {
            let cells: Vec<Cell<'_>> = golden.rows().map(|(cell, _)| cell).collect();
            let batch = decoded(declared, OutOfRange::Text, &cells).unwrap();
            let bytes = encoded(declared, &batch).unwrap();
            assert!(bytes == tuples_of(&cells), "{}", golden.name);
        }
    });
}

#[test]
fn test_values_out_of_range_are_errors_of_their_row() {
    for_each_file(|case, golden, declared| {
        let rows: Vec<_> = golden.rows().collect();
        let first = rows.iter().position(|(_, text)| is_out_of_range(case, declared, *text));
        let cells: Vec<Cell<'_>> = rows.iter().map(|(cell, _)| *cell).collect();
        match (decoded(declared, OutOfRange::Error, &cells), first) {
            (Ok(_), None) => {}
            (Err(Error::Value(error)), Some(first)) => {
                assert_eq!(error.row, Some(first as u64), "{}: {error}", golden.name);
                assert_eq!(error.column.as_deref(), Some("value"), "{}", golden.name);
                assert!(error.message.contains("out of range"), "{error}");
            }
            (got, first) => {
                panic!("{}: expected an error at {first:?}, got {:?}", golden.name, got.err());
            }
        }
        for (index, (cell, text)) in rows.iter().enumerate() {
            let got = decoded(declared, OutOfRange::Error, &[*cell]);
            let expected = is_out_of_range(case, declared, *text);
            assert_eq!(got.is_err(), expected, "{} row {index}: {text:?}", golden.name);
        }
    });
}

#[test]
fn test_null_policy_makes_only_values_out_of_range_null() {
    for_each_file(|case, golden, declared| {
        let cells: Vec<Cell<'_>> = golden.rows().map(|(cell, _)| cell).collect();
        let batch = decoded(declared, OutOfRange::Null, &cells).unwrap();
        for (index, (_, text)) in golden.rows().enumerate() {
            let name = &golden.name;
            let null = |text: &String| is_out_of_range(case, &case.plain(), Some(text));
            let array = batch.column(0);
            match (text, declared.element()) {
                (None, _) => assert!(array.is_null(index), "{name} row {index}"),
                (Some(text), None) => {
                    assert_eq!(array.is_null(index), null(text), "{name} row {index}: {text}");
                }
                (Some(text), Some(_)) => {
                    let items = server_text::items(array, index);
                    for (position, item) in files::elements(text).iter().enumerate() {
                        let expected = item.as_ref().is_none_or(null);
                        assert_eq!(
                            items.is_null(position),
                            expected,
                            "{name} row {index}: {item:?}"
                        );
                    }
                }
            }
        }
    });
}

#[test]
fn test_clamp_policy_returns_nearest_value_or_error() {
    for_each_file(|case, golden, declared| {
        if declared.element().is_some() {
            return;
        }
        for (index, (cell, text)) in golden.rows().enumerate() {
            let named = case
                .out_of_range
                .iter()
                .find(|(named, _)| Some(*named) == text.map(String::as_str));
            let got = decoded(declared, OutOfRange::Clamp, &[cell]);
            match named {
                None => assert!(got.is_ok(), "{} row {index}", golden.name),
                Some((_, None)) => assert!(got.is_err(), "{} row {index}", golden.name),
                Some((_, Some(nearest))) => {
                    let shown = server_text::raw(got.unwrap().column(0));
                    assert_eq!(shown, *nearest, "{} row {index}", golden.name);
                }
            }
        }
    });
}

#[test]
fn test_cells_of_wrong_length_are_errors_in_strict_types() {
    for_each_file(|case, golden, declared| {
        for policy in [OutOfRange::Error, OutOfRange::Null, OutOfRange::Clamp, OutOfRange::Text] {
            for (index, (cell, text)) in golden.rows().enumerate() {
                let Some(cell) = cell else { continue };
                let short = &cell[..cell.len().saturating_sub(1)];
                let long = [cell, &[0]].concat();
                for wrong in [short, &long] {
                    let got = decoded(declared, policy, &[Some(wrong)]);
                    let strict = wrong != cell && (case.is_strict || declared.element().is_some());
                    assert!(
                        got.is_err() || !strict,
                        "{} row {index} ({text:?}): {} bytes for {} were taken under {policy:?}",
                        golden.name,
                        wrong.len(),
                        cell.len()
                    );
                }
            }
        }
    });
}

#[test]
fn test_truncated_and_corrupted_cells_never_panic() {
    for_each_file(|_, golden, declared| {
        for (cell, _) in golden.rows() {
            let cell = cell.unwrap_or_default();
            for end in 0..cell.len().min(400) {
                for policy in [OutOfRange::Error, OutOfRange::Clamp, OutOfRange::Text] {
                    let _ = decoded(declared, policy, &[Some(&cell[..end])]);
                }
                for mask in [0x01, 0x40, 0x80, 0xff] {
                    let mut changed = cell.to_vec();
                    changed[end] ^= mask;
                    let _ = decoded(declared, OutOfRange::Error, &[Some(&changed)]);
                }
            }
        }
    });
}

#[test]
fn test_arrays_of_other_shapes_are_errors_that_name_the_shape() {
    let golden = Golden::read("array_shapes");
    let declared = ColumnType::new(postgres_types::Type::INT4_ARRAY, -1);
    for (index, (cell, text)) in golden.rows().enumerate() {
        let error = decoded(&declared, OutOfRange::Error, &[cell]).unwrap_err().to_string();
        assert!(error.contains("expected an array"), "row {index}, {text:?}: {error}");
    }
}

#[test]
fn test_dictionary_of_every_golden_value_encodes_as_the_values_do() {
    for_each_file(|case, golden, declared| {
        let in_range =
            |(_, text): &(Cell<'_>, Option<&String>)| !is_out_of_range(case, declared, *text);
        let cells: Vec<Cell<'_>> = golden.rows().filter(in_range).map(|(cell, _)| cell).collect();
        let batch = decoded(declared, OutOfRange::Error, &cells).unwrap();
        let values: &ArrayRef = batch.column(0);
        if matches!(values.data_type(), DataType::Dictionary(..)) {
            return;
        }
        let count = i32::try_from(values.len()).unwrap();
        let keys = arrow_array::Int32Array::from_iter_values((0..count).rev());
        let dictionary = arrow_array::DictionaryArray::new(keys, Arc::clone(values));
        let field = batch.schema().field(0).clone().with_data_type(dictionary.data_type().clone());
        let schema = Arc::new(Schema::new(vec![field]));
        let batch = RecordBatch::try_new(schema, vec![Arc::new(dictionary)]).unwrap();
        let backwards: Vec<Cell<'_>> = cells.into_iter().rev().collect();
        assert!(encoded(declared, &batch).unwrap() == tuples_of(&backwards), "{}", golden.name);
    });
}
