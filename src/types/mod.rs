//! The codecs between PostgreSQL's binary format and Arrow: one file per type, and the list of
//! them.
//!
//! | PostgreSQL | Arrow, when read | Arrow, also accepted when loaded | file |
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
//! | json, jsonb | arrow.json | strings; structs, maps and lists | [`json`], [`jsonb`] |
//! | inet, cidr | utf8 | large and view strings | [`inet`], [`cidr`] |
//! | timetz | struct\<time, offset\> | every time, every integer | [`timetz`] |
//! | xid, cid; xid8 | uint32; uint64 | every integer, range-checked | [`xid`] |
//! | bit, varbit | utf8 with arrow.opaque | large and view strings | `bit` |
//! | "char" | utf8 with arrow.opaque | large and view strings | `char` |
//! | macaddr, macaddr8 | utf8 with arrow.opaque | large and view strings | `macaddr` |
//! | `pg_lsn`; tid | utf8 with arrow.opaque | large and view strings | `pg_lsn`, `tid` |
//! | jsonpath, refcursor, citext, ltree, lquery, ltxtquery | utf8 with arrow.opaque | large and view strings | `plain_text` |
//! | point, line, lseg, box, path, polygon, circle | utf8 with arrow.opaque | large and view strings | `geometric` |
//! | cube; sparsevec (pgvector) | utf8 with arrow.opaque | large and view strings | `cube`, `sparsevec` |
//! | geometry, geography (PostGIS) | geoarrow.wkb | binaries of WKB or EWKB | [`geometry`] |
//! | hstore | map\<utf8, utf8\> | maps of large and view strings | [`hstore`] |
//! | composite | struct of its fields | the same | [`composite`] |
//! | enum | dictionary\<int32, utf8\> | strings | [`enumeration`] |
//! | T\[\] | list\<T\> | large, fixed-size and view lists | [`array`] |
//! | range | struct\<lower, upper, `lower_inc`, `upper_inc`, empty\> | the same; missing fields mean `[lower, upper)` | [`range`] |
//! | multirange | list of a range's struct | every kind of list | [`multirange`] |
//! | vector, halfvec (pgvector) | `fixed_size_list`\<float32\>, or list\<float32\> | every list of floats | [`vector`] |
//! | domain over T | as T | as T | |
//! | any other | utf8 with arrow.opaque | strings, which the server casts | [`text_fallback`] |
//!
//! Every type also accepts dictionary arrays of any value type, run-end encoded arrays, and null
//! columns.

pub mod array;
pub mod arrow_type_name;
mod bit;
pub mod bool;
pub mod bpchar;
pub mod bytea;
mod char;
pub mod cidr;
pub mod composite;
mod cube;
pub mod date;
pub mod declaration;
pub mod decode;
pub mod encode;
pub mod enumeration;
pub mod float4;
pub mod float8;
mod geometric;
pub mod geometry;
pub mod hstore;
pub mod inet;
pub mod input;
pub mod int2;
pub mod int4;
pub mod int8;
pub mod interval;
pub mod json;
mod json_value;
pub mod jsonb;
mod macaddr;
pub mod multirange;
pub mod name;
pub mod numeric;
pub mod oid;
mod pg_lsn;
mod plain_text;
pub mod range;
mod sparsevec;
pub mod text;
pub mod text_fallback;
pub mod text_form;
mod tid;
pub mod time;
pub mod timestamp;
pub mod timestamptz;
pub mod timetz;
mod typmod_precision;
pub mod uuid;
pub mod varchar;
pub mod vector;
pub mod xid;

use arrow_array::Array;
use arrow_schema::extension::Opaque;
use arrow_schema::{DataType, Field};
use postgres_types::{Kind, Type};

use crate::wire::cells::Cells;
pub use decode::{Decode, OutOfRange, ReadAs};
pub use encode::CellError;
pub use text_form::TextForm;

/// The codecs that are found by the type's OID. Codecs of arrays, enums, ranges and domains are
/// found by the type's kind, those of extension types by the type's name.
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
    &timetz::Timetz,
    &xid::Xid,
    &xid::Cid,
    &xid::Xid8,
];

/// The types that Arrow holds as text: those with an OID, and those of extensions, by name.
static TEXT_FORMS: &[&TextForm] = &[
    &bit::BIT,
    &bit::VARBIT,
    &char::CHAR,
    &macaddr::MACADDR,
    &macaddr::MACADDR8,
    &pg_lsn::PG_LSN,
    &tid::TID,
    &plain_text::JSONPATH,
    &plain_text::REFCURSOR,
    &plain_text::CITEXT,
    &plain_text::LTREE,
    &plain_text::LQUERY,
    &plain_text::LTXTQUERY,
    &geometric::POINT,
    &geometric::LINE,
    &geometric::LSEG,
    &geometric::BOX,
    &geometric::PATH,
    &geometric::POLYGON,
    &geometric::CIRCLE,
    &cube::CUBE,
    &sparsevec::SPARSEVEC,
];

