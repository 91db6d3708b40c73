//! What howdah knows of PostgreSQL's types: one file per type, and this list.
//!
//! | PostgreSQL | Arrow, read | Arrow, also taken in | file |
//! |---|---|---|---|
//! | bool | bool | arrow.bool8 | [`bool`] |
//! | int2, int4, int8 | int16, int32, int64 | every integer, range-checked | [`int2`], [`int4`], [`int8`] |
//! | oid | uint32 | every integer, range-checked | [`oid`] |
//! | float4, float8 | float32, float64 | float16; integers that stay exact | [`float4`], [`float8`] |
//! | numeric(p,s) | decimal128, decimal256 to 76 digits | every decimal, integer and float | [`numeric`] |
//! | numeric | utf8 with arrow.opaque | the same | [`numeric`] |
//! | text, varchar, bpchar, name | utf8 | large and view strings | [`text`], [`varchar`], [`bpchar`], [`name`] |
//! | bytea | binary | large, view and fixed-size binaries | [`bytea`] |
//! | date | date32 | date64 on whole days | [`date`] |
//! | time | time64\[us\] | every unit | [`time`] |
//! | timestamp, timestamptz | timestamp\[us\], timestamp\[us, UTC\] | every unit, any zone | [`timestamp`], [`timestamptz`] |
//! | interval | `month_day_nano` | every interval, duration | [`interval`] |
//! | uuid | arrow.uuid | 16-byte binaries, text | [`uuid`] |
//! | json, jsonb | arrow.json | strings | [`json`], [`jsonb`] |
//! | inet, cidr | utf8 | large and view strings | [`inet`], [`cidr`] |
//! | enum | dictionary\<int32, utf8\> | strings | [`enumeration`] |
//! | T\[\] | list\<T\> | large, fixed-size and view lists | [`array`] |
//! | range | struct\<lower, upper, `lower_inc`, `upper_inc`, empty\> | the same; what is not there is as in `[lower, upper)` | [`range`] |
//! | multirange | list of a range's struct | every kind of list | [`multirange`] |
//! | vector, halfvec (pgvector) | `fixed_size_list`\<float32\>, or list\<float32\> | every list of floats | [`vector`] |
//! | domain over T | as T | as T | |
//! | any other | utf8 with arrow.opaque | none | [`printed`] |
//!
//! Dictionaries of any value type, and null columns, are taken in for every type.

pub mod array;
pub mod bool;
pub mod bpchar;
pub mod bytea;
pub mod cidr;
pub mod date;
pub mod decode;
pub mod encode;
pub mod enumeration;
pub mod float4;
pub mod float8;
pub mod inet;
pub mod input;
pub mod int2;
pub mod int4;
pub mod int8;
pub mod interval;
pub mod json;
pub mod jsonb;
pub mod multirange;
pub mod name;
pub mod named;
pub mod numeric;
pub mod oid;
mod precision;
pub mod printed;
pub mod range;
pub mod text;
pub mod time;
pub mod timestamp;
pub mod timestamptz;
pub mod uuid;
pub mod varchar;
pub mod vector;

use arrow_array::Array;
use arrow_schema::extension::Opaque;
use arrow_schema::{DataType, Field};
use postgres_types::{Kind, Type};

use crate::wire::cells::Cells;
pub use decode::{Decode, OutOfRange, ReadAs};
pub use encode::CellError;

/// The types howdah knows by their OID. Arrays, enums, ranges and domains are known by
/// their kind, an extension's types by their name.
static LIST: &[&dyn PgType] = &[
    &bool::Bool,
    &int8::Int8,
    &int4::Int4,
    &int2::Int2,
    &oid::Oid,
    &float8::Float8,
    &float4::Float4,
    &numeric::Numeric,
    &text::Text,
    &varchar::Varchar,
    &bpchar::Bpchar,
    &name::Name,
    &bytea::Bytea,
    &date::Date,
    &time::Time,
    &timestamp::Timestamp,
    &timestamptz::Timestamptz,
    &interval::Interval,
    &uuid::Uuid,
    &jsonb::Jsonb,
    &json::Json,
    &inet::Inet,
    &cidr::Cidr,
];

/// One PostgreSQL type: how it looks in Arrow, and its way there and back.
pub trait PgType: Sync {
    /// The type by its OID; `None` for a family that is known by its kind.
    fn pg_type(&self) -> Option<Type>;

