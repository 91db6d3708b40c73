//! Frames of pandas. What a column of objects holds is gathered as the values of rows are: pyarrow would
//! guess a type for all of it, and drop zones, times of day and nanoseconds. All other columns are
//! converted by pyarrow.

mod columns;
mod objects;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::gather::{Column, Refused};
use super::gil::{held, raised};
use super::names::refuse_nul;
use super::rows::refusal;
use super::streams::Batches;
use crate::error::{Error, Result};
use crate::load::{Layout, Opening, Source};
use crate::types::known;
use columns::{is_theirs, named_columns, objects, to_arrow, unread};
use objects::{inferred, push_all};

/// Rows of a batch, as many as those of Python rows.
const BATCH_ROWS: usize = 8192;

/// A frame whose columns have been looked at.
pub(super) struct Frame {
    names: Vec<String>,
    columns: Vec<Values>,
    /// The columns that are no objects.
    arrow: Option<Batches>,
    rows: usize,
}

/// Where the values of a column are.
enum Values {
    /// In the next column of the Arrow data.
    Arrow,
    /// In an array of numpy.
    Objects(Py<PyAny>),
}

/// A frame, and the builders that its objects go into.
pub(super) struct FrameSource {
    table: String,
    schema: SchemaRef,
    columns: Vec<Gathered>,
    arrow: Option<Batches>,
    /// A batch of the Arrow data, and how many of its rows have been taken.
    batch: Option<(RecordBatch, usize)>,
    row: usize,
    rows: usize,
}

enum Gathered {
    Arrow,
    Objects(Py<PyAny>, Column),
}

/// Whether an object is a frame of pandas that is exported as pandas does it: a class made of it may
/// export itself otherwise.
pub(super) fn is_frame(data: &Bound<'_, PyAny>) -> Result<bool> {
    let export = intern!(data.py(), "__arrow_c_stream__");
    for class in data.get_type().mro().iter() {
        let class = class.cast_into::<PyType>().map_err(|error| raised(error.into()))?;
        // Its name is of an older pandas, or of pandas 3.
        let name = class.fully_qualified_name().map_err(raised)?;
        if name == "pandas.core.frame.DataFrame" || name == "pandas.DataFrame" {
            return Ok(true);
        }
        let own = class.getattr(intern!(data.py(), "__dict__")).map_err(raised)?;
        if own.contains(export).map_err(raised)? {
            return Ok(false);
        }
    }
    Ok(false)
}

impl Frame {
    /// Looks at the columns of a frame, and at those levels of its index that have a name.
    pub fn new(frame: &Bound<'_, PyAny>) -> Result<Self> {
        let py = frame.py();
        let (mut names, mut columns, mut arrow) = (Vec::new(), Vec::new(), Vec::new());
        for (name, values) in named_columns(frame)? {
            refuse_nul(&name, None)?;
            let unread = |error| unread(&name, &values, error);
            if let Some(objects) = objects(&values).map_err(unread)? {
                columns.push(Values::Objects(objects.unbind()));
            } else {
                arrow.push((name.clone(), to_arrow(&values).map_err(unread)?));
                columns.push(Values::Arrow);
            }
            names.push(name);
        }
        let rows = frame.len().map_err(raised)?;
        let table = || {
            let (names, arrays): (Vec<_>, Vec<_>) = arrow.into_iter().unzip();
            let table = py.import(intern!(py, "pyarrow"))?.getattr(intern!(py, "Table"))?;
            table.call_method1(intern!(py, "from_arrays"), (arrays, names))
        };
        let has_arrow = columns.iter().any(|values| matches!(values, Values::Arrow));
        let arrow = has_arrow.then(|| Batches::of(&table().map_err(raised)?)).transpose()?;
        Ok(Self { names, columns, arrow, rows })
    }

    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The frame as a source for the target that was opened.
    pub fn into_source(
        self,
        py: Python<'_>,
        opening: &Opening<'_>,
        table: &str,
    ) -> Result<FrameSource> {
        let targets = opening.renamed(&self.names)?;
        let layout = opening.layout(&targets)?;
        let mut columns = Vec::with_capacity(self.columns.len());
        for (index, (values, target)) in self.columns.into_iter().zip(&targets).enumerate() {
            let Values::Objects(objects) = values else {
                columns.push(Gathered::Arrow);
                continue;
            };
            let column = match &layout {
                Layout::There(there) => {
                    let declared = there.get(index).map(|column| &column.declared);
                    let pg_type = declared.and_then(|declared| Some((declared, known(declared)?)));
                    let (declared, pg_type) = pg_type
                        .ok_or_else(|| Error::Internal("a type was forgotten".to_owned()))?;
                    Column::new(Arc::new(pg_type.gathered(declared)), declared.name())?
                }
                Layout::New => inferred(objects.bind(py), target)?,
            };
            columns.push(Gathered::Objects(objects, column));
        }
        let mut source = FrameSource {
            table: table.to_owned(),
            schema: Arc::new(Schema::empty()),
            columns,
            arrow: self.arrow,
            batch: None,
            row: 0,
            rows: self.rows,
        };
        source.schema = source.schema_of(&self.names);
        Ok(source)
    }
}

