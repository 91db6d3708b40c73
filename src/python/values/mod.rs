//! Single values, straight between Python and the wire: the parameters of statements, and the cells
//! of rows.

mod array;
mod frozen;
mod json;
mod network;
mod number;
mod range;
mod text;
mod vector;
mod when;

pub(super) use frozen::set_attribute;

use bytes::BytesMut;
use postgres_protocol::IsNull;
use postgres_types::{Kind, Type};
use pyo3::BoundObject;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use super::gather::{Refused, is_missing_marker};
use super::gil::raised;
use crate::error::{Error, Result, ValueError};
use crate::types::vector::width;
use crate::types::{Declared, known};
use crate::wire::Malformed;
use crate::wire::vector::Width;
pub(in crate::python) use json::Fractions;

/// How values of a type go over the wire.
enum Form {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    Text,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    Json(Fractions),
    Jsonb(Fractions),
    Inet,
    Cidr,
    Vector(Width),
    Range(Box<range::Ends>),
    Multirange(Box<range::Ends>),
    /// Elements in binary form.
    Array(Box<array::Elements>),
    /// Values that a modifier may round or cut off: what has more is refused.
    Limited(Box<Form>, Declared),
    /// As text, which the server reads and prints.
    Printed,
}

impl Form {
    fn of(declared: &Declared, fractions: Fractions) -> Self {
        match declared.base().kind() {
            // Its labels are the server's to check: some may have been added since.
            Kind::Enum(_) => Self::Text,
            Kind::Array(element) => Self::array(declared, element, fractions),
            Kind::Range(of) => Self::ends(declared, of).map_or(Self::Printed, Self::Range),
            Kind::Multirange(of) => {
                Self::ends(declared, of).map_or(Self::Printed, Self::Multirange)
            }
            _ => match Self::plain(declared.base(), fractions) {
                form if declared.typmod == -1 || form.code() == 0 => form,
                form => Self::Limited(Box::new(form), declared.clone()),
            },
        }
    }

    /// As [`Self::of`], for values of which nothing is to be refused.
    fn read(declared: &Declared, fractions: Fractions) -> Self {
        Self::of(&Declared { ty: declared.ty.clone(), typmod: -1 }, fractions)
    }

    fn plain(base: &Type, fractions: Fractions) -> Self {
        match *base {
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::OID => Self::Oid,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => Self::Text,
            Type::BYTEA => Self::Bytea,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMESTAMP => Self::Timestamp,
            Type::TIMESTAMPTZ => Self::Timestamptz,
            Type::INTERVAL => Self::Interval,
            Type::UUID => Self::Uuid,
            Type::JSON => Self::Json(fractions),
            Type::JSONB => Self::Jsonb(fractions),
            Type::INET => Self::Inet,
            Type::CIDR => Self::Cidr,
            _ => width(base).map_or(Self::Printed, Self::Vector),
        }
    }

    /// The ends of a range; `None` if they have no binary form.
    fn ends(range: &Declared, of: &Type) -> Option<Box<range::Ends>> {
        let declared = Declared { ty: of.clone(), typmod: range.typmod };
        // There are no ranges of JSON.
        match Self::of(&declared, Fractions::Floats) {
            Self::Printed => None,
            form => Some(Box::new(range::Ends(form))),
        }
    }

    /// Whether a list may be a single value.
    fn takes_lists(&self) -> bool {
        matches!(self, Self::Json(_) | Self::Jsonb(_) | Self::Vector(_) | Self::Multirange(_))
    }

    fn array(array: &Declared, element: &Type, fractions: Fractions) -> Self {
        let declared = Declared { ty: element.clone(), typmod: array.typmod };
        match Self::of(&declared, fractions) {
            Self::Printed | Self::Array(_) => Self::Printed,
            form => Self::Array(Box::new(array::Elements {
                form,
                name: declared.name(),
                oid: element.oid(),
                lower: i32::from(!matches!(*array.base(), Type::INT2_VECTOR | Type::OID_VECTOR)),
            })),
        }
    }

