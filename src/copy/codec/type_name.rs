//! Reads the SQL name of a type, with modifier and brackets, to a type with its modifier.
//!
//! The names and modifiers are those of `SimpleTypename` in
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/parser/gram.y>, and of the
//! types' `typmodin` functions.

use std::collections::HashMap;
use std::sync::LazyLock;

use postgres_types::{Kind, Type};

use crate::types::ColumnType;

/// The names of the SQL standard, and those of PostgreSQL for the same types. A `char` without a
/// length has one character, a `bit` one bit.
const SQL_NAMES: &[(&str, &str)] = &[
    ("bigint", "int8"),
    ("bit varying", "varbit"),
    ("boolean", "bool"),
    ("char", "bpchar"),
    ("char varying", "varchar"),
    ("character", "bpchar"),
    ("character varying", "varchar"),
    ("dec", "numeric"),
    ("decimal", "numeric"),
    ("double precision", "float8"),
    ("int", "int4"),
    ("integer", "int4"),
    ("national char", "bpchar"),
    ("national char varying", "varchar"),
    ("national character", "bpchar"),
    ("national character varying", "varchar"),
    ("nchar", "bpchar"),
    ("nchar varying", "varchar"),
    ("real", "float4"),
    ("smallint", "int2"),
    ("time with time zone", "timetz"),
    ("time without time zone", "time"),
    ("timestamp with time zone", "timestamptz"),
    ("timestamp without time zone", "timestamp"),
];

/// The fields of an interval, and the bits of each within a modifier (`INTERVAL_MASK` of
/// `src/include/utils/timestamp.h`).
const INTERVAL_FIELDS: &[(&str, i32)] = &[
    ("", ALL_FIELDS),
    (" year", 1 << 2),
    (" month", 1 << 1),
    (" day", 1 << 3),
    (" hour", 1 << 10),
    (" minute", 1 << 11),
    (" second", 1 << 12),
    (" year to month", 1 << 2 | 1 << 1),
    (" day to hour", 1 << 3 | 1 << 10),
    (" day to minute", 1 << 3 | 1 << 10 | 1 << 11),
    (" day to second", 1 << 3 | 1 << 10 | 1 << 11 | 1 << 12),
    (" hour to minute", 1 << 10 | 1 << 11),
    (" hour to second", 1 << 10 | 1 << 11 | 1 << 12),
    (" minute to second", 1 << 11 | 1 << 12),
];

const ALL_FIELDS: i32 = 0x7fff;
const ALL_DIGITS: i32 = 0xffff;

/// Built-in types have smaller OIDs (`FirstGenbkiObjectId` of `src/include/access/transam.h`).
const MAX_BUILTIN_OID: u32 = 10_000;

/// The built-in types by name; that of an array begins with an underscore.
static BUILTIN: LazyLock<HashMap<String, Type>> = LazyLock::new(|| {
    let types = (1..MAX_BUILTIN_OID).filter_map(Type::from_oid);
    types.map(|ty| (ty.name().to_owned(), ty)).collect()
});

fn declared(ty: Type, typmod: i32) -> ColumnType {
    ColumnType::new(ty, typmod)
}

/// The parts of a type's name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts {
    schema: Option<String>,
    /// Words with one space between them, in lower case unless they were quoted.
    name: String,
    is_quoted: bool,
    /// The numbers of the modifier; `None` for a word.
    modifier: Option<Vec<Option<i32>>>,
    is_array: bool,
}

/// The type with this name, as written in SQL or by the server's `format_type`. A name that is not
/// built-in becomes a simple type without an OID.
///
/// # Errors
/// When the text is not the name of a type; says why.
pub fn type_named(text: &str) -> Result<ColumnType, String> {
    let parts = split(text).ok_or_else(|| format!("{text:?} is not a type name"))?;
    let is_builtin = parts.schema.as_ref().is_none_or(|schema| schema == "pg_catalog");
    let is_sql_name = parts.schema.is_none() && !parts.is_quoted;
    let (name, typmod) = if is_sql_name { resolve(&parts) } else { with_modifier(&parts) }
        .map_err(|what| format!("type {text}: {what}"))?;
    if let Some(ty) = BUILTIN.get(&name).filter(|_| is_builtin) {
        if !parts.is_array {
            return Ok(declared(ty.clone(), typmod));
        }
        let array = BUILTIN.get(&format!("_{name}"));
        let array = array.ok_or_else(|| format!("type {text}: there are no arrays of {name}"))?;
        return Ok(declared(array.clone(), typmod));
    }
    if name.contains(' ') && !parts.is_quoted {
        return Err(format!("{text:?} is not a type name"));
    }
    let schema = parts.schema.unwrap_or_else(|| "public".to_owned());
    let ty = Type::new(name.clone(), 0, Kind::Simple, schema.clone());
    let array = || Type::new(format!("_{name}"), 0, Kind::Array(ty.clone()), schema);
    Ok(declared(if parts.is_array { array() } else { ty }, typmod))
}