    /// The Arrow type that a column of this type is read as, with its extension, if any.
    fn arrow(&self, declared: &Declared, read_as: &ReadAs) -> Field;

    /// The Arrow type that Python values are gathered in before they are encoded.
    fn gathered(&self, declared: &Declared) -> Field {
        self.arrow(declared, &ReadAs::default())
    }

    /// Whether an Arrow column can become this type.
    fn accepts(&self, declared: &Declared, source: &Field) -> bool;

    /// Encodes an array of a type that is accepted.
    ///
    /// # Errors
    /// When a value cannot be carried exactly.
    fn encode<'a>(&self, declared: &Declared, array: &'a dyn Array)
    -> Result<Cells<'a>, CellError>;

    /// Whether the declared type keeps all of a value, as the server is sent it. What it would round or
    /// cut off is refused by [`Self::encode`], too.
    ///
    /// # Errors
    /// When it would not.
    fn keeps(&self, _declared: &Declared, _cell: &[u8]) -> Result<(), String> {
        Ok(())
    }

    /// What decodes the cells of a column.
    fn decoder(&self, declared: &Declared, read_as: &ReadAs) -> Box<dyn Decode>;

    /// Whether the decoder itself makes the Arrow type that was asked for.
    fn makes(&self, _asked: &DataType) -> bool {
        false
    }

    /// Whether the decoder prints values as the server does, for who wants a text.
    fn prints(&self) -> bool {
        false
    }

    /// The type's declaration, where it is the one to create for an Arrow column.
    fn creates(&self, _source: &Field) -> Option<String> {
        None
    }
}

/// The domains that a type is made of, from without: itself, and those of its elements and ends. Of
/// domains on domains, the outermost alone.
#[must_use]
pub fn domains(ty: &Type) -> Vec<&Type> {
    let (mut ty, mut found, mut is_base) = (ty, Vec::new(), false);
    loop {
        (ty, is_base) = match ty.kind() {
            Kind::Domain(base) => {
                if !is_base {
                    found.push(ty);
                }
                (base, true)
            }
            Kind::Array(inner) | Kind::Range(inner) | Kind::Multirange(inner) => (inner, false),
            _ => return found,
        };
    }
}

/// A type as a column declares it: with its modifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The type.
    pub ty: Type,
    /// The modifier (`atttypmod`); -1 for none. That of an array is its elements', that of a range its
    /// ends', who have one by a domain alone.
    pub typmod: i32,
}

impl Declared {
    /// The type below any domains.
    #[must_use]
    pub fn base(&self) -> &Type {
        let mut ty = &self.ty;
        while let Kind::Domain(base) = ty.kind() {
            ty = base;
        }
        ty
    }

    /// The type of an array's elements.
    #[must_use]
    pub fn element(&self) -> Option<Self> {
        match self.base().kind() {
            Kind::Array(element) => Some(Self { ty: element.clone(), typmod: self.typmod }),
            _ => None,
        }
    }

    /// The type's name, for messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self.element() {
            Some(element) => format!("{}[]", element.name()),
            None => self.ty.name().to_owned(),
        }
    }
}

/// What is known of a type; `None` if it is unknown, or an array of something unknown.
#[must_use]
pub fn known(declared: &Declared) -> Option<&'static dyn PgType> {
    match declared.base().kind() {
        Kind::Enum(_) => Some(&enumeration::Enumeration),
        Kind::Array(_) => {
            let element = declared.element()?;
            let nested = matches!(element.base().kind(), Kind::Array(_));
            (!nested && known(&element).is_some()).then_some(&array::Array as &dyn PgType)
        }
        Kind::Range(of) => known(&plainly(of)).map(|_| &range::Range as &dyn PgType),
        Kind::Multirange(of) => known(&plainly(of)).map(|_| &multirange::Multirange as &dyn PgType),
        _ => LIST
            .iter()
            .copied()
            .find(|known| known.pg_type().as_ref() == Some(declared.base()))
            .or_else(|| vector::of(declared.base())),
    }
}

/// What reads a type, and the format in which it wants the cells: 1 for binary, 0 for text.
#[must_use]
pub fn reading(declared: &Declared) -> (&'static dyn PgType, i16) {
    known(declared).map_or((&printed::Printed, 0), |pg_type| (pg_type, 1))
}

