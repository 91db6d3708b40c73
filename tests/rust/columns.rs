//! Encodes batches to tuples and decodes tuples to batches, for the tests.

use arrow_array::RecordBatch;
use howdah::Result;
use howdah::copy::decode::{Decoder, ReadColumn};
use howdah::copy::plan::{Target, TargetColumn};
use howdah::types::{ColumnType, OutOfRange, ReadAs};

/// A cell in the binary format; `None` for NULL.
pub type Cell<'a> = Option<&'a [u8]>;

/// The columns to read; they are named `value`, `value1` and so on.
fn read_columns(declared: &[ColumnType], policy: OutOfRange) -> Vec<ReadColumn> {
    let read_as = ReadAs { out_of_range: policy, requested: None };
    let column = |(index, declared): (usize, &ColumnType)| ReadColumn {
        name: name(index),
        declared: declared.clone(),
        read_as: read_as.clone(),
    };
    declared.iter().enumerate().map(column).collect()
}

fn name(index: usize) -> String {
    if index == 0 { "value".into() } else { format!("value{index}") }
}

/// Decodes cells of one column to a batch.
pub fn decoded(
    declared: &ColumnType,
    policy: OutOfRange,
    cells: &[Cell<'_>],
) -> Result<RecordBatch> {
    let rows = cells.iter().map(|cell| vec![*cell]).collect();
    decoded_rows(std::slice::from_ref(declared), policy, &rows)
}

/// Decodes tuples to a batch.
pub fn decoded_rows(
    declared: &[ColumnType],
    policy: OutOfRange,
    rows: &Vec<Vec<Cell<'_>>>,
) -> Result<RecordBatch> {
    let mut decoder = Decoder::new(&read_columns(declared, policy));
    decoder.extend(rows)?;
    decoder.finish()
}

/// Encodes a batch of one column to tuples.
pub fn encoded(declared: &ColumnType, batch: &RecordBatch) -> Result<Vec<u8>> {
    encoded_rows(std::slice::from_ref(declared), batch)
}

/// Encodes a batch to tuples; columns are matched by position.
pub fn encoded_rows(declared: &[ColumnType], batch: &RecordBatch) -> Result<Vec<u8>> {
    let column = |(index, declared): (usize, &ColumnType)| TargetColumn {
        name: name(index),
        declared: declared.clone(),
        required: false,
        generated: false,
        identity_always: false,
    };
    let columns: Vec<_> = declared.iter().enumerate().map(column).collect();
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let plan = Target { table: "target".into(), columns }.plan(batch.schema_ref(), &names)?;
    let mut out = Vec::new();
    plan.encode(batch, 0, &mut out)?;
    Ok(out)
}