impl FrameSource {
    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The fields of the columns by these names; a column may have become text.
    fn schema_of(&self, names: &[String]) -> SchemaRef {
        let arrow = self.arrow.as_ref().map(Batches::schema);
        let mut arrow = arrow.iter().flat_map(|schema| schema.fields());
        let fields = self.columns.iter().zip(names).filter_map(|(column, name)| match column {
            Gathered::Arrow => arrow.next().map(|field| field.as_ref().clone().with_name(name)),
            Gathered::Objects(_, column) => Some(column.field().as_ref().clone().with_name(name)),
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The Arrow columns of the next rows.
    fn next_arrow(&mut self) -> Result<Option<RecordBatch>> {
        let Some(arrow) = &mut self.arrow else { return Ok(None) };
        let (batch, taken) = match self.batch.take() {
            Some((batch, taken)) if taken < batch.num_rows() => (batch, taken),
            _ => loop {
                let ended = || Error::Internal("a frame of pandas gave too few rows".to_owned());
                let batch = arrow.next()?.ok_or_else(ended)?;
                if batch.num_rows() > 0 {
                    break (batch, 0);
                }
            },
        };
        let count = BATCH_ROWS.min(batch.num_rows() - taken);
        let slice = batch.slice(taken, count);
        self.batch = Some((batch, taken + count));
        Ok(Some(slice))
    }

    /// Gathers the objects of some rows; the error is that of the first row that has one.
    fn gather(&mut self, py: Python<'_>, count: usize) -> Result<()> {
        let mut first: Option<(usize, String, Refused)> = None;
        for (place, column) in self.columns.iter_mut().enumerate() {
            let Gathered::Objects(objects, column) = column else { continue };
            let gathered = push_all(objects.bind(py), column, self.row, count);
            if let Err((index, refused)) = gathered
                && first.as_ref().is_none_or(|(least, ..)| index < *least)
            {
                let name = self.schema.fields().get(place).map(|field| field.name().clone());
                first = Some((index, name.unwrap_or_default(), refused));
            }
        }
        let Some((index, name, refused)) = first else { return Ok(()) };
        let row = (self.row + index) as u64;
        let refused = match refused {
            Refused::Raised(error) if is_theirs(&error, py) => {
                Refused::Unfit(format!("a value that cannot be converted: {}", error.value(py)))
            }
            refused => refused,
        };
        Err(refusal(Some(&self.table), Some(&name), row, refused))
    }
}

impl Source for FrameSource {
    fn has_more(&self) -> Option<bool> {
        Some(self.row < self.rows)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.row >= self.rows {
            return Ok(None);
        }
        let arrow = self.next_arrow()?;
        let count = BATCH_ROWS.min(self.rows - self.row);
        let count = arrow.as_ref().map_or(count, RecordBatch::num_rows);
        held(|py| self.gather(py, count))?;
        let internal = |error: arrow_schema::ArrowError| Error::Internal(error.to_string());
        let mut given = arrow.iter().flat_map(RecordBatch::columns);
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            arrays.push(match column {
                Gathered::Arrow => {
                    let array = given.next().map(ArrayRef::clone);
                    array.ok_or_else(|| Error::Internal("a column of a frame is gone".into()))?
                }
                Gathered::Objects(_, column) => column.finish().map_err(internal)?,
            });
        }
        self.row += count;
        let names: Vec<_> = self.schema.fields().iter().map(|field| field.name().clone()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let batch = RecordBatch::try_new_with_options(self.schema_of(&names), arrays, &options);
        batch.map(Some).map_err(internal)
    }
}
