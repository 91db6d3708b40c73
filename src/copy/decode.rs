//! From tuples to record batches: rows of a query and of a COPY alike.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::cast;
use crate::error::{Error, Result, ValueError};
use crate::types::input::is_text;
use crate::types::{CellError, Declared, Decode, ReadAs, reading};

/// Rows of cells, as a query or a COPY gave them.
pub trait Tuples {
    /// How many rows there are.
    fn rows(&self) -> usize;

    /// Appends every row's cell of one column.
    ///
    /// # Errors
    /// When a row has no such column.
    fn column<'a>(&'a self, column: usize, cells: &mut Vec<Option<&'a [u8]>>) -> Result<()>;
}

/// A column of a result.
#[derive(Debug, Clone)]
pub struct ReadColumn {
    /// Its name.
    pub name: String,
    /// Its type, with its modifier.
    pub declared: Declared,
    /// How it is to be read.
    pub read_as: ReadAs,
}

/// Gathers tuples into record batches.
pub struct Decoder {
    schema: SchemaRef,
    columns: Vec<Box<dyn Decode>>,
    /// The types that are made by a cast after decoding.
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
            let (pg_type, _) = reading(declared);
            let asked = read_as.asked.as_ref();
            let prints = pg_type.prints() && asked.is_some_and(is_text);
            let makes = |asked: &DataType| {
                if prints { *asked == DataType::Utf8 } else { pg_type.makes(asked) }
            };
            let cast = asked.filter(|asked| !makes(asked)).cloned();
            let read_as = if prints {
                ReadAs::text()
            } else {
                ReadAs { asked: asked.filter(|asked| makes(asked)).cloned(), ..read_as.clone() }
            };
            let field = pg_type.arrow(declared, &read_as).with_name(name);
            fields.push(match &cast {
                Some(asked) => Field::new(name, asked.clone(), true),
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

    /// How many rows are gathered for the next batch.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Appends tuples.
    ///
    /// # Errors
    /// When a cell is malformed or does not fit; with its column and row.
    pub fn extend(&mut self, tuples: &impl Tuples) -> Result<()> {
        let row = self.rows_before + self.rows as u64;
        let mut cells = Vec::with_capacity(tuples.rows());
        for (index, decoder) in self.columns.iter_mut().enumerate() {
            cells.clear();
            tuples.column(index, &mut cells)?;
            decoder.extend(&cells).map_err(|error| at(&self.schema, index, row, error))?;
        }
        self.rows += tuples.rows();
        Ok(())
    }

    /// The gathered rows as a batch.
    ///
    /// # Errors
    /// When text from the server is not UTF-8, or a value does not fit the type asked for.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let internal = |error: ArrowError| Error::Internal(error.to_string());
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (index, (decoder, cast)) in self.columns.iter_mut().zip(&self.casts).enumerate() {
            let array = decoder.finish().map_err(internal)?;
            arrays.push(match cast {
                None => array,
                Some(asked) => cast::exactly(&array, asked)
                    .map_err(|error| at(&self.schema, index, self.rows_before, error))?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows_before += self.rows as u64;
        self.rows = 0;
        RecordBatch::try_new_with_options(self.schema(), arrays, &options).map_err(internal)
    }
}

fn at(schema: &Schema, column: usize, row: u64, error: CellError) -> Error {
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
