//! Tests the crate's layers: reports where a file in `src/` uses a module that its layer must not
//! use, and files that use each other in a circle.

#[path = "layers/circles.rs"]
mod circles;
#[path = "layers/source.rs"]
mod source;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use circles::Modules;
use source::{Kind, paths, tokens, without_tests};

/// Each module of the crate, with the modules that it may use besides itself.
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

/// What `lib.rs` re-exports, and the modules that define it.
const EXPORTS: &[(&str, &str)] = &[("Error", "error"), ("Result", "error")];

/// Names of other crates, with the only module that may use them.
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

/// The beginnings of SQL statements. COPY must be followed by more text, as the server's CONTEXT
/// begins with it too.
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

/// The only module whose strings may contain SQL.
const SQL: &str = "sql";

#[test]
fn test_layers_of_the_crate_hold() {
    let files = files().expect("src/ can be read");
    let violations: Vec<_> = files.iter().flat_map(|(path, text)| check(path, text)).collect();
    assert!(
        violations.is_empty(),
        "files use modules that their layer must not use:\n{}",
        violations.join("\n")
    );
}

#[test]
fn test_files_of_the_crate_are_in_no_circle() {
    let files = files().expect("src/ can be read");
    let is_test = |path: &Path| path.iter().any(|part| part == "tests" || part == "tests.rs");
    let sources = files.iter().filter(|(path, _)| !is_test(path) && path != Path::new("lib.rs"));
    let modules = Modules::new(sources.map(|(path, text)| (module_of(path), text.as_str())));
    let circles = modules.circles();
    assert!(circles.is_empty(), "files use each other:\n{}", circles.join("\n"));
}

/// The files of the crate, each by its path below `src/`, with its text.
fn files() -> io::Result<Vec<(PathBuf, String)>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&source, &mut paths)?;
    assert!(paths.len() > LAYERS.len(), "only {} files in {}", paths.len(), source.display());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path)?;
        let below = path.strip_prefix(&source).map_err(io::Error::other)?;
        Ok((below.to_owned(), text))
    };
    paths.into_iter().map(read).collect()
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

/// Checks one file, named by its path below `src/`; returns a line for each violation.
fn check(relative_path: &Path, text: &str) -> Vec<String> {
    let module = module_of(relative_path);
    let module_name = module.first().map_or("", String::as_str);
    let tokens = tokens(text);
    let mut violations = Vec::new();
    let mut report = |line: usize, what: String| {
        violations.push(format!("src/{}:{line}: {what}", relative_path.display()));
    };
    if !module_name.is_empty() && !LAYERS.iter().any(|(name, _)| *name == module_name) {
        report(1, format!("`{module_name}` has no layer; give it one in tests/rust/layers.rs"));
    }
    for (path, line) in paths(&tokens, &module) {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        if let ["crate", target, ..] = names[..] {
            let target =
                EXPORTS.iter().find(|(name, _)| *name == target).map_or(target, |(_, from)| from);
            if !may_use(module_name, target) {
                report(line, format!("`{module_name}` must not know `{target}`"));
            }
        }
        for (name, user) in OUTSIDE {
            if module_name != *user
                && format!("{}::", names.join("::")).starts_with(&format!("{name}::"))
            {
                report(line, format!("`{name}` is for `{user}` alone"));
            }
        }
    }
    for token in without_tests(&tokens) {
        if let Kind::Text(text) = &token.kind
            && module_name != SQL
            && is_sql(text)
        {
            report(token.line, format!("SQL is written in `{SQL}` alone: {text:?}"));
        }
    }
    violations.dedup();
    violations
}

/// The path of a file's module, without `crate`.
fn module_of(relative_path: &Path) -> Vec<String> {
    let mut module: Vec<String> = relative_path
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if module.last().is_some_and(|last| last == "mod" || last == "lib") {
        module.pop();
    }
    module
}

fn may_use(module_name: &str, target: &str) -> bool {
    let known = LAYERS.iter().any(|(name, _)| *name == target);
    let allowed = LAYERS
        .iter()
        .find(|(name, _)| *name == module_name)
        .map_or(&[][..], |(_, allowed)| allowed);
    module_name == target
        || (known
            && (module_name.is_empty() || module_name == "python" || allowed.contains(&target)))
}

/// Whether a text is a statement, or contains one in parentheses or after a semicolon.
fn is_sql(text: &str) -> bool {
    text.split(['(', ';']).map(str::trim_start).any(|part| {
        STATEMENTS.iter().any(|statement| part.starts_with(statement))
            || part.strip_prefix("COPY ").is_some_and(|rest| !rest.is_empty())
    })
}

/// The violations in a made-up file, without the path.
fn violation_lines(relative_path: &str, text: &str) -> Vec<String> {
    let prefix = format!("src/{relative_path}:");
    check(Path::new(relative_path), text)
        .iter()
        .map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned())
        .collect()
}

#[test]
fn test_check_of_forbidden_names_reports_line_and_rule() {
    for (relative_path, text, expected) in [
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
        assert_eq!(violation_lines(relative_path, text), [expected], "{relative_path}: {text}");
    }
}

#[test]
fn test_check_of_allowed_names_is_silent() {
    for (relative_path, text) in [
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
        assert_eq!(violation_lines(relative_path, text), [""; 0], "{relative_path}: {text}");
    }
}

#[test]
fn test_circles_of_made_up_files_are_found_through_reexports() {
    let circles = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(path, text)| (module_of(Path::new(path)), *text));
        Modules::new(files).circles()
    };
    let folder = ("a/mod.rs", "mod b; mod c; pub use b::B; pub use c::C;");
    for (b, c, expected) in [
        ("use super::c::C;", "use super::b::B;", Some("a/b -> a/c -> a/b")),
        ("use super::C;", "fn f() { crate::a::B::new() }", Some("a/b -> a/c -> a/b")),
        ("use super::C;", "use super::D; use std::fmt;", None),
        ("use super::c;", "#[cfg(test)] mod tests { use super::super::B; }", None),
    ] {
        let found = circles(&[folder, ("a/b.rs", b), ("a/c.rs", c)]);
        assert_eq!(found.first().map(String::as_str), expected, "{b} {c}");
    }
}
