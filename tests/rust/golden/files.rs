//! Reads the golden files: a binary COPY by the server, and the server's text of every value.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use howdah::types::ColumnType;
use howdah::wire::copy::tuples;
use postgres_types::{Kind, Type};

use crate::cases::Case;

/// One type's values, in binary and text format.
pub struct Golden {
    /// The file's name without extension.
    pub name: String,
    /// The whole binary COPY.
    pub bytes: Vec<u8>,
    texts: Vec<Option<String>>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The names of all golden files.
pub fn names() -> HashSet<String> {
    let paths = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let copies = paths.filter(|path| path.extension().is_some_and(|ending| ending == "copy"));
    copies.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

impl Golden {
    /// Reads the files with this name.
    pub fn read(name: &str) -> Self {
        let bytes = fs::read(folder().join(format!("{name}.copy"))).unwrap();
        let text = fs::read_to_string(folder().join(format!("{name}.text"))).unwrap();
        let texts = text.strip_suffix('\n').unwrap_or(&text).split('\n').map(unescaped).collect();
        Self { name: name.to_owned(), bytes, texts }
    }

    /// Every row's cell and text.
    pub fn rows(&self) -> impl Iterator<Item = (Option<&[u8]>, Option<&String>)> {
        let rows = tuples(&self.bytes).unwrap();
        assert_eq!(rows.len(), self.texts.len(), "{}: run remake.py", self.name);
        rows.into_iter().map(|row| row[0]).zip(self.texts.iter().map(Option::as_ref))
    }

    /// The type of the column. The OID of a user-defined type is read from the arrays' bytes.
    pub fn declared(&self, case: &Case, is_array: bool) -> ColumnType {
        if !is_array {
            return case.plain();
        }
        let array = self.rows().find_map(|(cell, _)| cell).unwrap();
        let oid = u32::from_be_bytes(array[8..12].try_into().unwrap());
        let plain = case.plain();
        let element = match plain.ty.kind() {
            Kind::Simple if plain.ty.oid() != 0 => plain.ty.clone(),
            kind => Type::new(plain.ty.name().into(), oid, kind.clone(), "public".into()),
        };
        assert_eq!(element.oid(), oid, "{}", self.name);
        let kind = Kind::Array(element);
        let ty = Type::from_oid(array_oid(case))
            .filter(|ty| *ty.kind() == kind)
            .unwrap_or_else(|| Type::new(format!("_{}", case.name), 0, kind, "public".into()));
        ColumnType { ty, ..plain }
    }
}

fn array_oid(case: &Case) -> u32 {
    case.array.as_ref().map_or(0, Type::oid)
}

/// Parses a line of COPY's text format; `None` for NULL.
fn unescaped(line: &str) -> Option<String> {
    if line == "\\N" {
        return None;
    }
    let (mut text, mut rest) = (String::new(), line.chars());
    while let Some(c) = rest.next() {
        text.push(match c {
            '\\' => match rest.next().unwrap() {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                other => other,
            },
            other => other,
        });
    }
    Some(text)
}

/// Parses the elements of an array in the format of `array_out`.
pub fn elements(text: &str) -> Vec<Option<String>> {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let inner = inner.unwrap_or_else(|| panic!("{text} is not an array"));
    let mut elements = Vec::new();
    let mut rest = inner.chars().peekable();
    while rest.peek().is_some() {
        let mut element = String::new();
        let is_quoted = rest.next_if_eq(&'"').is_some();
        while let Some(c) = rest.next() {
            match c {
                '\\' => element.push(rest.next().unwrap()),
                '"' if is_quoted => {
                    rest.next_if_eq(&',');
                    break;
                }
                ',' if !is_quoted => break,
                c => element.push(c),
            }
        }
        elements.push((is_quoted || element != "NULL").then_some(element));
    }
    elements
}
