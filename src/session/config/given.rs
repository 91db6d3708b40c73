//! The parameters of a connection, from wherever they are given: the URL before the service file
//! before the environment.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::uri::Pairs;
use super::{dsn, service, uri};
use crate::error::{Error, Result};

/// libpq's parameters, and the variables of the environment that stand for them:
/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>.
const KNOWN: &[(&str, &str)] = &[
    ("application_name", "PGAPPNAME"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("client_encoding", ""),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("dbname", "PGDATABASE"),
    ("fallback_application_name", ""),
    ("gssdelegation", ""),
    ("gssencmode", "PGGSSENCMODE"),
    ("gsslib", ""),
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("keepalives", ""),
    ("keepalives_count", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("krbsrvname", ""),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("options", "PGOPTIONS"),
    ("passfile", "PGPASSFILE"),
    ("password", "PGPASSWORD"),
    ("port", "PGPORT"),
    ("replication", ""),
    ("require_auth", "PGREQUIREAUTH"),
    ("requirepeer", "PGREQUIREPEER"),
    ("service", "PGSERVICE"),
    ("servicefile", "PGSERVICEFILE"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("sslcert", "PGSSLCERT"),
    ("sslcertmode", ""),
    ("sslcompression", ""),
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("sslkey", "PGSSLKEY"),
    ("sslmode", "PGSSLMODE"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslpassword", ""),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslsni", "PGSSLSNI"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("tcp_user_timeout", ""),
    ("user", "PGUSER"),
    // howdah's own.
    ("pgbouncer", ""),
    ("statement_cache_size", ""),
];

/// What the server is told at the start, by the variables that libpq tells it.
const SETTINGS: &[(&str, &str)] =
    &[("datestyle", "PGDATESTYLE"), ("timezone", "PGTZ"), ("geqo", "PGGEQO")];

/// The parameters that are given.
pub(super) struct Given {
    values: HashMap<&'static str, String>,
    pub settings: Vec<(String, String)>,
    pub home: Option<PathBuf>,
}

impl Given {
    /// Gathers what is given; without a URL, `DATABASE_URL` is one.
    ///
    /// # Errors
    /// When there is nothing to go by, or something of it cannot be read.
    pub fn new(url: Option<&str>, variable: &impl Fn(&str) -> Option<String>) -> Result<Self> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let url = url.map(str::to_owned).or_else(|| variable("DATABASE_URL"));
        let home = variable("HOME").map(PathBuf::from);
        let mut given = Self { values: HashMap::new(), settings: Vec::new(), home };
        if let Some(url) = &url {
            let pairs = match uri::rest(url.trim()) {
                Some(rest) => uri::parse(rest),
                None => dsn::parse(url),
            };
            given.add(pairs.map_err(|why| unreadable(&why))?)?;
        }
        let of_environment = || {
            KNOWN
                .iter()
                .filter(|(_, name)| !name.is_empty())
                .filter_map(|(name, of)| Some(((*name).to_owned(), variable(of)?)))
        };
        let says_where =
            ["host", "hostaddr", "port", "user", "dbname", "password", "options", "service"];
        if url.is_none() && !of_environment().any(|(name, _)| says_where.contains(&&*name)) {
            return Err(Error::Interface(
                "no database to connect to: pass a URL, or set DATABASE_URL or PGHOST and its \
                 kin; howdah.embedded.server() starts a private one"
                    .into(),
            ));
        }
        if let Some(name) =
            given.get("service").map(str::to_owned).or_else(|| variable("PGSERVICE"))
        {
            let files = given.service_files(&variable);
            let pairs = service::find(&name, &files).map_err(Error::Interface)?;
            given.add(pairs)?;
        }
        given.add(of_environment().collect())?;
        for (name, of) in SETTINGS {
            given.settings.extend(variable(of).map(|value| ((*name).to_owned(), value)));
        }
        Ok(given)
    }

    /// Adds what is not given yet.
    fn add(&mut self, pairs: Pairs) -> Result<()> {
        let mut new = HashMap::new();
        for (name, value) in pairs {
            let Some((known, _)) = KNOWN.iter().find(|(known, _)| *known == name) else {
                return Err(unknown(&name));
            };
            if !self.values.contains_key(known) {
                // Of one parameter given twice, the last counts.
                new.insert(*known, value);
            }
        }
        self.values.extend(new.into_iter().filter(|(_, value)| !value.is_empty()));
        Ok(())
    }

    fn service_files(&self, variable: &impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
        let file = self.get("servicefile").map(PathBuf::from);
        let own = file.or_else(|| variable("PGSERVICEFILE").map(PathBuf::from));
        let own = own.or_else(|| Some(self.home.as_ref()?.join(".pg_service.conf")));
        let system =
            variable("PGSYSCONFDIR").unwrap_or_else(|| "/etc/postgresql-common".to_owned());
        own.into_iter().chain([PathBuf::from(system).join("pg_service.conf")]).collect()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A path; `None` where it is empty, as libpq turns a default off.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// A file in the home directory's `.postgresql`, if it is there.
    pub fn own_file(&self, name: &str) -> Option<PathBuf> {
        let path = self.home.as_ref()?.join(".postgresql").join(name);
        path.exists().then_some(path)
    }

    /// One of some words.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == value);
        found.map(|(_, meaning)| Some(*meaning)).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            Error::Interface(format!(
                "{name}: expected one of {}, got \"{value}\"",
                words.join(", ")
            ))
        })
    }

    /// A switch: `1` or `0`, or a word for them.
    ///
    /// # Errors
    /// When it is neither.
    pub fn switch(&self, name: &str) -> Result<Option<bool>> {
        let words = [
            ("1", true),
            ("true", true),
            ("on", true),
            ("0", false),
            ("false", false),
            ("off", false),
        ];
        self.word(name, &words)
    }

    /// A whole number.
    ///
    /// # Errors
    /// When it is none.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.trim().parse();
        number.map(Some).map_err(|_| Error::Interface(format!("{name}: expected a whole number")))
    }

    /// Whole seconds; 0 for the system's own.
    ///
    /// # Errors
    /// When it is no number.
    pub fn seconds(&self, name: &str) -> Result<Option<Duration>> {
        let seconds = self.number::<u64>(name)?;
        Ok(seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs))
    }
}

fn unreadable(why: &str) -> Error {
    Error::Interface(format!("the database's URL cannot be read: {why}"))
}

/// A name that means nothing, and the known one that it is like.
fn unknown(name: &str) -> Error {
    let name: String =
        name.chars().filter(|c| c.is_alphanumeric() || "_.-".contains(*c)).take(40).collect();
    let alike = |known: &str| {
        let common = known.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
        common >= 4 || known.contains(&*name) || name.contains(known)
    };
    let near = KNOWN.iter().find(|(known, _)| alike(known));
    let hint = near.map_or_else(String::new, |(near, _)| format!("; did you mean `{near}`?"));
    unreadable(&format!("unknown option `{name}`{hint}"))
}
