//! One column there and back: cells to a batch, a batch to tuples.

use arrow_array::RecordBatch;
use howdah::Result;
use howdah::copy::decode::{Decoder, ReadColumn};
use howdah::copy::plan::{Target, TargetColumn};
use howdah::types::{Declared, OutOfRange, ReadAs};

/// A cell as the wire has it; `None` for NULL.
pub type Cell<'a> = Option<&'a [u8]>;

/// Columns to read, named as the schema names them, or by their place.
fn read_columns(declared: &[Declared], policy: OutOfRange) -> Vec<ReadColumn> {
    let read_as = ReadAs { out_of_range: policy, asked: None };
    let column = |(index, declared): (usize, &Declared)| ReadColumn {
        name: name(index),
        declared: declared.clone(),
        read_as: read_as.clone(),
    };
    declared.iter().enumerate().map(column).collect()
}

fn name(index: usize) -> String {
    if index == 0 { "value".into() } else { format!("value{index}") }
}

/// Cells of one column as a batch.
pub fn decoded(declared: &Declared, policy: OutOfRange, cells: &[Cell<'_>]) -> Result<RecordBatch> {
    let rows = cells.iter().map(|cell| vec![*cell]).collect();
    decoded_rows(std::slice::from_ref(declared), policy, &rows)
}

/// Tuples as a batch.
pub fn decoded_rows(
    declared: &[Declared],
    policy: OutOfRange,
    rows: &Vec<Vec<Cell<'_>>>,
) -> Result<RecordBatch> {
    let mut decoder = Decoder::new(&read_columns(declared, policy));
    decoder.extend(rows)?;
    decoder.finish()
}

/// A batch of one column as tuples.
pub fn encoded(declared: &Declared, batch: &RecordBatch) -> Result<Vec<u8>> {
    encoded_rows(std::slice::from_ref(declared), batch)
}

/// A batch as tuples; its columns are taken by their place.
pub fn encoded_rows(declared: &[Declared], batch: &RecordBatch) -> Result<Vec<u8>> {
    let column = |(index, declared): (usize, &Declared)| TargetColumn {
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
