//! Python values <-> wire format, for single values: encodes the parameters of statements and decodes the cells of
//! rows, without Arrow.

mod array;
mod composite;
mod datetime;
mod json;
mod network;
mod number;
mod policy;
mod range;
mod raw_init;
mod text;
mod vector;

pub(super) use raw_init::set_attribute;

use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::IsNull;
use postgres_types::{Field, Kind, Type};
use pyo3::BoundObject;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use super::arrow_builders::composite::FieldNames;
use super::arrow_builders::{ConversionError, is_missing_marker};
use super::gil::from_py_err;
use super::type_registry::{Converter, TypeRegistry};
use crate::error::{Error, Result, ValueError};
use crate::types::vector::width;
use crate::types::{ColumnType, OutOfRange, TextForm, codec_for, geometry, hstore};
use crate::wire::Malformed;
use crate::wire::vector::Width;
pub(in crate::python) use json::Fractions;

/// Encodes and decodes the values of a type.
enum Codec {
    Bool,
    Int2,
    Int4,
    Int8,
    /// `oid`, `xid` and `cid`.
    Oid,
    Xid8,
    Float4,
    Float8,
    Numeric,
    Text,
    Bytea,
    Date,
    Time,
    Timetz,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    Json(Fractions),
    Jsonb(Fractions),
    Inet,
    Cidr,
    Vector(Width),
    /// A type that Python holds as text.
    TextForm(&'static TextForm),
    Hstore,
    Composite(Box<composite::FieldCodecs>),
    Range(Box<range::BoundCodec>),
    Multirange(Box<range::BoundCodec>),
    /// An array whose elements have a binary format.
    Array(Box<array::ElementCodec>),
    /// A type with a typmod, at which the server may round or truncate: such values are refused.
    Checked(Box<Codec>, ColumnType),
    /// A type with values that Python's type cannot hold, and a policy for them.
    WithPolicy(Box<policy::PolicyCodec>),
    /// A type whose Python values the user converts.
    Registered(Box<Codec>, Arc<Converter>),
    /// The text format, for types without a binary codec.
    TextFallback,
}

/// How values are converted.
#[derive(Clone)]
pub(in crate::python) struct CodecOptions {
    pub fractions: Fractions,
    pub registry: Option<Arc<TypeRegistry>>,
    /// What decoding does with a value that Python's type cannot hold.
    pub out_of_range: OutOfRange,
}

impl Codec {
    /// The codec of a type. Encoding refuses values that the typmod would change.
    fn for_encoding(column_type: &ColumnType, options: &CodecOptions) -> Self {
        let codec = Self::without_converter(column_type, options);
        match options.registry.as_ref().and_then(|registry| registry.find(&column_type.ty)) {
            Some(converter) => match codec {
                Self::WithPolicy(policy) => Self::WithPolicy(Box::new(policy.converted(converter))),
                codec => Self::Registered(Box::new(codec), converter),
            },
            None => codec,
        }
    }

    /// As [`Self::for_encoding`], without the user's functions for the type.
    fn without_converter(column_type: &ColumnType, options: &CodecOptions) -> Self {
        match column_type.base().kind() {
            // The server checks the labels: some may have been added since the type was looked up.
            Kind::Enum(_) => Self::Text,
            Kind::Array(element) => Self::array_codec(column_type, element, options),
            Kind::Composite(fields) => Self::composite_codec(column_type, fields, options),
            Kind::Range(subtype) => Self::bound_codec(column_type, subtype, options)
                .map_or(Self::TextFallback, Self::Range),
            Kind::Multirange(subtype) => Self::bound_codec(column_type, subtype, options)
                .map_or(Self::TextFallback, Self::Multirange),
            _ => match policy::with_policy(
                Self::scalar(column_type.base(), options.fractions),
                options.out_of_range,
            ) {
                codec if column_type.typmod == -1 || codec.format_code() == 0 => codec,
                codec => Self::Checked(Box::new(codec), column_type.clone()),
            },
        }
    }

    /// As [`Self::for_encoding`], without the check against the typmod.
    fn for_decoding(column_type: &ColumnType, options: &CodecOptions) -> Self {
        Self::for_encoding(&without_modifiers(column_type), options)
    }