/// A type without a modifier.
fn plainly(ty: &Type) -> Declared {
    Declared { ty: ty.clone(), typmod: -1 }
}

/// Whether an Arrow column can become the declared type, dictionaries and null columns included.
#[must_use]
pub fn accepts(pg_type: &dyn PgType, declared: &Declared, source: &Field) -> bool {
    match source.data_type() {
        DataType::Null => true,
        DataType::Dictionary(_, values) => {
            accepts(pg_type, declared, &source.clone().with_data_type(values.as_ref().clone()))
        }
        DataType::RunEndEncoded(_, values) => {
            accepts(pg_type, declared, &source.clone().with_data_type(values.data_type().clone()))
        }
        // Text says itself what it means.
        data_type if input::is_text(data_type) && extension(source) != "arrow.opaque" => {
            pg_type.accepts(declared, source)
        }
        _ => is_understood(source) && pg_type.accepts(declared, source),
    }
}

/// Encodes an array that [`accepts`] let in.
///
/// # Errors
/// When a value cannot be carried exactly.
pub fn encode<'a>(
    pg_type: &dyn PgType,
    declared: &Declared,
    array: &'a dyn Array,
) -> Result<Cells<'a>, CellError> {
    match array.data_type() {
        DataType::Null => Ok(Cells::null(array.len())),
        DataType::Dictionary(..) => encode::dictionary(pg_type, declared, array),
        DataType::RunEndEncoded(..) => encode::runs(pg_type, declared, array),
        _ => pg_type.encode(declared, array),
    }
}

/// The declaration to create for an Arrow column; `None` if no type howdah knows can hold it.
#[must_use]
pub fn creates(source: &Field) -> Option<String> {
    match source.data_type() {
        DataType::Null => Some("text".into()),
        _ if !is_understood(source) => None,
        DataType::Dictionary(_, values) => {
            creates(&source.clone().with_data_type(values.as_ref().clone()))
        }
        DataType::RunEndEncoded(_, values) => {
            creates(&source.clone().with_data_type(values.data_type().clone()))
        }
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => {
            creates(element).filter(|name| !name.ends_with("[]")).map(|name| format!("{name}[]"))
        }
        _ => LIST.iter().find_map(|known| known.creates(source)),
    }
}

/// A nullable field without a name: the column that carries it has one.
fn plain(data_type: DataType) -> Field {
    Field::new("", data_type, true)
}

/// Whether the values of a field are what its storage says: it has no extension, or one that is
/// known. Behind any other they may be anything, as a number of months behind an int64.
fn is_understood(source: &Field) -> bool {
    match extension(source) {
        "" | "arrow.bool8" | "arrow.fixed_shape_tensor" | "arrow.json" | "arrow.uuid" => true,
        // As this crate and ADBC read what has no type in Arrow; ADBC has the bytes of some.
        "arrow.opaque" => {
            let opaque = source.try_extension_type::<Opaque>();
            opaque.is_ok_and(|opaque| opaque.vendor_name() == "PostgreSQL")
                && !holds_bytes(source.data_type())
        }
        // Geometries as bytes or text, and BigQuery's names for types that Arrow has.
        name => {
            name.starts_with("geoarrow.")
                || name == "ogc.wkb"
                || name.starts_with("google:sqlType:")
        }
    }
}

fn holds_bytes(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => holds_bytes(values),
        DataType::RunEndEncoded(_, values) => holds_bytes(values.data_type()),
        _ => data_type.is_binary(),
    }
}

/// The Arrow type of a field, with its extension, for messages.
#[must_use]
pub fn shown(field: &Field) -> String {
    let data_type = field.data_type();
    match (extension(field), field.try_extension_type::<Opaque>()) {
        ("", _) => data_type.to_string(),
        (extension, Ok(opaque)) => {
            let (name, vendor) = (opaque.type_name(), opaque.vendor_name());
            format!("{extension} {name} of {vendor} ({data_type})")
        }
        (extension, Err(_)) => format!("{extension} ({data_type})"),
    }
}

/// The extension of a field, `""` for none.
fn extension(field: &Field) -> &str {
    field.extension_type_name().unwrap_or("")
}
