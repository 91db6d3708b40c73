//! The codecs of a statement: encodes Python values as its parameters, and decodes its rows into Python objects.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use postgres_protocol::message::frontend::{self, BindError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::codecs::{CodecOptions, Decoder, Encoder, Fractions, parameter_error};
use super::gc::GcPaused;
use super::gil::{call, from_py_err};
use super::row_factory::{ObjectFactory, TupleFactory};
use super::type_registry::TypeRegistry;
use crate::error::{Error, Result};
use crate::execute::{self, Ready, Typed};
use crate::session::Statement;
use crate::types::{ColumnType, OutOfRange, read_codec_for};
use crate::wire::message::{Cells, Messages, tag};

/// The encoders of a statement's parameters and the decoders of its columns; made once per statement.
pub(super) struct StatementCodecs {
    encoders: Vec<Encoder>,
    decoders: Vec<Decoder>,
    /// The decoders of the policies other than [`OutOfRange::Error`], each made on first use.
    policy_decoders: [OnceLock<Vec<Decoder>>; 3],
    names: Vec<Py<PyString>>,
    parameter_formats: Vec<i16>,
    result_formats: Vec<i16>,
    /// The formats of results that are decoded into Arrow.
    read_formats: Vec<i16>,
    /// The first name that more than one column has.
    duplicate_column: Option<String>,
}

impl StatementCodecs {
    fn new(py: Python<'_>, typed: &Typed) -> Self {
        let options = codec_options(typed, OutOfRange::Error);
        let encoder = |ty: &ColumnType| Encoder::new(ty, &options);
        let encoders: Vec<_> = typed.parameters.iter().map(encoder).collect();
        let decoders = decoders(typed, &options);
        let names = typed.columns.iter().map(|(name, _)| PyString::intern(py, name).unbind());
        let parameter_formats = single_format(encoders.iter().map(Encoder::format).collect());
        let result_formats = single_format(decoders.iter().map(Decoder::format).collect());
        let read_formats = typed.columns.iter().map(|(_, ty)| read_codec_for(ty).1);
        let read_formats = single_format(read_formats.collect());
        let names = names.collect();
        let duplicate_column = duplicate_column(&typed.columns);
        Self {
            encoders,
            decoders,
            policy_decoders: Default::default(),
            names,
            parameter_formats,
            result_formats,
            read_formats,
            duplicate_column,
        }
    }

    /// The codecs of a statement, made on first use.
    pub fn cached<'a>(py: Python<'_>, typed: &'a Typed) -> Result<&'a Self> {
        typed.codecs(|| Self::new(py, typed))
    }

    /// The decoders of a policy. They have the formats of [`Self::decoders`].
    fn decoders_for(&self, typed: &Typed, out_of_range: OutOfRange) -> &[Decoder] {
        let [null, clamp, text] = &self.policy_decoders;
        let made = match out_of_range {
            OutOfRange::Error => return &self.decoders,
            OutOfRange::Null => null,
            OutOfRange::Clamp => clamp,
            OutOfRange::Text => text,
        };
        made.get_or_init(|| decoders(typed, &codec_options(typed, out_of_range)))
    }

