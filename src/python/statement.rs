//! A statement at the edge: Python values into its parameters, its rows into Python objects.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::message::frontend::{self, BindError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::gil::{call, raised};
use super::maker::{Maker, Tuples};
use super::pause::Pause;
use super::values::{Decoder, Encoder, Fractions, refusal};
use crate::error::{Error, Result};
use crate::execute::{self, Ready, Typed};
use crate::session::Statement;
use crate::types::{Declared, reading};
use crate::wire::message::{Cells, Messages, tag};

/// What turns values into parameters and rows into objects; made once per statement.
pub(super) struct Edge {
    encoders: Vec<Encoder>,
    decoders: Vec<Decoder>,
    names: Vec<Py<PyString>>,
    parameter_formats: Vec<i16>,
    result_formats: Vec<i16>,
    /// The formats of results that are read into Arrow.
    read_formats: Vec<i16>,
    /// The name of more than one column.
    twice: Option<String>,
}

impl Edge {
    fn new(py: Python<'_>, typed: &Typed) -> Self {
        let encoders: Vec<_> = typed.parameters.iter().map(Encoder::new).collect();
        let fractions = if typed.json_decimals { Fractions::Decimals } else { Fractions::Floats };
        let decoder = |(_, ty): &(String, Declared)| Decoder::new(ty, fractions);
        let decoders: Vec<_> = typed.columns.iter().map(decoder).collect();
        let names = typed.columns.iter().map(|(name, _)| PyString::intern(py, name).unbind());
        let parameter_formats = one_for_all(encoders.iter().map(Encoder::format).collect());
        let result_formats = one_for_all(decoders.iter().map(Decoder::format).collect());
        let read_formats = typed.columns.iter().map(|(_, ty)| reading(ty).1);
        let read_formats = one_for_all(read_formats.collect());
        let names = names.collect();
        let twice = twice(&typed.columns);
        Self { encoders, decoders, names, parameter_formats, result_formats, read_formats, twice }
    }

    /// The edge of a statement that is ready.
    pub fn of<'a>(py: Python<'_>, typed: &'a Typed) -> Result<&'a Self> {
        typed.edge(|| Self::new(py, typed))
    }

    /// Writes a Bind of these values to a portal.
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

    /// As [`Edge::bind`], with results in the formats that a read of them wants.
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
        let put = |(index, value): (usize, &Bound<'_, PyAny>), out: &mut BytesMut| {
            let encoder = self.encoders.get(index).ok_or("a value without a parameter")?;
            encoder.encode(value, out).map_err(|refused| {
                failed = Some(refusal(index, refused));
                "refused".into()
            })
        };
        let bound = frontend::bind(
            portal,
            statement.name(),
            self.parameter_formats.iter().copied(),
            values.iter().enumerate(),
            put,
            result_formats,
            out,
        );
        match (bound, failed) {
            (_, Some(error)) => Err(error),
            (Ok(()), None) => Ok(()),
            (Err(BindError::Conversion(error)), None) => Err(Error::Internal(error.to_string())),
            (Err(BindError::Serialization(error)), None) => Err(error.into()),
        }
    }
}

/// The first name that more than one column has.
fn twice(columns: &[(String, Declared)]) -> Option<String> {
    let mut seen = HashSet::new();
    columns.iter().find(|(name, _)| !seen.insert(name)).map(|(name, _)| name.clone())
}

/// One format stands for all where they are the same.
fn one_for_all(formats: Vec<i16>) -> Vec<i16> {
    match formats.first() {
        Some(first) if formats.iter().all(|format| format == first) => vec![*first],
        _ => formats,
    }
}

/// The values of a tuple.
pub(super) fn values<'py>(py: Python<'py>, tuple: &Py<PyTuple>) -> Vec<Bound<'py, PyAny>> {
    tuple.bind(py).iter().collect()
}

/// What rows become.
pub(super) enum Shape {
    /// Dicts by the columns' names.
    Dicts,
    /// Values without a name.
    Values,
    /// What a callable makes of the names, called with each row's values. Objects of tables note the
    /// database that they come from.
    Made(Py<PyAny>, Arc<str>),
    /// What is called with each row's values.
    Bound(Py<PyAny>),
}

impl Shape {
    /// By the binder that makes such a callable of the columns' names.
    pub fn new(into: Option<Py<PyAny>>, database: &Arc<str>) -> Self {
        into.map_or(Self::Dicts, |binder| Self::Made(binder, Arc::clone(database)))
    }

    /// The same for the columns of one statement, whose rows come part by part.
    pub fn bind(&self, py: Python<'_>, typed: &Typed) -> Result<Self> {
        Ok(match self {
            Self::Dicts => Self::Dicts,
            Self::Values => Self::Values,
            Self::Made(binder, database) => {
                Self::Bound(made_by(py, Edge::of(py, typed)?, binder, database)?.unbind())
            }
            Self::Bound(made) => Self::Bound(made.clone_ref(py)),
        })
    }
}

/// Rows as Python objects.
pub(super) struct Rows<'py, 'a> {
    py: Python<'py>,
    edge: &'a Edge,
    columns: &'a [(String, Declared)],
    maker: Made<'py>,
}

/// What a binder makes of a statement's columns.
fn made_by<'py>(
    py: Python<'py>,
    edge: &Edge,
    binder: &Py<PyAny>,
    database: &Arc<str>,
) -> Result<Bound<'py, PyAny>> {
    let names = PyTuple::new(py, &edge.names).map_err(raised)?;
    let made = binder.bind(py).call1((names,)).map_err(raised)?;
    match made.cast::<Maker>() {
        Ok(maker) => Ok(Maker::of_database(maker, database).map_err(raised)?.into_any()),
        Err(_) => Ok(made),
    }
}

