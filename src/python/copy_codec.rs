//! `howdah.codec`: binary COPY without a connection.

use std::sync::{Mutex, TryLockError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use postgres_types::{Kind, Type};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyString};

use super::arguments::{BatchRows, Policy, Text, strings};
use super::arrow_builders::type_name;
use super::cancellation::{CancelCheck, ProgressReporter};
use super::errors::exception;
use super::gil::{attached, detached, from_py_err, next};
use super::reader::{Batches, Reader, read_options};
use super::source::Data;
use crate::copy::codec::{
    Column, DecodedBatches, EncodedChunks, decode, encode, target, type_named,
};
use crate::error::{Error, Result, ValueError};
use crate::load::{Observer as _, Source};
use crate::types::ColumnType;

/// Smaller chunks are joined up to this size, so that the GIL is not taken for each row: some drivers have chunks of one row.
const JOINED_BYTES: usize = 64 << 10;

/// The columns that `howdah.codec` describes.
fn columns(described: &Bound<'_, PyList>) -> Result<Vec<Column>> {
    let column = |described: Bound<'_, PyAny>| {
        let (name, ty): (Text, Bound<'_, PyAny>) = described.extract().map_err(from_py_err)?;
        let declared = declared(&name.0, &ty)?;
        Column::described(name.0, declared)
    };
    described.iter().map(column).collect()
}

/// A type: its SQL name, the name and labels of an enum, or the element type of an array and that type's OID.
fn declared(column: &str, described: &Bound<'_, PyAny>) -> Result<ColumnType> {
    if let Ok(name) = described.cast::<PyString>() {
        let name = name.extract::<Text>().map_err(from_py_err)?;
        return type_named(&name.0)
            .map_err(|what| Error::Interface(format!("column \"{column}\": {what}")));
    }
    if let Ok((name, labels)) = described.extract::<(Text, Vec<Text>)>() {
        let ty = Type::new(name.0, 0, Kind::Enum(strings(labels)), "public".to_owned());
        return Ok(ColumnType::new(ty, -1));
    }
    let (element, oid): (Bound<'_, PyAny>, Option<i64>) =
        described.extract().map_err(from_py_err)?;
    let oid = oid.map(u32::try_from).transpose().map_err(|_| {
        Error::Interface(format!("column \"{column}\": element_oid is not the OID of a type"))
    })?;
    let ColumnType { ty, typmod, .. } = declared(column, &element)?;
    let (name, schema) = (ty.name().to_owned(), ty.schema().to_owned());
    let element = match oid {
        Some(oid) => Type::new(name.clone(), oid, ty.kind().clone(), schema.clone()),
        None => ty,
    };
    let ty = Type::new(format!("_{name}"), 0, Kind::Array(element), schema);
    Ok(ColumnType::new(ty, typmod))
}

/// The bytes of a binary COPY, encoded while they are taken.
#[pyclass(frozen, module = "howdah._core", name = "EncodedCopy")]
pub(super) struct EncodedCopy(Mutex<EncodedChunks<SourceBatches>>);

/// The batches of a source.
struct SourceBatches(Box<dyn Source + Send>);

impl Iterator for SourceBatches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().transpose()
    }
}

/// Encodes data as the rows of a binary COPY.
#[pyfunction]
pub(super) fn encode_copy(
    data: &Bound<'_, PyAny>,
    columns: &Bound<'_, PyList>,
) -> PyResult<EncodedCopy> {
    let py = data.py();
    let run = || -> Result<EncodedCopy> {
        let columns = self::columns(columns)?;
        let target = target(&columns)?;
        let (schema, source) = Data::new(data)?.into_source(py, &target, "", None)?;
        let chunks = encode(&columns, &schema, SourceBatches(source))?;
        Ok(EncodedCopy(Mutex::new(chunks)))
    };
    run().map_err(|error| exception(py, error))
}

impl EncodedCopy {
    fn next(&self) -> Result<Option<Bytes>> {
        let mut chunks = match self.0.try_lock() {
            Ok(chunks) => chunks,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let message = "another thread, or the data itself, takes a chunk at this moment";
                return Err(Error::Interface(message.to_owned()));
            }
        };
        chunks.next().transpose()
    }
}

