//! Frames of pandas. What a column of objects holds is gathered as the values of rows are: pyarrow would
//! guess a type for all of it, and drop zones, times of day and nanoseconds. All other columns are
//! converted by pyarrow.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyList, PySlice, PyString, PyTuple, PyType};

use super::gather::{Column, Refused, number, type_name};
use super::gil::{held, raised};
use super::infer::Inference;
use super::rows::refusal;
use super::streams::Batches;
use crate::error::{Error, Result};
use crate::load::{Layout, Opening, Source};
use crate::types::known;

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

/// The columns of a frame by their names, those levels of its index first that have a name of their
/// own. By itself pandas exports any index but a range, and makes a range of whichever index it can.
fn named_columns<'py>(frame: &Bound<'py, PyAny>) -> Result<Vec<(String, Bound<'py, PyAny>)>> {
    let py = frame.py();
    let labels = |index: &str, names: &str| -> Result<Vec<Bound<'py, PyAny>>> {
        let labels = frame.getattr(index).and_then(|index| index.getattr(names));
        labels.and_then(|labels| labels.try_iter()?.collect()).map_err(raised)
    };
    let columns = labels("columns", "values")?.iter().map(label).collect::<Result<Vec<_>>>()?;
    let levels = labels("index", "names")?;
    let index = frame.getattr(intern!(py, "index")).map_err(raised)?;
    let numbers: Vec<_> = (0..levels.len()).map(|level| level.to_string()).collect();
    let numbered = index.call_method1(intern!(py, "set_names"), (numbers,)).map_err(raised)?;
    let mut named: Vec<(String, Bound<'_, PyAny>)> = Vec::new();
    for (level, name) in levels.iter().enumerate().filter(|(_, name)| !name.is_none()) {
        let name = label(name)?;
        let message = if columns.contains(&name) {
            format!(
                "a level of the index and a column are both named \"{name}\"; rename one, or drop the level by reset_index(drop=True)"
            )
        } else if named.iter().any(|(other, _)| *other == name) {
            format!("two levels of the index are named \"{name}\"; rename one")
        } else {
            // By a number pandas looks for a name first.
            let values =
                numbered.call_method1(intern!(py, "get_level_values"), (level.to_string(),));
            named.push((name, values.map_err(raised)?));
            continue;
        };
        return Err(Error::Interface(message));
    }
    // By place, for there may be two of one name.
    let by_place = frame.getattr(intern!(py, "iloc")).map_err(raised)?;
    for (place, name) in columns.into_iter().enumerate() {
        let values = by_place.get_item((PySlice::full(py), place)).map_err(raised)?;
        named.push((name, values));
    }
    Ok(named)
}

/// A column's label as a name, as pyarrow makes it.
fn label(label: &Bound<'_, PyAny>) -> Result<String> {
    let text = if let Ok(labels) = label.cast::<PyTuple>() {
        let labels = labels.iter().map(|label| self::label(&label)).collect::<Result<Vec<_>>>()?;
        PyTuple::new(label.py(), labels).and_then(|labels| labels.str())
    } else if let Ok(text) = label.cast::<PyString>() {
        Ok(text.clone())
    } else {
        label.str()
    };
    let text = text.map_err(raised)?;
    text.to_str().map(str::to_owned).map_err(|_| {
        let why =
            "the name of a column holds a lone surrogate, which UTF-8 cannot encode; rename it";
        Error::Interface(why.to_owned())
    })
}

/// The values of a column of objects as numpy's array; `None` for any other column, and for one of
/// nothing but text, which is what pandas 3 makes a column of text for.
fn objects<'py>(values: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = values.py();
    let holds_objects = |dtype: &Bound<'py, PyAny>| {
        Ok::<_, PyErr>(match dtype.getattr_opt(intern!(py, "hasobject"))? {
            Some(holds) => holds.is_truthy()?,
            None => false,
        })
    };
    let is_text = |values: &Bound<'py, PyAny>| {
        let types = py.import(intern!(py, "pandas"))?.getattr("api")?.getattr("types")?;
        let skip = [("skipna", true)].into_py_dict(py)?;
        let kind = types.call_method("infer_dtype", (values,), Some(&skip))?;
        Ok::<_, PyErr>(kind.extract::<String>()? == "string" && to_arrow(values).is_ok())
    };
    let dtype = values.getattr(intern!(py, "dtype"))?;
    let to_numpy = intern!(py, "to_numpy");
    if holds_objects(&dtype)? {
        return if is_text(values)? { Ok(None) } else { Ok(Some(values.call_method0(to_numpy)?)) };
    }
    if type_name(&dtype).ends_with(".CategoricalDtype") {
        let categories = dtype.getattr(intern!(py, "categories"))?;
        if holds_objects(&categories.getattr(intern!(py, "dtype"))?)? && !is_text(&categories)? {
            let options = [("dtype", "object")].into_py_dict(py)?;
            return values.call_method(to_numpy, (), Some(&options)).map(Some);
        }
    }
    Ok(None)
}

fn to_arrow<'py>(values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = values.py();
    let array = py.import(intern!(py, "pyarrow"))?.getattr(intern!(py, "Array"))?;
    array.call_method1(intern!(py, "from_pandas"), (values,))
}