/// What makes a row.
enum Made<'py> {
    /// Nothing: it is a dict.
    Dict,
    /// Objects of tables.
    Objects(Bound<'py, Maker>),
    /// Tuples.
    Tuple(Bound<'py, Tuples>),
    /// A callable.
    Call(Bound<'py, PyAny>),
}

impl<'py> Made<'py> {
    fn of(made: Bound<'py, PyAny>) -> Self {
        match made.cast_into::<Maker>() {
            Ok(maker) => Self::Objects(maker),
            Err(other) => match other.into_inner().cast_into::<Tuples>() {
                Ok(tuples) => Self::Tuple(tuples),
                Err(other) => Self::Call(other.into_inner()),
            },
        }
    }
}

impl<'py, 'a> Rows<'py, 'a> {
    pub fn new(py: Python<'py>, ready: &'a Typed, shape: &Shape) -> Result<Self> {
        let edge = Edge::of(py, ready)?;
        let maker = match shape {
            Shape::Dicts => {
                if let Some(name) = &edge.twice {
                    return Err(Error::Programming(format!(
                        "column \"{name}\" is there twice, and a dict holds it once; give one another name with AS"
                    )));
                }
                Made::Dict
            }
            Shape::Values => Made::Dict,
            Shape::Made(binder, database) => Made::of(made_by(py, edge, binder, database)?),
            Shape::Bound(made) => Made::of(made.bind(py).clone()),
        };
        Ok(Self { py, edge, columns: &ready.columns, maker })
    }

    /// All rows of a reply; the first of them is row `first` of the result.
    pub fn list(&self, reply: &[u8], first: u64) -> Result<Bound<'py, PyList>> {
        let list = PyList::empty(self.py);
        self.extend(&list, reply, first)?;
        Ok(list)
    }

    /// Puts the rows of a part of a reply behind those before; the list's first row is row `first`
    /// of the result.
    pub fn extend(&self, list: &Bound<'py, PyList>, part: &[u8], first: u64) -> Result<()> {
        // What a caller's own callable makes may have cycles.
        let _pause = match &self.maker {
            Made::Call(_) => None,
            _ => Some(Pause::begin(self.py, part).map_err(raised)?),
        };
        for message in Messages(part) {
            if message.tag == tag::ROW {
                let row = self.row(message.body).map_err(|error| match error {
                    Error::Value(mut value) => {
                        value.row = Some(first + list.len() as u64);
                        Error::Value(value)
                    }
                    error => error,
                })?;
                list.append(row).map_err(raised)?;
            }
        }
        Ok(())
    }

    /// The first row of a reply.
    pub fn first(&self, reply: &[u8]) -> Result<Option<Bound<'py, PyAny>>> {
        let row = Messages(reply).find(|message| message.tag == tag::ROW);
        row.map(|message| self.row(message.body)).transpose().map_err(|error| match error {
            Error::Value(mut value) => {
                value.row = Some(0);
                Error::Value(value)
            }
            error => error,
        })
    }

    /// The first value of a reply's first row.
    pub fn value(&self, reply: &[u8]) -> Result<Option<Bound<'py, PyAny>>> {
        let Some(message) = Messages(reply).find(|message| message.tag == tag::ROW) else {
            return Ok(None);
        };
        let mut cells = Cells::new(message.body, self.edge.decoders.len())?;
        let first = self.edge.decoders.first();
        let value = first.map(|decoder| self.cell(decoder, 0, &mut cells)).transpose()?;
        for _ in self.edge.decoders.iter().skip(1) {
            cells.cell()?;
        }
        cells.end()?;
        Ok(value)
    }

    fn row(&self, body: &[u8]) -> Result<Bound<'py, PyAny>> {
        let mut cells = Cells::new(body, self.edge.decoders.len())?;
        let decoders = self.edge.decoders.iter().enumerate();
        if let Made::Dict = &self.maker {
            let dict = PyDict::new(self.py);
            for ((index, decoder), name) in decoders.zip(&self.edge.names) {
                let value = self.cell(decoder, index, &mut cells)?;
                dict.set_item(name.bind(self.py), value).map_err(raised)?;
            }
            cells.end()?;
            return Ok(dict.into_any());
        }
        let values = decoders.map(|(index, decoder)| self.cell(decoder, index, &mut cells));
        let values: Vec<_> = values.collect::<Result<_>>()?;
        cells.end()?;
        let name = |at: usize| self.columns.get(at).map_or_else(String::new, |one| one.0.clone());
        match &self.maker {
            Made::Objects(maker) => maker.get().make(self.py, values, name),
            Made::Tuple(tuples) => tuples.get().make(self.py, values, name),
            Made::Call(callable) => {
                let values = PyTuple::new(self.py, values).map_err(raised)?;
                call(callable, &values).map_err(raised)
            }
            Made::Dict => Err(Error::Internal("a row that is no dict".into())),
        }
    }

    #[inline]
    fn cell(
        &self,
        decoder: &Decoder,
        index: usize,
        cells: &mut Cells<'_>,
    ) -> Result<Bound<'py, PyAny>> {
        let Some(cell) = cells.cell()? else { return Ok(self.py.None().into_bound(self.py)) };
        decoder.decode(self.py, cell).map_err(|error| self.at(index, error))
    }

    /// The same error, with the column's name.
    fn at(&self, index: usize, error: Error) -> Error {
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

/// The Bind of a statement that is ready.
pub(super) fn bound(
    py: Python<'_>,
    ready: &Ready,
    portal: &str,
    params: &Py<PyTuple>,
    out: &mut BytesMut,
) -> Result<()> {
    let typed = execute::typed(&ready.statement)?;
    let values = values(py, params);
    typed.expect(values.len())?;
    Edge::of(py, typed)?.bind(&ready.statement, portal, &values, out)
}
