//! The types with golden files, and their values that Arrow cannot hold.

use howdah::types::ColumnType;
use postgres_types::{Field, Kind, Type};

/// A type with golden files.
pub struct Case {
    /// The name of the files; those with arrays end in `_array`.
    pub name: &'static str,
    ty: Type,
    /// The array type, if it has a fixed OID.
    pub array: Option<Type>,
    typmod: i32,
    /// Values that Arrow cannot hold, as the server prints them, with the result of clamping.
    pub out_of_range: &'static [(&'static str, Option<&'static str>)],
    /// Whether the policy `Text` reads it as text.
    pub becomes_text: bool,
    /// Whether a cell of another length is malformed.
    pub is_strict: bool,
    has_array: bool,
    /// The types of a composite type's fields.
    fields: Vec<ColumnType>,
}

impl Case {
    /// The names of its files, and whether they hold arrays.
    pub fn files(&self) -> Vec<(String, bool)> {
        let plain = (self.name.to_owned(), false);
        let array = (format!("{}_array", self.name), true);
        if self.has_array { vec![plain, array] } else { vec![plain] }
    }

    /// The type of its values that are not arrays.
    pub fn plain(&self) -> ColumnType {
        ColumnType { fields: self.fields.clone(), ..ColumnType::new(self.ty.clone(), self.typmod) }
    }

    fn new(name: &'static str, ty: Type, array: Type) -> Self {
        Self {
            name,
            ty,
            array: Some(array),
            typmod: -1,
            out_of_range: &[],
            becomes_text: false,
            is_strict: true,
            has_array: true,
            fields: Vec::new(),
        }
    }

    fn user_defined(name: &'static str, ty: Type) -> Self {
        Self { array: None, ..Self::new(name, ty, Type::INT4_ARRAY) }
    }

    fn with_fields(mut self, fields: Vec<ColumnType>) -> Self {
        self.fields = fields;
        self
    }

    /// The case has no file with arrays.
    fn without_arrays(mut self) -> Self {
        self.has_array = false;
        self
    }

    /// Cells of any length are valid.
    fn any_length(mut self) -> Self {
        self.is_strict = false;
        self
    }

    fn text(mut self) -> Self {
        self.becomes_text = true;
        self
    }

    fn modified(mut self, typmod: i32) -> Self {
        self.typmod = typmod;
        self
    }

    fn out_of_range_values(
        mut self,
        values: &'static [(&'static str, Option<&'static str>)],
    ) -> Self {
        self.out_of_range = values;
        self
    }
}

/// `numeric_typmod`: `make_numeric_typmod` of PostgreSQL's `numeric.c`.
const fn numeric(precision: i32, scale: i32) -> i32 {
    ((precision << 16) | (scale & 0x7ff)) + 4
}

const NAN: &[(&str, Option<&str>)] = &[("NaN", None)];
/// Days from 1970: [`i32::MAX`] and [`i32::MIN`].
const DATES: &[(&str, Option<&str>)] =
    &[("infinity", Some("2147483647")), ("-infinity", Some("-2147483648"))];
const TIMES: &[(&str, Option<&str>)] = &[("24:00:00", Some("86399999999"))];
const TIMETZS: &[(&str, Option<&str>)] =
    &[("24:00:00+00", Some("{time: 23:59:59.999999, offset: 0}"))];
const LAST_US: Option<&str> = Some("9223372036854775807");
const FIRST_US: Option<&str> = Some("-9223372036854775807");
const TIMESTAMPS: &[(&str, Option<&str>)] =
    &[("294276-12-31 23:59:59.999999", LAST_US), ("infinity", LAST_US), ("-infinity", FIRST_US)];
const TIMESTAMPTZS: &[(&str, Option<&str>)] =
    &[("294276-12-31 23:59:59.999999+00", LAST_US), ("infinity", LAST_US), ("-infinity", FIRST_US)];
/// Months, days and nanoseconds.
const INTERVALS: &[(&str, Option<&str>)] = &[
    ("2562047788:00:54.775807", Some("0 0 9223372036854775807")),
    ("-2562047788:00:54.775807", Some("0 0 -9223372036854775807")),
    ("2562047:47:16.854776", Some("0 0 9223372036854775807")),
    ("infinity", Some("2147483647 2147483647 9223372036854775807")),
    ("-infinity", Some("-2147483648 -2147483648 -9223372036854775807")),
];

