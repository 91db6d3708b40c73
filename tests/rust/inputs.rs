//! Arrow input in every form it may take, broken ones too: the right bytes, or an error at the
//! right row, and never a panic.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on is to fail; clippy.toml lets only the tests themselves"
)]

#[path = "inputs/asked.rs"]
mod asked;
mod columns;
#[path = "inputs/lists.rs"]
mod lists;
#[path = "inputs/packed.rs"]
mod packed;
#[path = "inputs/random.rs"]
mod random;
#[path = "inputs/texts.rs"]
mod texts;
#[path = "inputs/units.rs"]
mod units;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use howdah::types::Declared;
use howdah::wire::copy::{HEADER, TRAILER, tuples};
use howdah::{Error, Result};
use postgres_types::Type;

/// A type without a modifier.
fn plain(ty: Type) -> Declared {
    Declared { ty, typmod: -1 }
}

fn batch(field: Field, array: ArrayRef) -> RecordBatch {
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap()
}

/// A column, with a field of its own making, as tuples.
fn encoded_as(declared: &Declared, field: Field, array: ArrayRef) -> Result<Vec<u8>> {
    columns::encoded(declared, &batch(field, array))
}

/// A column as tuples.
fn encoded(declared: &Declared, array: ArrayRef) -> Result<Vec<u8>> {
    let field = Field::new("value", array.data_type().clone(), true);
    encoded_as(declared, field, array)
}

/// The cells of tuples of one column.
fn cells(encoded: &[u8]) -> Vec<Option<Vec<u8>>> {
    let bytes = [&HEADER, encoded, &TRAILER].concat();
    let rows = tuples(&bytes).unwrap();
    rows.into_iter().map(|row| row[0].map(<[u8]>::to_vec)).collect()
}

/// The cells of a column that is to be taken.
fn taken(ty: Type, array: ArrayRef) -> Vec<Option<Vec<u8>>> {
    cells(&encoded(&plain(ty), array).unwrap())
}

/// The cells of a column of text that is to be taken.
fn texts_of(ty: Type, array: ArrayRef) -> Vec<Option<String>> {
    let cells = taken(ty, array).into_iter();
    cells.map(|cell| cell.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())).collect()
}

/// The row at which a column is refused, and why.
fn refused(declared: &Declared, array: ArrayRef) -> (u64, String) {
    match encoded(declared, array) {
        Err(Error::Value(error)) => {
            assert_eq!(error.column.as_deref(), Some("value"), "{error}");
            (error.row.unwrap(), error.message)
        }
        other => panic!("expected an error with a row, got {other:?}"),
    }
}

/// The row at which a column is refused.
fn refused_at(ty: Type, array: ArrayRef) -> u64 {
    refused(&plain(ty), array).0
}

fn int2(values: &[Option<i16>]) -> Vec<Option<Vec<u8>>> {
    values.iter().map(|value| value.map(|value| value.to_be_bytes().to_vec())).collect()
}

fn strings(values: &[Option<&str>]) -> Vec<Option<String>> {
    values.iter().map(|value| value.map(str::to_owned)).collect()
}
