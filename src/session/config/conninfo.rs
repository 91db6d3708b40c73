//! The parameters of a connection from all sources. The URL takes precedence over the service file, and that over the environment.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::parameters::{self, PARAMETERS, SETTINGS};
use super::uri::Pairs;
use super::{dsn, service, uri};
use crate::error::{Error, Result};

/// The variables of which one must be set if there is no URL.
const SUFFICIENT: [&str; 8] = [
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGUSER",
    "PGDATABASE",
    "PGPASSWORD",
    "PGOPTIONS",
    "PGSERVICE",
];

/// Debian's directory of `pg_service.conf` for all users.
const SYSTEM_DIRECTORY: &str = "/etc/postgresql-common";

/// The parameters.
#[derive(Default)]
pub(super) struct Conninfo {
    values: HashMap<&'static str, Value>,
    /// The server's settings in the environment, such as `PGTZ`.
    pub settings: Vec<(String, String)>,
    /// The user's home directory.
    pub home: Option<PathBuf>,
}

/// A parameter's value.
struct Value {
    text: String,
    /// Its name in errors: the parameter or the environment variable.
    source: &'static str,
}

impl Conninfo {
    /// Reads all sources; without a URL, `DATABASE_URL` is the URL.
    pub fn new(url: Option<&str>, variable: &impl Fn(&str) -> Option<String>) -> Result<Self> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let url = url.map(str::to_owned).or_else(|| variable("DATABASE_URL"));
        if url.is_none() && !SUFFICIENT.iter().any(|name| variable(name).is_some()) {
            return Err(Error::Interface(
                "no database to connect to: pass a URL, or set DATABASE_URL, or PGHOST and the \
                 other PG* variables; howdah.embedded.server() starts a private one"
                    .into(),
            ));
        }
        let home = variable("HOME").map(PathBuf::from);
        let mut conninfo = Self { home, ..Self::default() };
        if let Some(url) = &url {
            let added = read(url).and_then(|pairs| conninfo.add(pairs));
            added.map_err(|why| {
                Error::Interface(format!("the database's URL cannot be read: {why}"))
            })?;
        }
        conninfo.add_service(&variable)?;
        for (name, source) in PARAMETERS.iter().filter(|(_, source)| !source.is_empty()) {
            if let Some(text) = variable(source) {
                conninfo.values.entry(name).or_insert(Value { text, source });
            }
        }
        for (name, source) in SETTINGS {
            let value = variable(source).filter(|value| !value.eq_ignore_ascii_case("default"));
            conninfo.settings.extend(value.map(|value| ((*name).to_owned(), value)));
        }
        Ok(conninfo)
    }

    /// Adds parameters that no source before has. If one is given twice, the last counts; one that is empty has its default, whatever the
    /// environment has.
    fn add(&mut self, pairs: Pairs) -> Result<(), String> {
        let mut new = HashMap::new();
        for (name, text) in pairs {
            let known = parameters::known(&name).ok_or_else(|| parameters::unknown(&name))?;
            if text.contains('\0') {
                return Err(format!("{known} has a NUL character in it"));
            }
            new.insert(known, Value { text, source: known });
        }
        for (name, value) in new {
            self.values.entry(name).or_insert(value);
        }
        Ok(())
    }

    fn add_service(&mut self, variable: &impl Fn(&str) -> Option<String>) -> Result<()> {
        let conninfo = self.values.get("service").map(|value| value.text.clone());
        let name = conninfo.or_else(|| variable("PGSERVICE")).filter(|name| !name.is_empty());
        let Some(name) = name else { return Ok(()) };
        let named = self.path("servicefile").or_else(|| variable("PGSERVICEFILE").map(Into::into));
        let own = self.home.as_ref().map(|home| home.join(".pg_service.conf"));
        let system = variable("PGSYSCONFDIR").unwrap_or_else(|| SYSTEM_DIRECTORY.to_owned());
        let system = PathBuf::from(system).join("pg_service.conf");
        let files = service::ServiceFiles { named, own, system };
        let pairs = files.find(&name).and_then(|pairs| {
            self.add(pairs).map_err(|why| format!("service \"{name}\" cannot be read: {why}"))
        });
        pairs.map_err(Error::Interface)
    }

    /// A parameter; `None` if it is missing or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.text.as_str()).filter(|text| !text.is_empty())
    }

    /// An error about a parameter, with the name of the parameter or variable that has it. It does not show the value, into which a
    /// mistyped URL may have put the password.
    pub fn refusal(&self, name: &str, expected: &str) -> Error {
        let source = self.values.get(name).map_or(name, |value| value.source);
        Error::Interface(format!("{source}: expected {expected}"))
    }

    /// A parameter that is a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// A file in `~/.postgresql`, if it exists.
    pub fn own_file(&self, name: &str) -> Option<PathBuf> {
        let path = self.home.as_ref()?.join(".postgresql").join(name);
        path.exists().then_some(path)
    }

    /// A comma-separated list, whose items may be empty.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.get(name).map_or_else(Vec::new, |list| list.split(',').map(str::trim).collect())
    }

    /// A parameter that is one of these words.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == value);
        found.map(|(_, meaning)| Some(*meaning)).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.refusal(name, &format!("one of {}", words.join(", ")))
        })
    }

    /// A boolean parameter.
    pub fn switch(&self, name: &str) -> Result<Option<bool>> {
        let words = [
            ("true", true),
            ("false", false),
            ("1", true),
            ("0", false),
            ("on", true),
            ("off", false),
        ];
        self.word(name, &words)
    }

    /// A parameter that is an integer.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.trim().parse().map(Some).map_err(|_| self.refusal(name, "an integer"))
    }

    /// A duration in `unit`s; `None` if it is not above 0, which means the system's default.
    pub fn time(&self, name: &str, unit: Duration) -> Result<Option<Duration>> {
        let units = self.number::<i32>(name)?.and_then(|units| u32::try_from(units).ok());
        Ok(units.filter(|units| *units > 0).map(|units| unit.saturating_mul(units)))
    }
}

fn read(url: &str) -> Result<Pairs, String> {
    match uri::rest(url.trim()) {
        Some(rest) => uri::parse(rest),
        None if url.split_once("://").is_some_and(|(scheme, _)| !scheme.contains(['=', ' '])) => {
            Err("expected it to begin with postgresql:// or postgres://".to_owned())
        }
        None => dsn::parse(url),
    }
}