/// The codec of one PostgreSQL type: its Arrow type, encoder and decoder.
pub trait PgType: Sync {
    /// The built-in type with its OID; `None` for a family of types that is found by its kind or
    /// name.
    fn pg_type(&self) -> Option<Type>;

    /// The Arrow field, with its extension type if it has one, that a column of this type is read
    /// as.
    fn arrow(&self, declared: &ColumnType, read_as: &ReadAs) -> Field;

    /// The Arrow field that Python values are converted to before they are encoded.
    fn python_arrow_type(&self, declared: &ColumnType) -> Field {
        self.arrow(declared, &ReadAs::default())
    }

    /// Whether an Arrow column can be encoded as this type.
    fn accepts(&self, declared: &ColumnType, source: &Field) -> bool;

    /// Encodes an array whose type [`Self::accepts`].
    ///
    /// # Errors
    /// When PostgreSQL's type cannot hold a value exactly.
    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError>;

    /// Checks that the declared type stores an encoded cell without rounding or cutting it.
    /// [`Self::encode`] refuses such values too.
    ///
    /// # Errors
    /// When the server would change the value.
    fn check_exact(&self, _declared: &ColumnType, _cell: &[u8]) -> Result<(), String> {
        Ok(())
    }

    /// A decoder for the cells of a column.
    fn decoder(&self, declared: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode>;

    /// Whether the decoder builds the requested Arrow type itself, so that no cast is needed.
    fn decodes_to(&self, _requested: &DataType) -> bool {
        false
    }

    /// Whether the decoder can format values as the server does, for columns requested as text.
    fn decodes_to_text(&self) -> bool {
        false
    }

    /// The type for a new table's column that holds this Arrow column; `None` if another type fits
    /// better or this one does not fit.
    fn ddl_type_for(&self, _source: &Field) -> Option<String> {
        None
    }
}

/// The domains in a type, outermost first: the type itself, and those of its elements or bounds. Of
/// a domain over a domain, only the outer one.
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

/// The type below any domains, of the elements of an array and the bounds of a range.
#[must_use]
pub fn innermost(ty: &Type) -> &Type {
    match ty.kind() {
        Kind::Domain(inner) | Kind::Array(inner) | Kind::Range(inner) | Kind::Multirange(inner) => {
            innermost(inner)
        }
        _ => ty,
    }
}

/// A column's type and type modifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnType {
    /// The type.
    pub ty: Type,
    /// The type modifier (`atttypmod`); -1 for none. An array has its elements' modifier, a range
    /// that of its bounds, which only a domain can give.
    pub typmod: i32,
    /// The types of the fields of a composite type, also of one in an array or range.
    pub fields: Vec<ColumnType>,
}

impl ColumnType {
    /// A type that is not composite, with its modifier.
    #[must_use]
    pub fn new(ty: Type, typmod: i32) -> Self {
        Self { ty, typmod, fields: Vec::new() }
    }

    /// The type `inner` within this one: an array's elements, a range's bounds.
    #[must_use]
    pub fn inner(&self, inner: &Type) -> Self {
        Self { ty: inner.clone(), ..self.clone() }
    }

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
            Kind::Array(element) => Some(self.inner(element)),
            _ => None,
        }
    }

    /// The type's name, for error messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self.element() {
            Some(element) => format!("{}[]", element.name()),
            None => self.ty.name().to_owned(),
        }
    }
}

/// The codec of a type; `None` if there is none for it or for its elements.
#[must_use]
pub fn codec_for(declared: &ColumnType) -> Option<&'static dyn PgType> {
    match declared.base().kind() {
        Kind::Enum(_) => Some(&enumeration::Enumeration),
        Kind::Array(_) => {
            let element = declared.element()?;
            let nested = matches!(element.base().kind(), Kind::Array(_));
            (!nested && codec_for(&element).is_some()).then_some(&array::Array as &dyn PgType)
        }
        Kind::Composite(_) => composite::members(declared).map(|_| &composite::Composite as _),
        Kind::Range(of) => codec_for(&declared.inner(of)).map(|_| &range::Range as &dyn PgType),
        Kind::Multirange(of) => {
            codec_for(&declared.inner(of)).map(|_| &multirange::Multirange as &dyn PgType)
        }
        _ => LIST
            .iter()
            .copied()
            .find(|known| known.pg_type().as_ref() == Some(declared.base()))
            .or_else(|| TextForm::of(declared.base()).map(|form| form as &dyn PgType))
            .or_else(|| vector::of(declared.base()))
            .or_else(|| hstore::of(declared.base()))
            .or_else(|| geometry::of(declared.base())),
    }
}

/// The codec that reads a type, and the wire format of its cells: 1 for binary, 0 for text.
#[must_use]
pub fn read_codec_for(declared: &ColumnType) -> (&'static dyn PgType, i16) {
    codec_for(declared).map_or((&text_fallback::TextFallback, 0), |pg_type| (pg_type, 1))
}