/// The type that SQL means by a name without quotes or schema, and the modifier.
fn resolve(parts: &Parts) -> Result<(String, i32), String> {
    let name = parts.name.as_str();
    if let Some(fields) = name.strip_prefix("interval")
        && let Some((_, mask)) = INTERVAL_FIELDS.iter().find(|(name, _)| *name == fields)
    {
        return Ok(("interval".to_owned(), interval_modifier(*mask, parts)?));
    }
    if name == "float" {
        let digits = single(parts, 1..=53)?.unwrap_or(53);
        return Ok((if digits <= 24 { "float4" } else { "float8" }.to_owned(), -1));
    }
    let postgres_name = SQL_NAMES.iter().find(|(sql_name, _)| *sql_name == name);
    let postgres_name = postgres_name.map_or(name, |(_, postgres_name)| postgres_name);
    // `bpchar` itself has no length.
    let has_length = parts.modifier.is_some() || name == "bpchar";
    let typmod = match postgres_name {
        "bpchar" if !has_length => 5,
        "bit" if !has_length => 1,
        postgres_name => modifier(postgres_name, parts)?,
    };
    Ok((postgres_name.to_owned(), typmod))
}

/// The type with exactly this name, and the modifier.
fn with_modifier(parts: &Parts) -> Result<(String, i32), String> {
    let typmod = match parts.name.as_str() {
        "interval" => interval_modifier(ALL_FIELDS, parts)?,
        name => modifier(name, parts)?,
    };
    Ok((parts.name.clone(), typmod))
}

fn modifier(name: &str, parts: &Parts) -> Result<i32, String> {
    let Some(given) = &parts.modifier else { return Ok(-1) };
    // `VARHDRSZ`, by which lengths and precisions are larger.
    let header = 4;
    match (name, given.as_slice()) {
        ("numeric", [Some(precision @ 1..=1000)]) => Ok((precision << 16) + header),
        ("numeric", [Some(precision @ 1..=1000), Some(scale @ -1000..=1000)]) => {
            Ok(((precision << 16) | (scale & 0x7ff)) + header)
        }
        ("varchar" | "bpchar", _) => Ok(single(parts, 1..=10_485_760)?.unwrap_or(0) + header),
        ("bit" | "varbit", _) => Ok(single(parts, 1..=83_886_080)?.unwrap_or(0)),
        ("time" | "timetz" | "timestamp" | "timestamptz", _) => {
            Ok(single(parts, 0..=6)?.unwrap_or(6))
        }
        ("vector" | "halfvec" | "sparsevec", _) => {
            Ok(single(parts, 1..=1_000_000_000)?.unwrap_or(-1))
        }
        _ => Err("the modifier does not fit the type".to_owned()),
    }
}

fn interval_modifier(mask: i32, parts: &Parts) -> Result<i32, String> {
    match single(parts, 0..=6)? {
        Some(_) if mask != ALL_FIELDS && mask & 1 << 12 == 0 => {
            Err("only seconds have a precision".to_owned())
        }
        Some(digits) => Ok((mask << 16) | digits),
        None if mask == ALL_FIELDS => Ok(-1),
        None => Ok((mask << 16) | ALL_DIGITS),
    }
}

/// A modifier of one number.
fn single(parts: &Parts, range: std::ops::RangeInclusive<i32>) -> Result<Option<i32>, String> {
    match parts.modifier.as_deref() {
        None => Ok(None),
        Some([Some(number)]) if range.contains(number) => Ok(Some(*number)),
        Some(_) => {
            let (least, greatest) = range.into_inner();
            Err(format!("expected a modifier from {least} to {greatest}"))
        }
    }
}

/// Splits a type's name; `None` if it is not one.
fn split(text: &str) -> Option<Parts> {
    let (mut parts, mut words) = (Parts::default(), Vec::<String>::new());
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..)?;
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
        rest = match first {
            '[' => {
                let (size, after) = after.split_once(']')?;
                let is_size = size.trim().bytes().all(|digit| digit.is_ascii_digit());
                if words.is_empty() || !is_size {
                    return None;
                }
                parts.is_array = true;
                after
            }
            _ if first.is_whitespace() => after,
            // Nothing but brackets follows brackets, and no word a quoted one.
            _ if parts.is_array => return None,
            '(' if parts.modifier.is_none() && !words.is_empty() => {
                let (inside, after) = after.split_once(')')?;
                let given: Vec<_> = inside.split(',').map(str::trim).collect();
                if !given.iter().all(|given| is_modifier(given)) {
                    return None;
                }
                parts.modifier = Some(given.iter().map(|given| given.parse().ok()).collect());
                after
            }
            '.' if parts.schema.is_none() && parts.modifier.is_none() && words.len() == 1 => {
                parts.schema = words.pop();
                parts.is_quoted = false;
                after
            }
            '"' if words.is_empty() => {
                let (word, after) = quoted(after)?;
                words.push(word);
                parts.is_quoted = true;
                after
            }
            _ if is_word(first) && !parts.is_quoted => {
                let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
                let (word, after) = rest.split_at_checked(end)?;
                words.push(word.to_lowercase());
                after
            }
            _ => return None,
        };
    }
    parts.name = words.join(" ");
    (!parts.name.is_empty()).then_some(parts)
}

