//! Encodes Arrow input of every layout, also invalid ones: the result is the right bytes or an
//! error at the right row, and never a panic.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may panic; clippy.toml allows it only in test functions"
)]

mod columns;
#[path = "inputs/dictionaries.rs"]
mod dictionaries;
#[path = "inputs/lists.rs"]
mod lists;
#[path = "inputs/random.rs"]
mod random;
#[path = "inputs/requested_types.rs"]
mod requested_types;
#[path = "inputs/strings.rs"]
mod string_arrays;
#[path = "inputs/units.rs"]
mod units;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use howdah::types::ColumnType;
use howdah::wire::copy::{HEADER, TRAILER, tuples};
use howdah::{Error, Result};
use postgres_types::Type;

/// A type without a modifier.
fn plain(ty: Type) -> ColumnType {
    ColumnType::new(ty, -1)
}

fn batch(field: Field, array: ArrayRef) -> RecordBatch {
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap()
}

/// Encodes a column with a given field to tuples.
fn encoded_as(declared: &ColumnType, field: Field, array: ArrayRef) -> Result<Vec<u8>> {
    columns::encoded(declared, &batch(field, array))
}

/// Encodes a column to tuples.
fn encoded(declared: &ColumnType, array: ArrayRef) -> Result<Vec<u8>> {
    let field = Field::new("value", array.data_type().clone(), true);
    encoded_as(declared, field, array)
}

/// Splits tuples of one column into cells.
fn cells(encoded: &[u8]) -> Vec<Option<Vec<u8>>> {
    let bytes = [&HEADER, encoded, &TRAILER].concat();
    let rows = tuples(&bytes).unwrap();
    rows.into_iter().map(|row| row[0].map(<[u8]>::to_vec)).collect()
}

/// The cells of a column that must be accepted.
fn accepted(ty: Type, array: ArrayRef) -> Vec<Option<Vec<u8>>> {
    cells(&encoded(&plain(ty), array).unwrap())
}

/// The cells of a text column that must be accepted.
fn texts_of(ty: Type, array: ArrayRef) -> Vec<Option<String>> {
    let cells = accepted(ty, array).into_iter();
    cells.map(|cell| cell.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())).collect()
}

/// The row and the message of the error of a column that must be refused.
fn refused(declared: &ColumnType, array: ArrayRef) -> (u64, String) {
    match encoded(declared, array) {
        Err(Error::Value(error)) => {
            assert_eq!(error.column.as_deref(), Some("value"), "{error}");
            (error.row.unwrap(), error.message)
        }
        other => panic!("expected an error with a row, got {other:?}"),
    }
}

/// The row of the error of a column that must be refused.
fn refused_at(ty: Type, array: ArrayRef) -> u64 {
    refused(&plain(ty), array).0
}

fn int2(values: &[Option<i16>]) -> Vec<Option<Vec<u8>>> {
    values.iter().map(|value| value.map(|value| value.to_be_bytes().to_vec())).collect()
}

fn strings(values: &[Option<&str>]) -> Vec<Option<String>> {
    values.iter().map(|value| value.map(str::to_owned)).collect()
}