/// The codec that loads a type; that of text for a type without a codec, which the server casts.
#[must_use]
pub fn load_codec_for(declared: &ColumnType) -> &'static dyn PgType {
    codec_for(declared).unwrap_or(&text::Text)
}

/// Whether an Arrow column can be loaded as the declared type by [`load_codec_for`]: a type without
/// a codec takes text, but not that of another type.
#[must_use]
pub fn loads(declared: &ColumnType, source: &Field) -> bool {
    match codec_for(declared) {
        Some(pg_type) => accepts(pg_type, declared, source),
        None => {
            accepts(&text::Text, declared, source)
                && opaque_name(source).is_none_or(|name| name == declared.name())
        }
    }
}

/// Whether an Arrow column can be encoded as the declared type; includes dictionaries, run-end
/// encoded arrays and null columns.
#[must_use]
pub fn accepts(pg_type: &dyn PgType, declared: &ColumnType, source: &Field) -> bool {
    match source.data_type() {
        DataType::Null => true,
        DataType::Dictionary(_, values) => {
            accepts(pg_type, declared, &source.clone().with_data_type(values.as_ref().clone()))
        }
        DataType::RunEndEncoded(_, values) => {
            accepts(pg_type, declared, &source.clone().with_data_type(values.data_type().clone()))
        }
        // The target type parses text, whatever the column's extension type is.
        data_type if input::is_text(data_type) && extension(source) != "arrow.opaque" => {
            pg_type.accepts(declared, source)
        }
        _ => is_supported_extension(source) && pg_type.accepts(declared, source),
    }
}

/// Encodes an array of a type that [`accepts`] allowed.
///
/// # Errors
/// When PostgreSQL's type cannot hold a value exactly.
pub fn encode<'a>(
    pg_type: &dyn PgType,
    declared: &ColumnType,
    array: &'a dyn Array,
) -> Result<Cells<'a>, CellError> {
    match array.data_type() {
        DataType::Null => Ok(Cells::null(array.len())),
        DataType::Dictionary(..) => encode::dictionary(pg_type, declared, array),
        DataType::RunEndEncoded(..) => encode::runs(pg_type, declared, array),
        _ => pg_type.encode(declared, array),
    }
}

/// The PostgreSQL type for a new table's column that holds this Arrow column; `None` if no codec
/// fits.
#[must_use]
pub fn ddl_type_for(source: &Field) -> Option<String> {
    match source.data_type() {
        DataType::Null => Some("text".into()),
        _ if !is_supported_extension(source) => None,
        DataType::Dictionary(_, values) => {
            ddl_type_for(&source.clone().with_data_type(values.as_ref().clone()))
        }
        DataType::RunEndEncoded(_, values) => {
            ddl_type_for(&source.clone().with_data_type(values.data_type().clone()))
        }
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => ddl_type_for(element)
            .filter(|name| !name.ends_with("[]"))
            .map(|name| format!("{name}[]")),
        _ => TEXT_FORMS
            .iter()
            .find_map(|form| form.ddl_type_for(source))
            .or_else(|| LIST.iter().find_map(|known| known.ddl_type_for(source))),
    }
}

/// A nullable field without a name: the column that contains it has the name.
fn nullable_field(data_type: DataType) -> Field {
    Field::new("", data_type, true)
}

/// Whether the storage type alone defines a field's values: it has no extension type, or a
/// supported one. An unknown extension may change their meaning, such as an int64 that counts
/// months.
fn is_supported_extension(source: &Field) -> bool {
    match extension(source) {
        "" | "arrow.bool8" | "arrow.fixed_shape_tensor" | "arrow.json" | "arrow.uuid" => true,
        // howdah and ADBC mark columns without an Arrow type this way; for some of them ADBC stores
        // the binary format.
        "arrow.opaque" => {
            let opaque = source.try_extension_type::<Opaque>();
            opaque.is_ok_and(|opaque| opaque.vendor_name() == "PostgreSQL")
                && !holds_bytes(source.data_type())
        }
        // Geometries as WKB or WKT, and BigQuery's names for types that Arrow has.
        name => {
            name.starts_with("geoarrow.")
                || name == "ogc.wkb"
                || name.starts_with("google:sqlType:")
        }
    }
}

/// The name of the PostgreSQL type that marks a field as `arrow.opaque`.
fn opaque_name(source: &Field) -> Option<String> {
    let opaque = source.try_extension_type::<Opaque>().ok()?;
    (opaque.vendor_name() == "PostgreSQL").then(|| opaque.type_name().to_owned())
}

fn holds_bytes(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => holds_bytes(values),
        DataType::RunEndEncoded(_, values) => holds_bytes(values.data_type()),
        _ => data_type.is_binary(),
    }
}

/// The Arrow type of a field, with its extension type, for error messages.
#[must_use]
pub fn display_type(field: &Field) -> String {
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

/// The name of a field's extension type, `""` for none.
fn extension(field: &Field) -> &str {
    field.extension_type_name().unwrap_or("")
}