    /// Appends a Bind message with these values for a portal.
    pub fn bind(
        &self,
        statement: &Statement,
        portal: &str,
        values: &[Bound<'_, PyAny>],
        out: &mut BytesMut,
    ) -> Result<()> {
        let formats = self.result_formats.iter().copied();
        self.bind_formats(statement, portal, values, formats, out)
    }

    /// As [`StatementCodecs::bind`], with the result formats for decoding into Arrow.
    pub fn bind_read(
        &self,
        statement: &Statement,
        portal: &str,
        values: &[Bound<'_, PyAny>],
        out: &mut BytesMut,
    ) -> Result<()> {
        let formats = self.read_formats.iter().copied();
        self.bind_formats(statement, portal, values, formats, out)
    }

    fn bind_formats(
        &self,
        statement: &Statement,
        portal: &str,
        values: &[Bound<'_, PyAny>],
        result_formats: impl Iterator<Item = i16>,
        out: &mut BytesMut,
    ) -> Result<()> {
        let mut failed = None;
        let encode = |(index, value): (usize, &Bound<'_, PyAny>), out: &mut BytesMut| {
            let encoder = self.encoders.get(index).ok_or("more values than parameters")?;
            encoder.encode(value, out).map_err(|error| {
                failed = Some(parameter_error(index, error));
                "a parameter cannot be encoded".into()
            })
        };
        let result = frontend::bind(
            portal,
            statement.name(),
            self.parameter_formats.iter().copied(),
            values.iter().enumerate(),
            encode,
            result_formats,
            out,
        );
        match (result, failed) {
            (_, Some(error)) => Err(error),
            (Ok(()), None) => Ok(()),
            (Err(BindError::Conversion(error)), None) => Err(Error::Internal(error.to_string())),
            (Err(BindError::Serialization(error)), None) => Err(error.into()),
        }
    }
}

/// How a statement's values are converted.
fn codec_options(typed: &Typed, out_of_range: OutOfRange) -> CodecOptions {
    let values = &typed.values;
    let fractions = if values.json_decimals { Fractions::Decimals } else { Fractions::Floats };
    CodecOptions { fractions, registry: TypeRegistry::of(&values.binding), out_of_range }
}

/// The decoders of a statement's columns.
fn decoders(typed: &Typed, options: &CodecOptions) -> Vec<Decoder> {
    typed.columns.iter().map(|(_, ty)| Decoder::new(ty, options)).collect()
}

/// Finds the first name that more than one column has.
fn duplicate_column(columns: &[(String, ColumnType)]) -> Option<String> {
    let mut names = HashSet::new();
    columns.iter().find(|(name, _)| !names.insert(name)).map(|(name, _)| name.clone())
}

/// One format code if all are the same: Bind then applies it to all values.
fn single_format(formats: Vec<i16>) -> Vec<i16> {
    match formats.first() {
        Some(first) if formats.iter().all(|format| format == first) => vec![*first],
        _ => formats,
    }
}

/// The items of a tuple.
pub(super) fn tuple_items<'py>(py: Python<'py>, tuple: &Py<PyTuple>) -> Vec<Bound<'py, PyAny>> {
    tuple.bind(py).iter().collect()
}

/// The kind of Python object that a row becomes.
///
/// As in psycopg, a row factory is a callable that gets the names of the columns and returns a row maker, and a
/// row maker is a callable that gets the values of each row and returns the object.
enum ObjectKind {
    /// Dicts by the columns' names.
    Dicts,
    /// Single values, without names.
    Values,
    /// The objects of a row factory, and the name of the database, which objects of tables refer to.
    Factory(Py<PyAny>, Arc<str>),
    /// The objects of a row maker.
    Maker(Py<PyAny>),
}

/// What rows become, and their values that Python's types cannot hold.
pub(super) struct RowKind {
    object: ObjectKind,
    out_of_range: OutOfRange,
}

impl RowKind {
    /// The kind for the row factory `into`; dicts without one.
    pub fn new(into: Option<Py<PyAny>>, database: &Arc<str>, out_of_range: OutOfRange) -> Self {
        let object = into.map_or(ObjectKind::Dicts, |row_factory| {
            ObjectKind::Factory(row_factory, Arc::clone(database))
        });
        Self { object, out_of_range }
    }

    /// The kind of single values.
    pub fn values(out_of_range: OutOfRange) -> Self {
        Self { object: ObjectKind::Values, out_of_range }
    }