    /// The format's code: 1 for binary, 0 for text.
    fn code(&self) -> i16 {
        i16::from(!matches!(self, Self::Printed))
    }

    /// Appends a value that is not None.
    #[inline]
    fn put(&self, value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Result<(), Refused> {
        match self {
            Self::Bool => number::put_bool(value, out),
            Self::Int2 => number::put_int2(value, out),
            Self::Int4 => number::put_int4(value, out),
            Self::Int8 => number::put_int8(value, out),
            Self::Oid => number::put_oid(value, out),
            Self::Float4 => number::put_float4(value, out),
            Self::Float8 => number::put_float8(value, out),
            Self::Numeric => number::put_numeric(value, out),
            Self::Text | Self::Printed => text::put_text(value, out),
            Self::Bytea => text::put_bytea(value, out),
            Self::Date => when::put_date(value, out),
            Self::Time => when::put_time(value, out),
            Self::Timestamp => when::put_timestamp(value, out),
            Self::Timestamptz => when::put_timestamptz(value, out),
            Self::Interval => when::put_interval(value, out),
            Self::Uuid => text::put_uuid(value, out),
            Self::Json(_) => json::put_json(value, out),
            Self::Jsonb(_) => json::put_jsonb(value, out),
            Self::Inet => network::put(value, false, out),
            Self::Cidr => network::put(value, true, out),
            Self::Vector(width) => vector::put(*width, value, out),
            Self::Range(ends) => ends.put(value, out),
            Self::Multirange(ends) => ends.put_all(value, out),
            Self::Array(elements) => elements.put(value, out),
            Self::Limited(form, declared) => {
                let start = out.len();
                form.put(value, out)?;
                keeps(declared, out.get(start..).unwrap_or_default())
            }
        }
    }

    /// Reads a cell that is not NULL.
    #[inline]
    fn get<'py>(&self, py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
        match self {
            Self::Bool => number::get_bool(py, cell),
            Self::Int2 => number::get_int2(py, cell),
            Self::Int4 => number::get_int4(py, cell),
            Self::Int8 => number::get_int8(py, cell),
            Self::Oid => number::get_oid(py, cell),
            Self::Float4 => number::get_float4(py, cell),
            Self::Float8 => number::get_float8(py, cell),
            Self::Numeric => number::get_numeric(py, cell),
            Self::Text | Self::Printed => text::get_text(py, cell),
            Self::Bytea => Ok(text::get_bytea(py, cell)),
            Self::Date => when::get_date(py, cell),
            Self::Time => when::get_time(py, cell),
            Self::Timestamp => when::get_timestamp(py, cell),
            Self::Timestamptz => when::get_timestamptz(py, cell),
            Self::Interval => when::get_interval(py, cell),
            Self::Uuid => text::get_uuid(py, cell),
            Self::Json(fractions) => json::get_json(py, cell, *fractions),
            Self::Jsonb(fractions) => json::get_jsonb(py, cell, *fractions),
            Self::Inet => network::get(py, cell, false),
            Self::Cidr => network::get(py, cell, true),
            Self::Vector(width) => vector::get(py, *width, cell),
            Self::Range(ends) => ends.get(py, cell),
            Self::Multirange(ends) => ends.get_all(py, cell),
            Self::Array(elements) => elements.get(py, cell),
            Self::Limited(form, _) => form.get(py, cell),
        }
    }
}

/// Refuses what the server would round or cut off.
fn keeps(declared: &Declared, cell: &[u8]) -> Result<(), Refused> {
    known(declared).map_or(Ok(()), |pg_type| pg_type.keeps(declared, cell)).map_err(Refused::Unfit)
}

/// Encodes the values of one parameter.
pub(in crate::python) struct Encoder {
    form: Form,
    /// The type's name, for messages.
    name: String,
}

