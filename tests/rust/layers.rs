//! The crate's layers as a test: reads `src/` and tells where a file names what it must not know.

#[path = "layers/source.rs"]
mod source;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use source::{Kind, paths, tokens, without_tests};

/// Each module of the crate and the modules that it may use beside itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("wire", &["error"]),
    ("types", &["error", "wire"]),
    ("session", &["error", "wire"]),
    ("sql", &["error", "wire"]),
    ("copy", &["error", "wire", "types"]),
    ("catalog", VERBS),
    ("load", VERBS),
    ("fetch", VERBS),
    ("execute", VERBS),
    ("python", &[]), // the top: `python` may use everything
];

const VERBS: &[&str] =
    &["error", "wire", "types", "copy", "session", "sql", "catalog", "load", "fetch", "execute"];

/// What `lib.rs` exports again, and where it comes from.
const EXPORTS: &[(&str, &str)] = &[("Error", "error"), ("Result", "error")];

/// Names from outside and the one module that may say them.
const OUTSIDE: &[(&str, &str)] = &[
    ("pyo3", "python"),
    ("pyo3_arrow", "python"),
    ("std::net", "session"),
    ("std::os::unix::net", "session"),
    ("rustix", "session"),
    ("socket2", "session"),
    ("rustls", "session"),
    ("rustls_native_certs", "session"),
    ("x509_cert", "session"),
    ("whoami", "session"),
    ("uzers", "session"),
    ("ring", "session"),
];

/// How statements begin. COPY wants something after it, for the server's CONTEXT begins with it too.
const STATEMENTS: &[&str] = &[
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "DELETE ",
    "MERGE ",
    "TRUNCATE ",
    "CREATE ",
    "ALTER ",
    "DROP ",
];

/// The one module with SQL in its strings.
const SQL: &str = "sql";

#[test]
fn test_layers_of_the_crate_hold() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&source, &mut files).expect("src/ can be read");
    assert!(files.len() > LAYERS.len(), "only {} files in {}", files.len(), source.display());
    let mut broken = Vec::new();
    for file in files {
        let place = file.strip_prefix(&source).expect("below src/");
        broken.extend(check(place, &fs::read_to_string(&file).expect("a text")));
    }
    assert!(broken.is_empty(), "the layers are broken:\n{}", broken.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}

/// Checks one file, named by its place below `src/`; gives a line for each breach.
fn check(place: &Path, text: &str) -> Vec<String> {
    let module = module_of(place);
    let own = module.first().map_or("", String::as_str);
    let tokens = tokens(text);
    let mut broken = Vec::new();
    let mut report = |line: usize, what: String| {
        broken.push(format!("src/{}:{line}: {what}", place.display()));
    };
    if !own.is_empty() && !LAYERS.iter().any(|(name, _)| *name == own) {
        report(1, format!("`{own}` has no layer; give it one in tests/rust/layers.rs"));
    }
    for (path, line) in paths(&tokens, &module) {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        if let ["crate", target, ..] = names[..] {
            let target =
                EXPORTS.iter().find(|(name, _)| *name == target).map_or(target, |(_, from)| from);
            if !may_use(own, target) {
                report(line, format!("`{own}` must not know `{target}`"));
            }
        }
        for (name, home) in OUTSIDE {
            if own != *home && format!("{}::", names.join("::")).starts_with(&format!("{name}::")) {
                report(line, format!("`{name}` is for `{home}` alone"));
            }
        }
    }
    for token in without_tests(&tokens) {
        if let Kind::Text(text) = &token.kind
            && own != SQL
            && is_sql(text)
        {
            report(token.line, format!("SQL is written in `{SQL}` alone: {text:?}"));
        }
    }
    broken.dedup();
    broken
}

/// The path of the module that a file holds, without `crate`.
fn module_of(place: &Path) -> Vec<String> {
    let mut module: Vec<String> =
        place.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod" || last == "lib") {
        module.pop();
    }
    module
}

fn may_use(own: &str, target: &str) -> bool {
    let known = LAYERS.iter().any(|(name, _)| *name == target);
    let allowed =
        LAYERS.iter().find(|(name, _)| *name == own).map_or(&[][..], |(_, allowed)| allowed);
    own == target || (known && (own.is_empty() || own == "python" || allowed.contains(&target)))
}