fn is_modifier(text: &str) -> bool {
    let word = text.strip_prefix('-').unwrap_or(text);
    !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_alphanumeric())
}

/// The identifier before the closing quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut word, mut rest) = (String::new(), text);
    loop {
        let (part, after) = rest.split_once('"')?;
        word.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                word.push('"');
                rest = after;
            }
            None => return Some((word, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, i32) {
        let found = type_named(text).unwrap_or_else(|what| panic!("{text}: {what}"));
        (found.ty.name().to_owned(), found.typmod)
    }

    /// The modifiers are those that a PostgreSQL 18 has for columns of these types (`atttypmod`).
    #[test]
    fn test_type_of_every_spelling_has_the_servers_modifier() {
        for (text, name, typmod) in [
            ("bigint", "int8", -1),
            (" INT4 ", "int4", -1),
            ("pg_catalog.int4", "int4", -1),
            ("double  precision", "float8", -1),
            ("float", "float8", -1),
            ("float(24)", "float4", -1),
            ("float(25)", "float8", -1),
            ("numeric", "numeric", -1),
            ("numeric(12,2)", "numeric", 786_438),
            ("decimal(5)", "numeric", 327_684),
            ("numeric(5, -2)", "numeric", 329_730),
            ("varchar", "varchar", -1),
            ("varchar(10)", "varchar", 14),
            ("character varying(10)", "varchar", 14),
            ("char", "bpchar", 5),
            ("character(3)", "bpchar", 7),
            ("bpchar", "bpchar", -1),
            ("\"char\"", "char", -1),
            ("bit", "bit", 1),
            ("bit varying(5)", "varbit", 5),
            ("timestamptz", "timestamptz", -1),
            ("timestamptz(3)", "timestamptz", 3),
            ("timestamp(3) with time zone", "timestamptz", 3),
            ("timestamp without time zone", "timestamp", -1),
            ("time(0) without time zone", "time", 0),
            ("interval", "interval", -1),
            ("interval(3)", "interval", 2_147_418_115),
            ("interval day to second(3)", "interval", 470_286_339),
            ("interval year to month", "interval", 458_751),
            ("int4[]", "_int4", -1),
            ("integer[][]", "_int4", -1),
            ("int[3]", "_int4", -1),
            ("numeric(12,2)[]", "_numeric", 786_438),
            ("character varying(10)[]", "_varchar", 14),
            ("timestamp(3) with time zone[]", "_timestamptz", 3),
            ("\"char\"[]", "_char", -1),
            ("int4range", "int4range", -1),
            ("int8multirange", "int8multirange", -1),
            ("vector(3)", "vector", 3),
            ("public.halfvec(2)", "halfvec", 2),
            ("mood", "mood", -1),
            ("\"My Mood\"", "My Mood", -1),
            ("app.\"a\"\"b\"", "a\"b", -1),
        ] {
            assert_eq!(parsed(text), (name.to_owned(), typmod), "{text}");
        }
    }

    #[test]
    fn test_schema_decides_which_type_is_meant() {
        assert_eq!(type_named("public.int4").unwrap().ty.oid(), 0);
        assert_eq!(type_named("\"int4\"").unwrap().ty, Type::INT4);
        assert_eq!(type_named("\"integer\"").unwrap().ty.oid(), 0);
        assert_eq!(type_named("app.mood").unwrap().ty.schema(), "app");
    }

    #[test]
    fn test_text_that_is_no_type_name_is_an_error() {
        for text in [
            "",
            " ",
            "[]",
            "(3)",
            "int4)",
            "int4(",
            "int4; DROP TABLE t",
            "int4[]x",
            "int4[-1]",
            "int4 int4",
            "a.b.c",
            "\"open",
            "\"a\" b",
            "numeric(a)",
            "numeric(0)",
            "numeric(1,2,3)",
            "varchar(0)",
            "varchar(1)(2)",
            "int4(3)",
            "timestamp(7)",
            "interval day(3)",
            "interval century",
            "geometry(Point,4326)",
            "anyelement[]",
        ] {
            assert!(type_named(text).is_err(), "{text}");
        }
    }
}