impl Encoder {
    /// What encodes values of a type; of one that is not known, their text.
    pub fn new(declared: &Declared) -> Self {
        let form = Form::of(declared, Fractions::Floats);
        let name = match form {
            Form::Printed => format!("{} as a str", declared.name()),
            _ => declared.name(),
        };
        Self { form, name }
    }

    /// The format's code: 1 for binary, 0 for text.
    pub fn format(&self) -> i16 {
        self.form.code()
    }

    /// Appends a value; nothing of one that is refused.
    #[inline]
    pub fn encode(&self, value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Result<IsNull, Refused> {
        if value.is_none() {
            return Ok(IsNull::Yes);
        }
        let start = out.len();
        match self.form.put(value, out) {
            Ok(()) => Ok(IsNull::No),
            Err(refused) => {
                out.truncate(start);
                self.refused(value, refused)
            }
        }
    }

    #[cold]
    fn refused(&self, value: &Bound<'_, PyAny>, refused: Refused) -> Result<IsNull, Refused> {
        match refused {
            Refused::WrongType(_) if is_missing_marker(value) => Ok(IsNull::Yes),
            Refused::WrongType(what) => {
                Err(Refused::WrongType(format!("expected {}, got {what}", self.name)))
            }
            Refused::Unfit(what) => {
                Err(Refused::Unfit(format!("{what} (parameter type {})", self.name)))
            }
            refused => Err(refused),
        }
    }
}

/// The error of a parameter, counted from 0.
pub(in crate::python) fn refusal(index: usize, refused: Refused) -> Error {
    let (message, wrong_type) = match refused {
        Refused::WrongType(message) => (message, true),
        Refused::Unfit(message) => (message, false),
        Refused::Special => ("NaN or infinity".to_owned(), false),
        Refused::Raised(error) => return raised(error),
    };
    let message = format!("parameter ${}: {message}", index + 1);
    Error::Value(Box::new(ValueError { message, wrong_type, ..ValueError::default() }))
}

/// Decodes the cells of one column.
pub(in crate::python) struct Decoder(Form);

impl Decoder {
    /// What decodes values of a type; of one that is not known, their text.
    pub fn new(declared: &Declared, fractions: Fractions) -> Self {
        Self(Form::read(declared, fractions))
    }

    /// The format's code: 1 for binary, 0 for text.
    pub fn format(&self) -> i16 {
        self.0.code()
    }

    /// Reads a cell that is not NULL.
    #[inline]
    pub fn decode<'py>(&self, py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
        self.0.get(py, cell)
    }
}

/// A value that Python's type cannot hold.
#[cold]
fn beyond(value: &str, python: &str) -> Error {
    unfit(format!("{value} is out of range for {python}; cast it in SQL, as in column::text"))
}

fn unfit(message: String) -> Error {
    Error::Value(Box::new(ValueError { message, ..ValueError::default() }))
}

/// What Python's own reader of a type refuses.
#[cold]
fn unreadable(py: Python<'_>, what: &str, error: PyErr) -> Error {
    if !error.is_instance_of::<PyException>(py) {
        return raised(error);
    }
    let why = error.value(py);
    unfit(format!("{what} that Python cannot read: {why}; cast it in SQL, as in column::text"))
}

/// Bytes that the server would not send.
#[cold]
fn malformed(malformed: Malformed) -> Error {
    Error::Internal(malformed.0)
}

/// The bytes of a value of a fixed length.
#[inline]
fn fixed<const N: usize>(cell: &[u8]) -> Result<[u8; N]> {
    crate::wire::fixed(cell).map_err(malformed)
}

/// A Rust value as Python's.
#[inline]
fn object<'py, T>(py: Python<'py>, value: T) -> Result<Bound<'py, PyAny>>
where
    T: IntoPyObject<'py>,
    PyErr: From<T::Error>,
{
    let made = value.into_pyobject(py).map_err(|error| raised(error.into()))?;
    Ok(made.into_any().into_bound())
}