#[pymethods]
impl EncodedCopy {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let chunk = detached(py, || self.next()).map_err(|error| exception(py, error))?;
        Ok(chunk.map(|chunk| PyBytes::new(py, &chunk)))
    }
}

/// Decodes the chunks of a binary COPY.
#[pyfunction]
pub(super) fn decode_copy(
    chunks: &Bound<'_, PyAny>,
    columns: &Bound<'_, PyList>,
    batch_rows: BatchRows<usize>,
    types: Option<&Bound<'_, PyDict>>,
    out_of_range: Policy,
) -> PyResult<Reader> {
    let py = chunks.py();
    let run = || -> Result<Reader> {
        let options = read_options(batch_rows.0, types, out_of_range.0)?;
        let columns = self::columns(columns)?;
        let chunks = Chunks::new(chunks)?;
        let batches = CopyBatches { batches: decode(&columns, &options, chunks)? };
        let reporter = ProgressReporter::new(CancelCheck::default(), None, None);
        Ok(Reader::new(Box::new(batches), reporter))
    };
    run().map_err(|error| exception(py, error))
}

/// The batches of a COPY, for a [`Reader`].
struct CopyBatches {
    batches: DecodedBatches<Chunks, Chunk>,
}

impl Batches for CopyBatches {
    fn schema(&self) -> SchemaRef {
        self.batches.schema()
    }

    fn next(&mut self, reporter: &mut ProgressReporter) -> Result<Option<RecordBatch>> {
        reporter.check()?;
        self.batches.next().transpose()
    }
}

/// A chunk of bytes that Python gave.
enum Chunk {
    Python(PyBackedBytes),
    Copied(Vec<u8>),
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Python(bytes) => bytes,
            Self::Copied(bytes) => bytes,
        }
    }
}

/// The chunks of an iterable; a single object with bytes is one chunk.
enum Chunks {
    One(Option<Chunk>),
    /// `None` at the end.
    Iterator(Option<Py<PyIterator>>),
}

impl Chunks {
    fn new(chunks: &Bound<'_, PyAny>) -> Result<Self> {
        if PyBuffer::<u8>::get(chunks).is_ok() {
            return Ok(Self::One(Some(chunk(chunks)?)));
        }
        let is_text = chunks.is_instance_of::<PyString>();
        match chunks.try_iter() {
            Ok(iterator) if !is_text => Ok(Self::Iterator(Some(iterator.unbind()))),
            _ => Err(not_bytes("an iterable of bytes", chunks)),
        }
    }

    /// The next chunk, or several small ones joined.
    fn joined(iterator: &mut Option<Py<PyIterator>>, py: Python<'_>) -> Result<Option<Chunk>> {
        let mut bytes = Vec::new();
        while bytes.len() < JOINED_BYTES
            && let Some(open) = iterator
        {
            match next(open.bind(py)) {
                None => *iterator = None,
                Some(given) => {
                    let chunk = chunk(&given.map_err(from_py_err)?)?;
                    if bytes.is_empty() && chunk.as_ref().len() >= JOINED_BYTES {
                        return Ok(Some(chunk));
                    }
                    bytes.extend_from_slice(chunk.as_ref());
                }
            }
        }
        Ok((!bytes.is_empty()).then_some(Chunk::Copied(bytes)))
    }
}

impl Iterator for Chunks {
    type Item = Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(chunk) => chunk.take().map(Ok),
            Self::Iterator(iterator) => attached(|py| Self::joined(iterator, py)).transpose(),
        }
    }
}

/// The bytes of an object.
fn chunk(object: &Bound<'_, PyAny>) -> Result<Chunk> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Chunk::Python(bytes.clone().into()));
    }
    let buffer = PyBuffer::<u8>::get(object).map_err(|_| not_bytes("bytes", object))?;
    Ok(Chunk::Copied(buffer.to_vec(object.py()).map_err(from_py_err)?))
}

fn not_bytes(expected: &str, got: &Bound<'_, PyAny>) -> Error {
    Error::Value(Box::new(ValueError {
        message: format!("expected {expected}, got {}", type_name(got)),
        wrong_type: true,
        ..ValueError::default()
    }))
}