    /// The same kind with the row factory called for a statement's columns, so that it is called once for all
    /// chunks of the result.
    pub fn resolve(&self, py: Python<'_>, typed: &Typed) -> Result<Self> {
        let object = match &self.object {
            ObjectKind::Dicts => ObjectKind::Dicts,
            ObjectKind::Values => ObjectKind::Values,
            ObjectKind::Factory(row_factory, database) => ObjectKind::Maker(
                row_maker(py, StatementCodecs::cached(py, typed)?, row_factory, database)?.unbind(),
            ),
            ObjectKind::Maker(maker) => ObjectKind::Maker(maker.clone_ref(py)),
        };
        Ok(Self { object, out_of_range: self.out_of_range })
    }
}

/// Decodes the `DataRow` messages of a reply into Python objects.
pub(super) struct RowDecoder<'py, 'a> {
    py: Python<'py>,
    names: &'a [Py<PyString>],
    decoders: &'a [Decoder],
    columns: &'a [(String, ColumnType)],
    maker: RowMaker<'py>,
}

/// Calls a row factory with the names of a statement's columns.
fn row_maker<'py>(
    py: Python<'py>,
    codecs: &StatementCodecs,
    row_factory: &Py<PyAny>,
    database: &Arc<str>,
) -> Result<Bound<'py, PyAny>> {
    let names = PyTuple::new(py, &codecs.names).map_err(from_py_err)?;
    let maker = row_factory.bind(py).call1((names,)).map_err(from_py_err)?;
    match maker.cast::<ObjectFactory>() {
        Ok(factory) => {
            Ok(ObjectFactory::with_database(factory, database).map_err(from_py_err)?.into_any())
        }
        Err(_) => Ok(maker),
    }
}

