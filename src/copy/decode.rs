//! Decodes tuples of a query or a COPY to Arrow record batches.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::cast;
use crate::error::{Error, Result, ValueError};
use crate::types::declaration::noted;
use crate::types::input::is_text;
use crate::types::{CellError, ColumnType, Decode, OutOfRange, ReadAs, read_codec_for};

/// The tuples of a query's result or of a COPY.
pub trait Tuples {
    /// The number of rows.
    fn rows(&self) -> usize;

    /// Appends one column's cell of every row.
    ///
    /// # Errors
    /// When a row has too few cells.
    fn column<'a>(&'a self, column: usize, cells: &mut Vec<Option<&'a [u8]>>) -> Result<()>;
}

/// A column of a result.
#[derive(Debug, Clone)]
pub struct ReadColumn {
    /// Its name.
    pub name: String,
    /// Its type, with its modifier.
    pub declared: ColumnType,
    /// How to read it.
    pub read_as: ReadAs,
}

/// Options for reading rows.
#[derive(Debug, Clone)]
pub struct Options {
    /// The maximum of rows in a batch.
    pub batch_rows: usize,
    /// The requested Arrow types by column.
    pub types: HashMap<String, DataType>,
    /// The policy for values that do not fit.
    pub out_of_range: OutOfRange,
}

/// Rows that are decoded together: few enough that their bytes stay in a core's cache.
pub const BLOCK_ROWS: usize = 512;
/// A batch ends when this many bytes of rows have been decoded for it.
pub const BATCH_BYTES: usize = 64 << 20;

/// How to read columns of these names and types.
///
/// # Errors
/// When a type is requested for a column that does not exist.
pub fn read_columns(
    columns: &[(String, ColumnType)],
    options: &Options,
) -> Result<Vec<ReadColumn>> {
    let unknown =
        options.types.keys().find(|requested| !columns.iter().any(|(name, _)| name == *requested));
    if let Some(name) = unknown {
        return Err(Error::Programming(format!(
            "types= names column \"{name}\", which the result does not have"
        )));
    }
    let column = |(name, declared): &(String, ColumnType)| ReadColumn {
        name: name.clone(),
        declared: declared.clone(),
        read_as: ReadAs {
            out_of_range: options.out_of_range,
            requested: options.types.get(name).cloned(),
        },
    };
    Ok(columns.iter().map(column).collect())
}

/// A block of rows, split into cells.
pub struct Block<'a> {
    /// The cells of all rows, row by row.
    pub cells: Vec<Option<&'a [u8]>>,
    /// The number of cells in a row.
    pub columns: usize,
    /// The number of rows.
    pub rows: usize,
}

impl Block<'_> {
    /// An empty block, with room for `rows`.
    #[must_use]
    pub fn new(columns: usize, rows: usize) -> Self {
        Self { cells: Vec::with_capacity(columns * rows), columns, rows: 0 }
    }
}

impl Tuples for Block<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn column<'a>(&'a self, column: usize, cells: &mut Vec<Option<&'a [u8]>>) -> Result<()> {
        cells.extend(self.cells.iter().skip(column).step_by(self.columns));
        Ok(())
    }
}

/// A decoder from tuples to record batches.
pub struct Decoder {
    schema: SchemaRef,
    columns: Vec<Box<dyn Decode>>,
    /// The requested types of columns that are cast after decoding.
    casts: Vec<Option<DataType>>,
    rows: usize,
    rows_before: u64,
}

impl Decoder {
    /// A decoder for these columns.
    #[must_use]
    pub fn new(columns: &[ReadColumn]) -> Self {
        let (mut fields, mut decoders, mut casts) = (Vec::new(), Vec::new(), Vec::new());
        for column in columns {
            let ReadColumn { name, declared, read_as } = column;
            let (pg_type, _) = read_codec_for(declared);
            let requested = read_as.requested.as_ref();
            let formats_text = pg_type.decodes_to_text() && requested.is_some_and(is_text);
            let decodes_to = |requested: &DataType| {
                if formats_text {
                    *requested == DataType::Utf8
                } else {
                    pg_type.decodes_to(requested)
                }
            };
            let cast = requested.filter(|requested| !decodes_to(requested)).cloned();
            let read_as = if formats_text {
                ReadAs::text()
            } else {
                ReadAs {
                    requested: requested.filter(|requested| decodes_to(requested)).cloned(),
                    ..read_as.clone()
                }
            };
            let field = noted(pg_type.arrow(declared, &read_as).with_name(name), declared);
            fields.push(match &cast {
                Some(requested) => Field::new(name, requested.clone(), true),
                None => field,
            });
            decoders.push(pg_type.decoder(declared, &read_as));
            casts.push(cast);
        }
        let schema = Arc::new(Schema::new(fields));
        Self { schema, columns: decoders, casts, rows: 0, rows_before: 0 }
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The number of rows decoded for the next batch.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Decodes tuples and appends them to the next batch.
    ///
    /// # Errors
    /// When a cell is malformed or does not fit; with its column and row.
    pub fn extend(&mut self, tuples: &impl Tuples) -> Result<()> {
        let row = self.rows_before + self.rows as u64;
        let mut cells = Vec::with_capacity(tuples.rows());
        for (index, decoder) in self.columns.iter_mut().enumerate() {
            cells.clear();
            tuples.column(index, &mut cells)?;
            decoder.extend(&cells).map_err(|error| value_error(&self.schema, index, row, error))?;
        }
        self.rows += tuples.rows();
        Ok(())
    }

    /// Builds a batch of the decoded rows, and starts a new one.
    ///
    /// # Errors
    /// When text from the server is not UTF-8, or a value does not fit the requested type.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let internal = |error: ArrowError| Error::Internal(error.to_string());
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (index, (decoder, cast)) in self.columns.iter_mut().zip(&self.casts).enumerate() {
            let array = decoder.finish().map_err(internal)?;
            arrays.push(match cast {
                None => array,
                Some(requested) => cast::cast_exact(&array, requested)
                    .map_err(|error| value_error(&self.schema, index, self.rows_before, error))?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows_before += self.rows as u64;
        self.rows = 0;
        RecordBatch::try_new_with_options(self.schema(), arrays, &options).map_err(internal)
    }
}

fn value_error(schema: &Schema, column: usize, row: u64, error: CellError) -> Error {
    Error::Value(Box::new(ValueError {
        table: None,
        column: schema.fields().get(column).map(|field| field.name().clone()),
        row: Some(row + error.index as u64),
        message: error.message,
        wrong_type: false,
    }))
}

/// The tuples of a binary COPY.
impl Tuples for Vec<Vec<Option<&[u8]>>> {
    fn rows(&self) -> usize {
        self.len()
    }

    fn column<'a>(&'a self, column: usize, cells: &mut Vec<Option<&'a [u8]>>) -> Result<()> {
        for row in self {
            let cell = row.get(column);
            cells.push(*cell.ok_or_else(|| Error::Internal("a tuple with too few cells".into()))?);
        }
        Ok(())
    }
}
