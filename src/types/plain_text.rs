//! Types whose binary format is their text, after a version byte or without one: `jsonpath` and
//! `refcursor`; `citext`; `ltree`, `lquery` and `ltxtquery`. An Arrow utf8 of the text.
//!
//! `xml` is not among them: in the binary format the server takes the encoding from the document's
//! declaration, although the text is UTF-8.
//!
//! Wire: `jsonpath_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/jsonpath.c>,
//! `ltree_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/contrib/ltree/ltree_io.c>.

use postgres_types::Type;

use super::input::NUL_IN_TEXT;
use super::text_form::{TextForm, checked_by_server};
use crate::wire::Malformed;

/// The only version of the binary formats that have one.
const VERSION: u8 = 1;

const fn plain(name: &'static str, built_in: Option<Type>) -> TextForm {
    TextForm {
        name,
        built_in,
        print: |cell, out| push(cell, out),
        parse: put,
        check: checked_by_server,
    }
}

const fn versioned(name: &'static str, built_in: Option<Type>) -> TextForm {
    TextForm {
        name,
        built_in,
        print: |cell, out| match cell.split_first() {
            Some((&VERSION, text)) => push(text, out),
            other => {
                let version = other.map(|(version, _)| version);
                Err(Malformed(format!("expected version {VERSION} of the format, got {version:?}")))
            }
        },
        parse: |text, out| {
            out.push(VERSION);
            put(text, out)
        },
        check: checked_by_server,
    }
}

pub(super) static REFCURSOR: TextForm = plain("refcursor", Some(Type::REFCURSOR));
pub(super) static CITEXT: TextForm = plain("citext", None);
pub(super) static JSONPATH: TextForm = versioned("jsonpath", Some(Type::JSONPATH));
pub(super) static LTREE: TextForm = versioned("ltree", None);
pub(super) static LQUERY: TextForm = versioned("lquery", None);
pub(super) static LTXTQUERY: TextForm = versioned("ltxtquery", None);

fn push(text: &[u8], out: &mut String) -> Result<(), Malformed> {
    let text = std::str::from_utf8(text);
    out.push_str(text.map_err(|_| Malformed("text from the server that is not UTF-8".into()))?);
    Ok(())
}

fn put(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(NUL_IN_TEXT.to_owned());
    }
    out.extend(text.bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_print_of_another_version_is_an_error() {
        let mut text = String::new();
        JSONPATH.print(b"\x01$.a", &mut text).unwrap();
        assert_eq!(text, "$.a");
        assert!(JSONPATH.print(b"\x02$.a", &mut text).is_err());
        assert!(JSONPATH.print(b"", &mut text).is_err());
    }

    #[test]
    fn test_parse_of_nul_is_an_error() {
        assert!(REFCURSOR.parse("a\0b", &mut Vec::new()).is_err());
    }
}
