//! Identifiers and types, as statements name them.

use std::fmt::Write;

use crate::sql::name::Quoted;

/// Words that are no names without quotes: those that `pg_get_keywords()` of PostgreSQL 18 gives as
/// reserved, or as no names of functions or types.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// Writes a name, in quotes where it needs them.
pub(in crate::sql) fn identifier(name: &str, out: &mut String) {
    if is_plain(name) {
        out.push_str(name);
    } else {
        // A String takes whatever is written.
        let _ = write!(out, "{}", Quoted(name));
    }
}

/// Writes the parts of a name.
pub(in crate::sql) fn qualified(parts: &[String], out: &mut String) {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push('.');
        }
        identifier(part, out);
    }
}

fn is_plain(name: &str) -> bool {
    let mut letters = name.bytes();
    letters.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && letters
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'_')
        && RESERVED.binary_search(&name).is_err()
}

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

/// Whether a text can only be a type: names, quoted ones too, with modifiers and brackets.
pub(super) fn is_type(text: &str) -> bool {
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

    fn written(name: &str) -> String {
        let mut out = String::new();
        identifier(name, &mut out);
        out
    }

    #[test]
    fn names_are_quoted_where_they_must_be() {
        assert_eq!(written("age_2"), "age_2");
        assert_eq!(written("user"), "\"user\"");
        assert_eq!(written("Age"), "\"Age\"");
        assert_eq!(written("2"), "\"2\"");
        assert_eq!(written("a\"; DROP TABLE t; --"), "\"a\"\"; DROP TABLE t; --\"");
        assert_eq!(written("größe"), "\"größe\"");
    }

    #[test]
    fn reserved_words_are_in_order() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn types_are_types_alone() {
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