/// The error of a column that pandas or pyarrow do not convert.
fn unread(name: &str, values: &Bound<'_, PyAny>, error: PyErr) -> Error {
    let py = values.py();
    if !error.is_instance_of::<PyException>(py) || !is_theirs(&error, py) {
        return raised(error);
    }
    let dtype = values
        .getattr(intern!(py, "dtype"))
        .map_or_else(|_| "column".into(), |dtype| dtype.to_string());
    let why = error.value(py);
    Error::Programming(format!(
        "column \"{name}\": pandas' {dtype} is not converted to Arrow ({why}); cast it first"
    ))
}

/// Whether an exception is one of numpy's, pandas' or pyarrow's, or a plain one that they raise.
fn is_theirs(error: &PyErr, py: Python<'_>) -> bool {
    let name = error.get_type(py).fully_qualified_name().map(|name| name.to_string());
    name.is_ok_and(|name| {
        let theirs = ["numpy.", "pandas.", "pyarrow."];
        let plain = ["TypeError", "ValueError", "OverflowError", "NotImplementedError"];
        theirs.iter().any(|start| name.starts_with(start))
            || plain.contains(&&*name)
            || name.starts_with("Unicode")
    })
}

/// The column of a table to be made: every value is looked at.
fn inferred(objects: &Bound<'_, PyAny>, target: &str) -> Result<Column> {
    let mut inference = Inference::default();
    let rows = objects.len().map_err(raised)?;
    for start in (0..rows).step_by(BATCH_ROWS) {
        let (values, missing) = slice(objects, start, BATCH_ROWS).map_err(raised)?;
        for (index, value) in values.iter().enumerate() {
            if missing.as_ref().is_some_and(|missing| is_missing(missing, index, &value)) {
                continue;
            }
            let value = plain(&value).map_err(raised)?.unwrap_or(value);
            inference.look(&value, target, start + index)?;
        }
    }
    inference.column()
}

type Slice<'py> = (Bound<'py, PyList>, Option<Bound<'py, PyList>>);

/// Some of the objects, and which of them pandas takes for missing.
fn slice<'py>(objects: &Bound<'py, PyAny>, start: usize, count: usize) -> PyResult<Slice<'py>> {
    let py = objects.py();
    let bound = |place: usize| isize::try_from(place).unwrap_or(isize::MAX);
    let slice = objects.get_item(PySlice::new(py, bound(start), bound(start + count), 1))?;
    let missing = py.import(intern!(py, "pandas"))?.call_method1(intern!(py, "isna"), (&slice,))?;
    let list = |array: Bound<'py, PyAny>| {
        Ok::<_, PyErr>(array.call_method0(intern!(py, "tolist"))?.cast_into::<PyList>()?)
    };
    let any = missing.call_method0(intern!(py, "any"))?.is_truthy()?;
    Ok((list(slice)?, if any { Some(list(missing)?) } else { None }))
}

/// Whether a value is one that pandas means nothing by. It takes a decimal's NaN for such a one, too,
/// which numeric holds.
fn is_missing(missing: &Bound<'_, PyList>, index: usize, value: &Bound<'_, PyAny>) -> bool {
    let is_missing = missing.get_item(index).and_then(|is| is.is_truthy()).unwrap_or(false);
    let decimal = number::decimal_type(value.py()).and_then(|class| value.is_instance(class));
    is_missing && !decimal.unwrap_or(false)
}

/// An array of numpy as a list, and a time of numpy's as pandas' own; `None` for all else.
fn plain<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = value.py();
    let class = match &*type_name(value) {
        "numpy.ndarray" => return listed(value).map(|list| Some(list.into_any())),
        "numpy.datetime64" => intern!(py, "Timestamp"),
        "numpy.timedelta64" => intern!(py, "Timedelta"),
        _ => return Ok(None),
    };
    py.import(intern!(py, "pandas"))?.call_method1(class, (value,)).map(Some)
}

fn listed<'py>(array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let py = array.py();
    let kind: String =
        array.getattr(intern!(py, "dtype"))?.getattr(intern!(py, "kind"))?.extract()?;
    let is_flat = array.getattr(intern!(py, "ndim"))?.extract::<usize>()? <= 1;
    if is_flat && !matches!(&*kind, "M" | "m" | "O") {
        let list = array.call_method0(intern!(py, "tolist"))?;
        return Ok(list.cast_into::<PyList>()?);
    }
    let list = PyList::empty(py);
    for item in array.try_iter()? {
        let item = item?;
        list.append(plain(&item)?.unwrap_or(item))?;
    }
    Ok(list)
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

/// Appends the objects of some rows; an error tells which of them.
fn push_all(
    objects: &Bound<'_, PyAny>,
    column: &mut Column,
    start: usize,
    count: usize,
) -> Result<(), (usize, Refused)> {
    let (values, missing) = slice(objects, start, count).map_err(|error| (0, error.into()))?;
    for (index, value) in values.iter().enumerate() {
        if missing.as_ref().is_some_and(|missing| is_missing(missing, index, &value)) {
            column.push_null();
            continue;
        }
        let pushed = match column.push(&value) {
            // Refused as a whole: nothing of it was taken.
            Err(Refused::WrongType(what)) => match plain(&value) {
                Ok(Some(plain)) => column.push(&plain),
                Ok(None) => Err(Refused::WrongType(what)),
                Err(error) => Err(error.into()),
            },
            pushed => pushed,
        };
        pushed.map_err(|refused| (index, refused))?;
    }
    Ok(())
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