/// Makes the object of a row from its values.
enum RowMaker<'py> {
    /// Dicts, made while the row is decoded.
    Dict,
    /// Objects of tables.
    Objects(Bound<'py, ObjectFactory>),
    /// Tuples.
    Tuple(Bound<'py, TupleFactory>),
    /// A callable of Python.
    Call(Bound<'py, PyAny>),
}

impl<'py> RowMaker<'py> {
    fn new(maker: Bound<'py, PyAny>) -> Self {
        match maker.cast_into::<ObjectFactory>() {
            Ok(factory) => Self::Objects(factory),
            Err(other) => match other.into_inner().cast_into::<TupleFactory>() {
                Ok(tuples) => Self::Tuple(tuples),
                Err(other) => Self::Call(other.into_inner()),
            },
        }
    }
}

impl<'py, 'a> RowDecoder<'py, 'a> {
    pub fn new(py: Python<'py>, typed: &'a Typed, row_kind: &RowKind) -> Result<Self> {
        let codecs = StatementCodecs::cached(py, typed)?;
        let maker = match &row_kind.object {
            ObjectKind::Dicts => {
                if let Some(name) = &codecs.duplicate_column {
                    return Err(Error::Programming(format!(
                        "two columns are named \"{name}\", and a dict can have only one of them; rename one with AS"
                    )));
                }
                RowMaker::Dict
            }
            ObjectKind::Values => RowMaker::Dict,
            ObjectKind::Factory(row_factory, database) => {
                RowMaker::new(row_maker(py, codecs, row_factory, database)?)
            }
            ObjectKind::Maker(maker) => RowMaker::new(maker.bind(py).clone()),
        };
        let decoders = codecs.decoders_for(typed, row_kind.out_of_range);
        Ok(Self { py, names: &codecs.names, decoders, columns: &typed.columns, maker })
    }

    /// Decodes all rows of a reply. `first` is the number of the first of them in the result, for errors.
    pub fn list(&self, reply: &[u8], first: u64) -> Result<Bound<'py, PyList>> {
        let list = PyList::empty(self.py);
        self.extend(&list, reply, first)?;
        Ok(list)
    }

    /// Decodes the rows of a chunk of a reply and appends them to a list. `first` is the number of the list's
    /// first row in the result, for errors.
    pub fn extend(&self, list: &Bound<'py, PyList>, chunk: &[u8], first: u64) -> Result<()> {
        // A callable of Python may make objects with cycles.
        let _paused = match &self.maker {
            RowMaker::Call(_) => None,
            _ => Some(GcPaused::begin(self.py, chunk).map_err(from_py_err)?),
        };
        for message in Messages(chunk) {
            if message.tag == tag::ROW {
                let row = self.decode_row(message.body).map_err(|error| match error {
                    Error::Value(mut value) => {
                        value.row = Some(first + list.len() as u64);
                        Error::Value(value)
                    }
                    error => error,
                })?;
                list.append(row).map_err(from_py_err)?;
            }
        }
        Ok(())
    }

    /// Decodes the first row of a reply.
    pub fn first(&self, reply: &[u8]) -> Result<Option<Bound<'py, PyAny>>> {
        let row = Messages(reply).find(|message| message.tag == tag::ROW);
        row.map(|message| self.decode_row(message.body)).transpose().map_err(|error| match error {
            Error::Value(mut value) => {
                value.row = Some(0);
                Error::Value(value)
            }
            error => error,
        })
    }

    /// Decodes the first value of a reply's first row.
    pub fn value(&self, reply: &[u8]) -> Result<Option<Bound<'py, PyAny>>> {
        let Some(message) = Messages(reply).find(|message| message.tag == tag::ROW) else {
            return Ok(None);
        };
        let mut cells = Cells::new(message.body, self.decoders.len())?;
        let first = self.decoders.first();
        let value = first.map(|decoder| self.decode_cell(decoder, 0, &mut cells)).transpose()?;
        for _ in self.decoders.iter().skip(1) {
            cells.cell()?;
        }
        cells.end()?;
        Ok(value)
    }

    fn decode_row(&self, body: &[u8]) -> Result<Bound<'py, PyAny>> {
        let mut cells = Cells::new(body, self.decoders.len())?;
        let decoders = self.decoders.iter().enumerate();
        if let RowMaker::Dict = &self.maker {
            let dict = PyDict::new(self.py);
            for ((index, decoder), name) in decoders.zip(self.names) {
                let value = self.decode_cell(decoder, index, &mut cells)?;
                dict.set_item(name.bind(self.py), value).map_err(from_py_err)?;
            }
            cells.end()?;
            return Ok(dict.into_any());
        }
        let values = decoders.map(|(index, decoder)| self.decode_cell(decoder, index, &mut cells));
        let values: Vec<_> = values.collect::<Result<_>>()?;
        cells.end()?;
        let name = |index: usize| {
            self.columns.get(index).map_or_else(String::new, |(name, _)| name.clone())
        };
        match &self.maker {
            RowMaker::Objects(factory) => factory.get().build(self.py, values, name),
            RowMaker::Tuple(tuples) => tuples.get().build(self.py, values, name),
            RowMaker::Call(callable) => {
                let values = PyTuple::new(self.py, values).map_err(from_py_err)?;
                call(callable, &values).map_err(from_py_err)
            }
            RowMaker::Dict => {
                Err(Error::Internal("a dict was not made while its row was decoded".into()))
            }
        }
    }

    #[inline]
    fn decode_cell(
        &self,
        decoder: &Decoder,
        index: usize,
        cells: &mut Cells<'_>,
    ) -> Result<Bound<'py, PyAny>> {
        let Some(cell) = cells.cell()? else { return Ok(self.py.None().into_bound(self.py)) };
        decoder.decode(self.py, cell).map_err(|error| self.with_column(index, error))
    }

    /// Adds the name of the column to an error.
    fn with_column(&self, index: usize, error: Error) -> Error {
        match (error, self.columns.get(index)) {
            (Error::Value(mut value), Some((name, _))) => {
                value.column.get_or_insert_with(|| name.clone());
                Error::Value(value)
            }
            (Error::Internal(message), Some((name, _))) => {
                Error::Internal(format!("column \"{name}\": {message}"))
            }
            (error, _) => error,
        }
    }
}

/// Appends the Bind message of a prepared statement with its parameters.
pub(super) fn encode_bind(
    py: Python<'_>,
    ready: &Ready,
    portal: &str,
    params: &Py<PyTuple>,
    out: &mut BytesMut,
) -> Result<()> {
    let typed = execute::typed(&ready.statement)?;
    let values = tuple_items(py, params);
    typed.expect(values.len())?;
    StatementCodecs::cached(py, typed)?.bind(&ready.statement, portal, &values, out)
}