    fn scalar(base: &Type, fractions: Fractions) -> Self {
        match *base {
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::OID | Type::XID | Type::CID => Self::Oid,
            Type::XID8 => Self::Xid8,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => Self::Text,
            Type::BYTEA => Self::Bytea,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMETZ => Self::Timetz,
            Type::TIMESTAMP => Self::Timestamp,
            Type::TIMESTAMPTZ => Self::Timestamptz,
            Type::INTERVAL => Self::Interval,
            Type::UUID => Self::Uuid,
            Type::JSON => Self::Json(fractions),
            Type::JSONB => Self::Jsonb(fractions),
            Type::INET => Self::Inet,
            Type::CIDR => Self::Cidr,
            _ => match (width(base), TextForm::of(base), hstore::of(base)) {
                (Some(width), ..) => Self::Vector(width),
                (_, Some(form), _) => Self::TextForm(form),
                (_, _, Some(_)) => Self::Hstore,
                _ if geometry::of(base).is_some() => Self::Bytea,
                _ => Self::TextFallback,
            },
        }
    }

    /// The codec of a range's bounds; `None` if they have no binary codec.
    fn bound_codec(
        range: &ColumnType,
        subtype: &Type,
        options: &CodecOptions,
    ) -> Option<Box<range::BoundCodec>> {
        match Self::for_encoding(&range.inner(subtype), options) {
            codec if codec.format_code() == 0 => None,
            codec => Some(Box::new(range::BoundCodec(codec))),
        }
    }

    /// The codec of a composite type; the text format if a field has no binary format.
    fn composite_codec(composite: &ColumnType, fields: &[Field], options: &CodecOptions) -> Self {
        let mut codecs = Vec::with_capacity(fields.len());
        for (field, ty) in fields.iter().zip(&composite.fields) {
            match Self::for_encoding(ty, options) {
                codec if codec.format_code() == 0 => return Self::TextFallback,
                codec => codecs.push(composite::FieldCodec {
                    codec,
                    name: field.name().to_owned(),
                    type_name: ty.name(),
                    oid: ty.ty.oid(),
                }),
            }
        }
        if codecs.len() != fields.len() {
            return Self::TextFallback;
        }
        let names = FieldNames::new(codecs.iter().map(|field| field.name.clone()).collect());
        Self::Composite(Box::new(composite::FieldCodecs { names, fields: codecs }))
    }

    /// Whether a Python list can be a single value of the type.
    fn encodes_lists(&self) -> bool {
        // The caller's value of a registered type may be anything.
        matches!(
            self,
            Self::Json(_)
                | Self::Jsonb(_)
                | Self::Vector(_)
                | Self::Multirange(_)
                | Self::Registered(..)
        )
    }

    fn array_codec(array: &ColumnType, element: &Type, options: &CodecOptions) -> Self {
        let column_type = array.inner(element);
        match Self::for_encoding(&column_type, options) {
            Self::Array(_) => Self::TextFallback,
            codec if codec.format_code() == 0 => Self::TextFallback,
            codec => Self::Array(Box::new(array::ElementCodec {
                codec,
                name: column_type.name(),
                oid: element.oid(),
                lower_bound: i32::from(!matches!(
                    *array.base(),
                    Type::INT2_VECTOR | Type::OID_VECTOR
                )),
            })),
        }
    }

    /// The format code of the protocol: 1 for binary, 0 for text.
    fn format_code(&self) -> i16 {
        match self {
            Self::TextFallback => 0,
            Self::Registered(codec, _) => codec.format_code(),
            _ => 1,
        }
    }