fn mood() -> Type {
    let labels = ["sad", "ok", "happy", "", "très content"].map(str::to_owned).to_vec();
    Type::new("mood".into(), 0, Kind::Enum(labels), "public".into())
}

/// A type of an extension; only arrays contain its OID.
fn extension(name: &str) -> Type {
    Type::new(name.into(), 0, Kind::Simple, "public".into())
}

fn textrange() -> Type {
    Type::new("textrange".into(), 0, Kind::Range(Type::TEXT), "public".into())
}

fn pair() -> Type {
    let fields = vec![Field::new("n".into(), Type::INT4), Field::new("label".into(), Type::TEXT)];
    Type::new("howdah_pair".into(), 0, Kind::Composite(fields), "public".into())
}

fn positive() -> Type {
    Type::new("positive".into(), 0, Kind::Domain(Type::INT4), "public".into())
}

/// Every type.
pub fn cases() -> Vec<Case> {
    vec![
        Case::new("bool", Type::BOOL, Type::BOOL_ARRAY),
        Case::new("int2", Type::INT2, Type::INT2_ARRAY),
        Case::new("int4", Type::INT4, Type::INT4_ARRAY),
        Case::new("int8", Type::INT8, Type::INT8_ARRAY),
        Case::new("oid", Type::OID, Type::OID_ARRAY),
        Case::new("float4", Type::FLOAT4, Type::FLOAT4_ARRAY),
        Case::new("float8", Type::FLOAT8, Type::FLOAT8_ARRAY),
        Case::new("numeric", Type::NUMERIC, Type::NUMERIC_ARRAY).text(),
        Case::new("numeric_limits", Type::NUMERIC, Type::NUMERIC_ARRAY).text().without_arrays(),
        Case::new("numeric_15_2", Type::NUMERIC, Type::NUMERIC_ARRAY)
            .modified(numeric(15, 2))
            .out_of_range_values(NAN)
            .text(),
        Case::new("numeric_38_10", Type::NUMERIC, Type::NUMERIC_ARRAY)
            .modified(numeric(38, 10))
            .out_of_range_values(NAN)
            .text(),
        Case::new("numeric_76_20", Type::NUMERIC, Type::NUMERIC_ARRAY)
            .modified(numeric(76, 20))
            .out_of_range_values(NAN)
            .text(),
        Case::new("numeric_5_minus_2", Type::NUMERIC, Type::NUMERIC_ARRAY)
            .modified(numeric(5, -2))
            .out_of_range_values(NAN)
            .text(),
        Case::new("numeric_3_5", Type::NUMERIC, Type::NUMERIC_ARRAY)
            .modified(numeric(3, 5))
            .out_of_range_values(NAN)
            .text(),
        Case::new("text", Type::TEXT, Type::TEXT_ARRAY).any_length(),
        Case::new("varchar", Type::VARCHAR, Type::VARCHAR_ARRAY).modified(44).any_length(),
        Case::new("bpchar", Type::BPCHAR, Type::BPCHAR_ARRAY).modified(9).any_length(),
        Case::new("name", Type::NAME, Type::NAME_ARRAY).any_length(),
        Case::new("bytea", Type::BYTEA, Type::BYTEA_ARRAY).any_length(),
        Case::new("date", Type::DATE, Type::DATE_ARRAY).out_of_range_values(DATES).text(),
        Case::new("time", Type::TIME, Type::TIME_ARRAY).out_of_range_values(TIMES).text(),
        Case::new("timestamp", Type::TIMESTAMP, Type::TIMESTAMP_ARRAY)
            .out_of_range_values(TIMESTAMPS)
            .text(),
        Case::new("timestamptz", Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY)
            .out_of_range_values(TIMESTAMPTZS)
            .text(),
        Case::new("interval", Type::INTERVAL, Type::INTERVAL_ARRAY)
            .out_of_range_values(INTERVALS)
            .text(),
        Case::new("uuid", Type::UUID, Type::UUID_ARRAY),
        Case::new("inet", Type::INET, Type::INET_ARRAY),
        Case::new("cidr", Type::CIDR, Type::CIDR_ARRAY),
        Case::new("json", Type::JSON, Type::JSON_ARRAY).any_length(),
        Case::new("jsonb", Type::JSONB, Type::JSONB_ARRAY).any_length(),
        Case::new("timetz", Type::TIMETZ, Type::TIMETZ_ARRAY).out_of_range_values(TIMETZS).text(),
        Case::new("bit_5", Type::BIT, Type::BIT_ARRAY).modified(5),
        Case::new("varbit", Type::VARBIT, Type::VARBIT_ARRAY),
        Case::new("char", Type::CHAR, Type::CHAR_ARRAY),
        Case::new("macaddr", Type::MACADDR, Type::MACADDR_ARRAY),
        Case::new("macaddr8", Type::MACADDR8, Type::MACADDR8_ARRAY),
        Case::new("pg_lsn", Type::PG_LSN, Type::PG_LSN_ARRAY),
        Case::new("tid", Type::TID, Type::TID_ARRAY),
        Case::new("xid", Type::XID, Type::XID_ARRAY),
        Case::new("cid", Type::CID, Type::CID_ARRAY),
        Case::new("xid8", Type::XID8, Type::XID8_ARRAY),
        Case::new("jsonpath", Type::JSONPATH, Type::JSONPATH_ARRAY).any_length(),
        Case::new("refcursor", Type::REFCURSOR, Type::REFCURSOR_ARRAY).any_length(),
        Case::user_defined("citext", extension("citext")).any_length(),
        Case::user_defined("ltree", extension("ltree")).any_length(),
        Case::user_defined("lquery", extension("lquery")).any_length(),
        Case::user_defined("ltxtquery", extension("ltxtquery")).any_length(),
        Case::new("point", Type::POINT, Type::POINT_ARRAY),
        Case::new("line", Type::LINE, Type::LINE_ARRAY),
        Case::new("lseg", Type::LSEG, Type::LSEG_ARRAY),
        Case::new("box", Type::BOX, Type::BOX_ARRAY).without_arrays(),
        Case::new("path", Type::PATH, Type::PATH_ARRAY),
        Case::new("polygon", Type::POLYGON, Type::POLYGON_ARRAY),
        Case::new("circle", Type::CIRCLE, Type::CIRCLE_ARRAY),
        Case::user_defined("cube", extension("cube")),
        Case::user_defined("sparsevec", extension("sparsevec")),
        Case::user_defined("hstore", extension("hstore")),
        Case::user_defined("composite", pair())
            .with_fields(vec![ColumnType::new(Type::INT4, -1), ColumnType::new(Type::TEXT, -1)]),
        Case::user_defined("enum", mood()),
        Case::user_defined("domain", positive()),
        Case::user_defined("vector", extension("vector")),
        Case::user_defined("vector_3", extension("vector")).modified(3),
        Case::user_defined("halfvec", extension("halfvec")),
        Case::new("int4range", Type::INT4_RANGE, Type::INT4_RANGE_ARRAY),
        Case::new("int8range", Type::INT8_RANGE, Type::INT8_RANGE_ARRAY).without_arrays(),
        Case::new("numrange", Type::NUM_RANGE, Type::NUM_RANGE_ARRAY).without_arrays(),
        Case::new("daterange", Type::DATE_RANGE, Type::DATE_RANGE_ARRAY).without_arrays(),
        Case::new("tsrange", Type::TS_RANGE, Type::TS_RANGE_ARRAY).without_arrays(),
        Case::new("tstzrange", Type::TSTZ_RANGE, Type::TSTZ_RANGE_ARRAY),
        Case::user_defined("textrange", textrange()).without_arrays(),
        Case::new("int4multirange", Type::INT4MULTI_RANGE, Type::INT4MULTI_RANGE_ARRAY),
        Case::new("nummultirange", Type::NUMMULTI_RANGE, Type::NUMMULTI_RANGE_ARRAY)
            .without_arrays(),
    ]
}