/// Tells whether a text is a statement, or has one in brackets or after a semicolon.
fn is_sql(text: &str) -> bool {
    text.split(['(', ';']).map(str::trim_start).any(|part| {
        STATEMENTS.iter().any(|statement| part.starts_with(statement))
            || part.strip_prefix("COPY ").is_some_and(|rest| !rest.is_empty())
    })
}

/// The lines at which a made-up file breaks the law.
fn broken_lines(place: &str, text: &str) -> Vec<String> {
    let prefix = format!("src/{place}:");
    check(Path::new(place), text)
        .iter()
        .map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned())
        .collect()
}

#[test]
fn test_check_of_forbidden_names_tells_line_and_law() {
    for (place, text, law) in [
        ("types/int4.rs", "\nuse crate::session::Session;", "2: `types` must not know `session`"),
        ("types/mod.rs", "use crate::{wire, sql};", "1: `types` must not know `sql`"),
        (
            "types/mod.rs",
            "use crate::{wire::{time}, sql::{self, name}};",
            "1: `types` must not know `sql`",
        ),
        ("session/pool.rs", "fn f() { crate::types::f() }", "1: `session` must not know `types`"),
        ("sql/mod.rs", "use super::session;", "1: `sql` must not know `session`"),
        ("sql/render.rs", "use super::super::types;", "1: `sql` must not know `types`"),
        ("error.rs", "mod tests { use super::super::wire; }", "1: `error` must not know `wire`"),
        ("wire/time.rs", "use crate::*;", "1: `wire` must not know `*`"),
        ("copy/mod.rs", "use crate::load;", "1: `copy` must not know `load`"),
        ("load/mod.rs", "use crate::python::gil;", "1: `load` must not know `python`"),
        ("helpers.rs", "", "1: `helpers` has no layer; give it one in tests/rust/layers.rs"),
        ("fetch.rs", "use pyo3::prelude::*;", "1: `pyo3` is for `python` alone"),
        ("lib.rs", "#[pyo3::pymodule] mod m {}", "1: `pyo3` is for `python` alone"),
        ("load/mod.rs", "use std::{fmt, net::TcpStream};", "1: `std::net` is for `session` alone"),
        (
            "load/mod.rs",
            "let s = ::std::net::TcpStream::connect(a);",
            "1: `std::net` is for `session` alone",
        ),
        ("execute.rs", "rustix::event::poll(&mut [])", "1: `rustix` is for `session` alone"),
        (
            "load/mod.rs",
            r#"f("DROP TABLE t")"#,
            r#"1: SQL is written in `sql` alone: "DROP TABLE t""#,
        ),
        (
            "fetch.rs",
            r##"f(r#"WITH a AS (SELECT "b")"#)"##,
            r#"1: SQL is written in `sql` alone: "WITH a AS (SELECT \"b\")""#,
        ),
        (
            "load/mod.rs",
            "f(\"\\\"\", \"COPY {t} FROM STDIN\")",
            "1: SQL is written in `sql` alone: \"COPY {t} FROM STDIN\"",
        ),
    ] {
        assert_eq!(broken_lines(place, text), [law], "{place}: {text}");
    }
}

#[test]
fn test_check_of_allowed_names_is_silent() {
    for (place, text) in [
        (
            "types/int4.rs",
            "use crate::wire::cells; use crate::{Error, error::Result}; use super::int8;",
        ),
        (
            "types/mod.rs",
            "// use crate::session;\n/* crate::sql /* crate::load */ */ pub(crate) mod int4;",
        ),
        (
            "types/text.rs",
            r#"const A: &str = "crate::session"; const B: char = '"'; fn f<'a>() {} // ""#,
        ),
        ("wire/cells.rs", "mod tests { use super::super::copy; }"), // the module wire::copy
        ("load/mod.rs", "use crate::{catalog, copy, fetch, session::Session, sql};"),
        ("python/gil.rs", "use pyo3::prelude::*; use crate::load; use crate::session::Session;"),
        ("session/socket.rs", "use std::net::TcpStream; use rustix::event;"),
        ("sql/render.rs", r#"f("SELECT 1")"#),
        ("lib.rs", "pub mod error; pub use error::{Error, Result};"),
        ("session/fault.rs", r#"line.strip_prefix("COPY "); e("the answer to COMMIT was lost")"#),
        ("fetch.rs", "#[cfg(test)]\nmod tests { fn f() { g(\"SELECT 1\") } }"),
    ] {
        assert_eq!(broken_lines(place, text), [""; 0], "{place}: {text}");
    }
}