    /// Appends the encoding of a value that is not None.
    #[inline]
    fn encode(&self, value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Result<(), ConversionError> {
        match self {
            Self::Bool => number::encode_bool(value, out),
            Self::Int2 => number::encode_int2(value, out),
            Self::Int4 => number::encode_int4(value, out),
            Self::Int8 => number::encode_int8(value, out),
            Self::Oid => number::encode_oid(value, out),
            Self::Xid8 => number::encode_xid8(value, out),
            Self::Float4 => number::encode_float4(value, out),
            Self::Float8 => number::encode_float8(value, out),
            Self::Numeric => number::encode_numeric(value, out),
            Self::Text | Self::TextFallback => text::encode_text(value, out),
            Self::Bytea => text::encode_bytea(value, out),
            Self::Date => datetime::encode_date(value, out),
            Self::Time => datetime::encode_time(value, out),
            Self::Timetz => datetime::encode_timetz(value, out),
            Self::Timestamp => datetime::encode_timestamp(value, out),
            Self::Timestamptz => datetime::encode_timestamptz(value, out),
            Self::Interval => datetime::encode_interval(value, out),
            Self::Uuid => text::encode_uuid(value, out),
            Self::Json(_) => json::encode_json(value, out),
            Self::Jsonb(_) => json::encode_jsonb(value, out),
            Self::Inet => network::encode(value, false, out),
            Self::Cidr => network::encode(value, true, out),
            Self::Vector(width) => vector::encode(*width, value, out),
            Self::TextForm(form) => text::encode_text_form(form, value, out),
            Self::Hstore => composite::encode_hstore(value, out),
            Self::Composite(fields) => fields.encode(value, out),
            Self::Range(bounds) => bounds.encode(value, out),
            Self::Multirange(bounds) => bounds.encode_all(value, out),
            Self::Array(elements) => elements.encode(value, out),
            Self::Registered(codec, converter) => codec.encode(&converter.encode(value)?, out),
            Self::WithPolicy(policy) => policy.codec.encode(value, out),
            Self::Checked(codec, column_type) => {
                let start = out.len();
                codec.encode(value, out)?;
                check_typmod(column_type, out.get(start..).unwrap_or_default())
            }
        }
    }

    /// Decodes a cell that is not NULL.
    #[inline]
    fn decode<'py>(&self, py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
        match self {
            Self::Bool => number::decode_bool(py, cell),
            Self::Int2 => number::decode_int2(py, cell),
            Self::Int4 => number::decode_int4(py, cell),
            Self::Int8 => number::decode_int8(py, cell),
            Self::Oid => number::decode_oid(py, cell),
            Self::Xid8 => to_object(py, u64::from_be_bytes(fixed_bytes(cell)?)),
            Self::Float4 => number::decode_float4(py, cell),
            Self::Float8 => number::decode_float8(py, cell),
            Self::Numeric => number::decode_numeric(py, cell),
            Self::Text | Self::TextFallback => text::decode_text(py, cell),
            Self::Bytea => Ok(text::decode_bytea(py, cell)),
            Self::Date => datetime::decode_date(py, cell),
            Self::Time => datetime::decode_time(py, cell),
            Self::Timetz => datetime::decode_timetz(py, cell),
            Self::Timestamp => datetime::decode_timestamp(py, cell),
            Self::Timestamptz => datetime::decode_timestamptz(py, cell),
            Self::Interval => datetime::decode_interval(py, cell),
            Self::Uuid => text::decode_uuid(py, cell),
            Self::Json(fractions) => json::decode_json(py, cell, *fractions),
            Self::Jsonb(fractions) => json::decode_jsonb(py, cell, *fractions),
            Self::Inet => network::decode(py, cell, false),
            Self::Cidr => network::decode(py, cell, true),
            Self::Vector(width) => vector::decode(py, *width, cell),
            Self::TextForm(form) => text::decode_text_form(py, form, cell),
            Self::Hstore => composite::decode_hstore(py, cell),
            Self::Composite(fields) => fields.decode(py, cell),
            Self::Range(bounds) => bounds.decode(py, cell),
            Self::Multirange(bounds) => bounds.decode_all(py, cell),
            Self::Array(elements) => elements.decode(py, cell),
            Self::Checked(codec, _) => codec.decode(py, cell),
            Self::WithPolicy(policy) => policy.decode(py, cell),
            Self::Registered(codec, converter) => {
                converter.decode(codec.decode(py, cell)?).map_err(from_py_err)
            }
        }
    }
}

/// The type without its modifiers, which do not matter when values are decoded.
fn without_modifiers(column_type: &ColumnType) -> ColumnType {
    let fields = column_type.fields.iter().map(without_modifiers).collect();
    ColumnType { ty: column_type.ty.clone(), typmod: -1, fields }
}

/// Refuses an encoded value that the server would round or truncate.
fn check_typmod(column_type: &ColumnType, cell: &[u8]) -> Result<(), ConversionError> {
    codec_for(column_type)
        .map_or(Ok(()), |pg_type| pg_type.check_exact(column_type, cell))
        .map_err(ConversionError::InvalidValue)
}

/// Encodes the values of one parameter.
pub(in crate::python) struct Encoder {
    codec: Codec,
    /// The PostgreSQL type's name, for messages.
    name: String,
}

impl Encoder {
    /// Makes the encoder of a type; for an unknown type one of text.
    pub fn new(column_type: &ColumnType, options: &CodecOptions) -> Self {
        let codec = Codec::for_encoding(column_type, options);
        let name = match codec.format_code() {
            0 => format!("{} as a str", column_type.name()),
            _ => column_type.name(),
        };
        Self { codec, name }
    }

