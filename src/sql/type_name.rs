//! Types, as statements name them: what is a type's name and nothing else, and which types are PostgreSQL's own.
//!
//! A type of PostgreSQL's own is written with its schema where its name is looked up in the search path, so that
//! `text` is `pg_catalog.text` whatever another role has made of that name. The names that are words of SQL, such as
//! `bigint` and `timestamp with time zone`, are not looked up there.

use std::borrow::Cow;

use super::name::refuse_long;
use crate::error::{Error, Result};

/// Types whose names have several words; any other has one, so that nothing can follow it.
/// <https://www.postgresql.org/docs/current/datatype.html>
const WORDS: &[&str] = &[
    "bit varying",
    "character varying",
    "double precision",
    "interval day",
    "interval day to hour",
    "interval day to minute",
    "interval day to second",
    "interval hour",
    "interval hour to minute",
    "interval hour to second",
    "interval minute",
    "interval minute to second",
    "interval month",
    "interval second",
    "interval year",
    "interval year to month",
    "national character",
    "national character varying",
    "time with time zone",
    "time without time zone",
    "timestamp with time zone",
    "timestamp without time zone",
];

/// Words of SQL that are types; the grammar itself finds them in `pg_catalog`.
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/parser/gram.y>
const KEYWORDS: &[&str] = &[
    "bigint",
    "bit",
    "boolean",
    "char",
    "character",
    "dec",
    "decimal",
    "float",
    "int",
    "integer",
    "interval",
    "nchar",
    "numeric",
    "real",
    "smallint",
    "time",
    "timestamp",
    "varchar",
];

/// The other names of PostgreSQL's own types:
/// `SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typname !~ '^(_|pg_)'`.
const NAMES: &str = "\
aclitem any anyarray anycompatible anycompatiblearray anycompatiblemultirange anycompatiblenonarray \
anycompatiblerange anyelement anyenum anymultirange anynonarray anyrange bit bool box bpchar bytea char cid cidr \
circle cstring date datemultirange daterange event_trigger fdw_handler float4 float8 gtsvector index_am_handler inet \
int2 int2vector int4 int4multirange int4range int8 int8multirange int8range internal interval json jsonb jsonpath \
language_handler line lseg macaddr macaddr8 money name numeric nummultirange numrange oid oidvector path point \
polygon record refcursor regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc \
regprocedure regrole regtype table_am_handler text tid time timestamp timestamptz timetz trigger tsm_handler \
tsmultirange tsquery tsrange tstzmultirange tstzrange tsvector txid_snapshot unknown uuid varbit varchar void xid \
xid8 xml";

/// A type's name, checked, as a statement has it.
///
/// # Errors
/// When it is no type; when a part of it is longer than the server keeps.
pub fn written(name: &str) -> Result<Cow<'_, str>> {
    if !is_type(name) {
        return Err(Error::Interface(format!("{name:?} is no type")));
    }
    for part in parts(name) {
        refuse_long("type", &part)?;
    }
    Ok(qualified(name))
}

/// A type's name, with the schema where it is one of PostgreSQL's own that is looked up in the search path.
#[must_use]
pub fn qualified(name: &str) -> Cow<'_, str> {
    match own(name) {
        Some(Own::Looked) => format!("pg_catalog.{}", name.trim_start()).into(),
        Some(Own::Keyword | Own::Said) | None => name.into(),
    }
}

/// Whether a type is one of PostgreSQL's own, or an array of such.
#[must_use]
pub fn is_own(name: &str) -> bool {
    own(name).is_some()
}

/// How a type of PostgreSQL's own is named.
enum Own {
    /// By words of SQL.
    Keyword,
    /// By its schema and its name.
    Said,
    /// By a name that is looked up.
    Looked,
}

