//! Checks type names for use in SQL, and qualifies those of built-in types.
//!
//! A built-in type is written with its schema if its name would be looked up in the search path:
//! `text` becomes `pg_catalog.text`, whatever another role has created with that name. Type names
//! that are SQL keywords, such as `bigint` and `timestamp with time zone`, are not looked up there.

use std::borrow::Cow;

use super::name::check_length;
use crate::error::{Error, Result};

/// Type names of several words. All other types have one, so that nothing can follow a type.
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

/// SQL keywords that are type names; the grammar itself resolves them to `pg_catalog`.
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

/// The other built-in type names:
/// `SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typname !~
/// '^(_|pg_)'`.
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

/// Checks a type name and qualifies it for use in SQL.
///
/// # Errors
/// When it is not a type name, or a part of it is longer than the server allows.
pub fn checked(name: &str) -> Result<Cow<'_, str>> {
    if !is_type(name) {
        return Err(Error::Interface(format!("{name:?} is not a type name")));
    }
    for part in parts(name) {
        check_length("type", &part)?;
    }
    Ok(qualified(name))
}

/// Qualifies a built-in type's name with `pg_catalog` if it would be looked up in the search path.
#[must_use]
pub fn qualified(name: &str) -> Cow<'_, str> {
    match naming(name) {
        Some(BuiltinName::Unqualified) => format!("pg_catalog.{}", name.trim_start()).into(),
        Some(BuiltinName::Keyword | BuiltinName::Qualified) | None => name.into(),
    }
}

/// Whether a type is built-in, or an array of a built-in type.
#[must_use]
pub fn is_builtin(name: &str) -> bool {
    naming(name).is_some()
}

/// How a built-in type is named.
enum BuiltinName {
    /// By SQL keywords.
    Keyword,
    /// With its schema.
    Qualified,
    /// By a name that is looked up in the search path.
    Unqualified,
}

fn naming(name: &str) -> Option<BuiltinName> {
    let name = name.trim();
    if let Some((schema, _)) = name.split_once('.')
        && !schema.contains('"')
    {
        return (schema == "pg_catalog").then_some(BuiltinName::Qualified);
    }
    if let Some(quoted) = name.strip_prefix('"') {
        let (inner, rest) = quoted.split_once('"')?;
        // A second quote would be part of the name, and a dot would make it a schema.
        let ends = rest.is_empty() || rest.starts_with(['[', '(', ' ']);
        return (ends && is_builtin_name(inner)).then_some(BuiltinName::Unqualified);
    }
    let base = name.split(['(', '[']).next().unwrap_or_default().trim().to_lowercase();
    let first = base.split(' ').next().unwrap_or_default();
    if KEYWORDS.contains(&first) || base == "double precision" || first == "national" {
        Some(BuiltinName::Keyword)
    } else {
        is_builtin_name(&base).then_some(BuiltinName::Unqualified)
    }
}

fn is_builtin_name(name: &str) -> bool {
    name.starts_with("pg_") || NAMES.split(' ').any(|naming| naming == name)
}

/// Splits a type name into its parts, without quotes, brackets and modifiers.
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

/// Whether a text is the syntax of a type name: identifiers, quoted or not, with modifiers and
/// brackets, and nothing else.
fn is_type(text: &str) -> bool {
    let mut rest = text;
    let mut has_name = false;
    // The text outside of quotes, modifiers and brackets.
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
                Some((inside, tail)) if has_name && is_type_modifier(inside) => tail,
                _ => return false,
            },
            '[' => match tail.strip_prefix(']') {
                Some(tail) if has_name => tail,
                _ => return false,
            },
            _ if first.is_alphanumeric() || "_. ".contains(first) => {
                plain.push(first);
                tail
            }
            _ => return false,
        };
        has_name = true;
    }
    let words: Vec<_> = plain.split(' ').filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [] => false,
        [_] => true,
        several => WORDS.contains(&several.join(" ").to_lowercase().as_str()),
    }
}

fn is_type_modifier(text: &str) -> bool {
    let mut words = text.split(',').map(str::trim);
    words.all(|word| {
        // The scale of numeric may be negative.
        let word = word.strip_prefix('-').unwrap_or(word);
        !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_alphanumeric())
    })
}

/// The text after a quoted identifier.
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
    fn test_checked_of_builtin_types_adds_the_schema() {
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
            assert_eq!(checked(name).unwrap(), expected, "{name}");
        }
        assert!(is_builtin("double precision[]") && is_builtin("int4") && is_builtin("pg_lsn"));
        assert!(!is_builtin("citext") && !is_builtin("public.text") && !is_builtin("\"Text\""));
    }

    #[test]
    fn test_is_type_accepts_only_type_names() {
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