    /// The format's code: 1 for binary, 0 for text.
    pub fn format(&self) -> i16 {
        self.codec.format_code()
    }

    /// Appends the encoding of a value; nothing if it cannot be encoded.
    #[inline]
    pub fn encode(
        &self,
        value: &Bound<'_, PyAny>,
        out: &mut BytesMut,
    ) -> Result<IsNull, ConversionError> {
        if value.is_none() {
            return Ok(IsNull::Yes);
        }
        let start = out.len();
        match self.codec.encode(value, out) {
            Ok(()) => Ok(IsNull::No),
            Err(error) => {
                out.truncate(start);
                self.on_error(value, error)
            }
        }
    }

    #[cold]
    fn on_error(
        &self,
        value: &Bound<'_, PyAny>,
        error: ConversionError,
    ) -> Result<IsNull, ConversionError> {
        match error {
            ConversionError::WrongType(_) if is_missing_marker(value) => Ok(IsNull::Yes),
            ConversionError::WrongType(what) => {
                Err(ConversionError::WrongType(format!("expected {}, got {what}", self.name)))
            }
            ConversionError::InvalidValue(what) => {
                Err(ConversionError::InvalidValue(format!("{what} (parameter type {})", self.name)))
            }
            error => Err(error),
        }
    }
}

/// The error for a parameter, whose index counts from 0.
pub(in crate::python) fn parameter_error(index: usize, error: ConversionError) -> Error {
    let (message, wrong_type) = match error {
        ConversionError::WrongType(message) => (message, true),
        ConversionError::InvalidValue(message) => (message, false),
        ConversionError::NonFinite => ("NaN or infinity".to_owned(), false),
        ConversionError::Python(error) => return from_py_err(error),
    };
    let message = format!("parameter ${}: {message}", index + 1);
    Error::Value(Box::new(ValueError { message, wrong_type, ..ValueError::default() }))
}

/// Decodes the cells of one column.
pub(in crate::python) struct Decoder(Codec);

impl Decoder {
    /// Makes the decoder of a type; for an unknown type one of text.
    pub fn new(column_type: &ColumnType, options: &CodecOptions) -> Self {
        Self(Codec::for_decoding(column_type, options))
    }

    /// The format's code: 1 for binary, 0 for text.
    pub fn format(&self) -> i16 {
        self.0.format_code()
    }

    /// Decodes a cell that is not NULL.
    #[inline]
    pub fn decode<'py>(&self, py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
        self.0.decode(py, cell)
    }
}

/// The error for a value that Python's type cannot hold.
#[cold]
fn out_of_range(value: &str, python: &str) -> Error {
    value_error(format!("{value} is out of range for {python}; cast it in SQL, as in column::text"))
}

fn value_error(message: String) -> Error {
    Error::Value(Box::new(ValueError { message, ..ValueError::default() }))
}

/// The error for a value that Python's class or parser refuses.
#[cold]
fn refused_by_python(py: Python<'_>, what: &str, error: PyErr) -> Error {
    if !error.is_instance_of::<PyException>(py) {
        return from_py_err(error);
    }
    let why = error.value(py);
    value_error(format!(
        "{what} that Python cannot read: {why}; cast it in SQL, as in column::text"
    ))
}

/// The error for bytes that do not have the type's wire format.
#[cold]
fn malformed(malformed: Malformed) -> Error {
    Error::Internal(malformed.0)
}

/// Checks the length of a value of fixed length.
#[inline]
fn fixed_bytes<const N: usize>(cell: &[u8]) -> Result<[u8; N]> {
    crate::wire::fixed(cell).map_err(malformed)
}

/// Converts a Rust value to a Python object.
#[inline]
fn to_object<'py, T>(py: Python<'py>, value: T) -> Result<Bound<'py, PyAny>>
where
    T: IntoPyObject<'py>,
    PyErr: From<T::Error>,
{
    let object = value.into_pyobject(py).map_err(|error| from_py_err(error.into()))?;
    Ok(object.into_any().into_bound())
}