fn own(name: &str) -> Option<Own> {
    let name = name.trim();
    if let Some((schema, _)) = name.split_once('.')
        && !schema.contains('"')
    {
        return (schema == "pg_catalog").then_some(Own::Said);
    }
    if let Some(quoted) = name.strip_prefix('"') {
        let (inner, rest) = quoted.split_once('"')?;
        // A second quote is part of the name, and a dot ends a schema's.
        let ends = rest.is_empty() || rest.starts_with(['[', '(', ' ']);
        return (ends && is_name(inner)).then_some(Own::Looked);
    }
    let base = name.split(['(', '[']).next().unwrap_or_default().trim().to_lowercase();
    let first = base.split(' ').next().unwrap_or_default();
    if KEYWORDS.contains(&first) || base == "double precision" || first == "national" {
        Some(Own::Keyword)
    } else {
        is_name(&base).then_some(Own::Looked)
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with("pg_") || NAMES.split(' ').any(|own| own == name)
}

/// The parts of a type's name, without their quotes, brackets and modifiers.
#[must_use]
pub fn parts(written: &str) -> Vec<String> {
    let (mut parts, mut is_quoted) = (vec![String::new()], false);
    let mut letters = written.chars().peekable();
    while let Some(letter) = letters.next() {
        let Some(last) = parts.last_mut() else { break };
        match letter {
            '"' if is_quoted && letters.next_if_eq(&'"').is_some() => last.push('"'),
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => parts.push(String::new()),
            '(' | '[' if !is_quoted => break,
            _ => last.push(letter),
        }
    }
    parts
}

/// Whether a text can only be a type: names, quoted ones too, with modifiers and brackets.
fn is_type(text: &str) -> bool {
    let mut rest = text;
    let mut named = false;
    // What stands outside of quotes, modifiers and brackets.
    let mut plain = String::new();
    while let Some(first) = rest.chars().next() {
        let tail = rest.get(first.len_utf8()..).unwrap_or_default();
        rest = match first {
            '"' => match quoted(tail) {
                Some(tail) => {
                    plain.push('_');
                    tail
                }
                None => return false,
            },
            '(' => match tail.split_once(')') {
                Some((inside, tail)) if named && is_modifier(inside) => tail,
                _ => return false,
            },
            '[' => match tail.strip_prefix(']') {
                Some(tail) if named => tail,
                _ => return false,
            },
            _ if first.is_alphanumeric() || "_. ".contains(first) => {
                plain.push(first);
                tail
            }
            _ => return false,
        };
        named = true;
    }
    let words: Vec<_> = plain.split(' ').filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [] => false,
        [_] => true,
        several => WORDS.contains(&several.join(" ").to_lowercase().as_str()),
    }
}

fn is_modifier(text: &str) -> bool {
    let mut words = text.split(',').map(str::trim);
    words.all(|word| !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_alphanumeric()))
}

/// What stands after a quoted name.
fn quoted(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        let (_, tail) = rest.split_once('"')?;
        match tail.strip_prefix('"') {
            Some(tail) => rest = tail,
            None => return Some(tail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_own_types_that_are_looked_up_get_their_schema() {
        for (name, expected) in [
            ("text", "pg_catalog.text"),
            ("TEXT[]", "pg_catalog.TEXT[]"),
            ("\"char\"", "pg_catalog.\"char\""),
            ("char", "char"),
            ("bigint[]", "bigint[]"),
            ("numeric(12,2)", "numeric(12,2)"),
            ("Double  Precision", "Double  Precision"),
            ("timestamp(3) with time zone", "timestamp(3) with time zone"),
            ("timestamptz(3)", "pg_catalog.timestamptz(3)"),
            ("pg_catalog.text", "pg_catalog.text"),
            ("public.text", "public.text"),
            ("\"integer\"", "\"integer\""),
            ("\"text\".\"x\"", "\"text\".\"x\""),
            ("\"text\"\"x\"", "\"text\"\"x\""),
            ("vector(3)", "vector(3)"),
            ("status", "status"),
        ] {
            assert_eq!(written(name).unwrap(), expected, "{name}");
        }
        assert!(is_own("double precision[]") && is_own("int4") && is_own("pg_lsn"));
        assert!(!is_own("citext") && !is_own("public.text") && !is_own("\"Text\""));
    }

    #[test]
    fn test_types_are_types_alone() {
        for text in [
            "bigint",
            "numeric(12,2)",
            "geometry(Point, 4326)",
            "text[]",
            "\"my type\"[]",
            "public.status",
            "Double  Precision",
            "timestamp(3) with time zone",
            "a.\"B c\"[]",
        ] {
            assert!(is_type(text), "{text}");
        }
        for text in [
            "",
            " ",
            "int; DROP TABLE t",
            "int)",
            "(1)",
            "int('x')",
            "\"open",
            "[]",
            "int--",
            "int OR true",
            "int FROM t",
            "text COLLATE x",
            "int[1]",
            "x::int",
        ] {
            assert!(!is_type(text), "{text}");
        }
    }
}
