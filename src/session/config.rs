//! Where to connect and as whom: a URI or DSN, else the environment.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};

use crate::error::{Error, Result};

/// All that is needed to connect. Its Debug shows no password, for it has none of its own.
#[derive(Clone)]
pub struct Config {
    pub(super) startup: tokio_postgres::Config,
    pub(super) connect_timeout: Duration,
}

/// What the caller says beside the URL.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long one host may take to answer.
    pub connect_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Option<Duration>,
    /// The name the server shows in `pg_stat_activity`.
    pub application_name: String,
}

/// One place to connect to.
#[derive(Debug, Clone)]
pub enum Address {
    /// A TCP socket; the name it was found by.
    Tcp {
        /// Host and port as the caller gave them.
        name: String,
        /// Where that is.
        socket: SocketAddr,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { name, .. } => f.write_str(name),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Address {
    pub(super) fn what_to_check(&self) -> &'static str {
        match self {
            Self::Tcp { .. } => "check that the server runs, its host, port and listen_addresses",
            Self::Unix(_) => "check that the server runs, its port and unix_socket_directories",
        }
    }
}

const PORT: u16 = 5432;

/// Where servers put their Unix sockets when nobody says otherwise: Debian's place, then
/// PostgreSQL's.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

impl Config {
    /// Reads a URI (`postgresql://…`) or a DSN (`host=… user=…`); without one, `DATABASE_URL`,
    /// then the `PG*` variables, by `variable`.
    ///
    /// # Errors
    /// When there is nothing to go by, or it cannot be read.
    pub fn new(
        url: Option<&str>,
        options: &Options,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let url = url.map(str::to_owned).or_else(|| variable("DATABASE_URL"));
        let known = ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGOPTIONS"];
        if url.is_none() && !known.iter().any(|name| variable(name).is_some()) {
            return Err(Error::Interface(
                "no database to connect to: pass a URL, or set DATABASE_URL or PGHOST and its \
                 kin; howdah.embedded.server() starts a private one"
                    .into(),
            ));
        }
        if url.as_deref().is_some_and(|url| url.trim_start().starts_with('=')) {
            return Err(Error::Interface(
                "the database's URL cannot be read: a value without a name".into(),
            ));
        }
        let mut startup: tokio_postgres::Config =
            url.as_deref().unwrap_or_default().parse().map_err(|error| unreadable(&error))?;
        if startup.get_ssl_mode() == SslMode::Require {
            return Err(Error::NotSupported(
                "sslmode=require: this version of howdah speaks no TLS yet; use sslmode=disable \
                 on a network you trust"
                    .into(),
            ));
        }
        fill(&mut startup, &variable)?;
        let mut settings = startup.get_options().unwrap_or_default().to_owned();
        if let Some(timeout) = options.statement_timeout {
            settings = format!("{settings} -c statement_timeout={}", timeout.as_millis());
        }
        if !settings.is_empty() {
            startup.options(settings);
        }
        if startup.get_application_name().is_none() {
            startup.application_name(options.application_name.clone());
        }
        let connect_timeout =
            startup.get_connect_timeout().copied().unwrap_or(options.connect_timeout);
        Ok(Self { startup, connect_timeout })
    }

    /// The places to try, in order.
    ///
    /// # Errors
    /// When a host has no address.
    pub(super) fn addresses(&self) -> Result<Vec<Address>> {
        let ports = self.startup.get_ports();
        let port_of = |index: usize| match ports {
            [] => PORT,
            [port] => *port,
            ports => ports.get(index).copied().unwrap_or(PORT),
        };
        let mut addresses = Vec::new();
        let hostaddrs = self.startup.get_hostaddrs();
        let hosts = self.startup.get_hosts();
        for (index, ip) in hostaddrs.iter().enumerate() {
            let socket = SocketAddr::new(*ip, port_of(index));
            addresses.push(Address::Tcp { name: socket.to_string(), socket });
        }
        if !hostaddrs.is_empty() {
            return Ok(addresses);
        }
        for (index, host) in hosts.iter().enumerate() {
            let port = port_of(index);
            match host {
                Host::Unix(directory) => addresses.push(unix(directory, port)),
                Host::Tcp(name) => addresses.extend(resolved(name, port)?),
            }
        }
        if hosts.is_empty() {
            let port = port_of(0);
            let sockets =
                SOCKET_DIRECTORIES.iter().map(|directory| unix(Path::new(directory), port));
            addresses.extend(sockets.filter(|a| matches!(a, Address::Unix(path) if path.exists())));
            addresses.extend(resolved("localhost", port)?);
        }
        Ok(addresses)
    }
}

fn unix(directory: &Path, port: u16) -> Address {
    Address::Unix(directory.join(format!(".s.PGSQL.{port}")))
}

fn resolved(host: &str, port: u16) -> Result<Vec<Address>> {
    let name = format!("{host}:{port}");
    let sockets = (host, port).to_socket_addrs().map_err(|error| {
        Error::Connection(format!("cannot connect to {name}: {error}; check the host's name"))
    })?;
    Ok(sockets.map(|socket| Address::Tcp { name: name.clone(), socket }).collect())
}

/// What the URL leaves open is taken from the environment, as libpq does.
fn fill(
    startup: &mut tokio_postgres::Config,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<()> {
    if startup.get_hosts().is_empty()
        && startup.get_hostaddrs().is_empty()
        && let Some(hosts) = variable("PGHOST")
    {
        hosts.split(',').for_each(|host| {
            startup.host(host);
        });
    }
    if startup.get_ports().is_empty()
        && let Some(ports) = variable("PGPORT")
    {
        for port in ports.split(',') {
            let port = port.trim().parse().map_err(|_| {
                Error::Interface("PGPORT: expected a number from 1 to 65535".to_owned())
            })?;
            startup.port(port);
        }
    }
    let user = variable("PGUSER").filter(|_| startup.get_user().is_none());
    let dbname = variable("PGDATABASE").filter(|_| startup.get_dbname().is_none());
    let password = variable("PGPASSWORD").filter(|_| startup.get_password().is_none());
    let settings = variable("PGOPTIONS").filter(|_| startup.get_options().is_none());
    user.map(|user| startup.user(user));
    dbname.map(|dbname| startup.dbname(dbname));
    password.map(|password| startup.password(password));
    settings.map(|settings| startup.options(settings));
    Ok(())
}

fn unreadable(error: &tokio_postgres::Error) -> Error {
    use std::error::Error as _;
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    Error::Interface(format!("the database's URL cannot be read: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: Option<&str>, variables: &[(&str, &str)]) -> Result<Config> {
        let options = Options {
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Some(Duration::from_millis(1500)),
            application_name: "howdah".into(),
        };
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Config::new(url, &options, variable)
    }

    fn addresses(config: &Config) -> Vec<String> {
        config.addresses().unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn test_config_without_url_and_environment_names_both() {
        let error = config(None, &[]).map(|_| ()).unwrap_err().to_string();
        for part in ["DATABASE_URL", "PGHOST", "howdah.embedded"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn test_config_of_uri_and_dsn_and_environment_agree() {
        for (url, variables) in [
            (Some("postgresql://ann@127.0.0.1:6000/app"), &[][..]),
            (Some("host=127.0.0.1 port=6000 user=ann dbname=app"), &[]),
            (
                None,
                &[
                    ("PGHOST", "127.0.0.1"),
                    ("PGPORT", "6000"),
                    ("PGUSER", "ann"),
                    ("PGDATABASE", "app"),
                ],
            ),
            (None, &[("DATABASE_URL", "postgresql://127.0.0.1:6000/app"), ("PGUSER", "ann")]),
        ] {
            let config = config(url, variables).unwrap();
            assert_eq!(addresses(&config), ["127.0.0.1:6000"]);
            assert_eq!(config.startup.get_user(), Some("ann"));
            assert_eq!(config.startup.get_dbname(), Some("app"));
            assert_eq!(config.startup.get_options(), Some(" -c statement_timeout=1500"));
        }
        let socket = config(Some("postgresql://%2Frun%2Fpg:6001/app"), &[]).unwrap();
        assert_eq!(addresses(&socket), ["/run/pg/.s.PGSQL.6001"]);
    }

    #[test]
    fn test_config_of_bad_urls_shows_no_password() {
        for url in [
            "postgresql://u:hunter2@h:port/x",
            "postgresql://u:hunter2@h/x?nonsense=1",
            "password=hunter2 nonsense",
        ] {
            let error = config(Some(url), &[]).map(|_| ()).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(config(None, &[("PGPORT", "many")]).is_err());
        let tls = config(Some("postgresql://h/x?sslmode=require"), &[]);
        assert!(matches!(tls.map(|_| ()), Err(Error::NotSupported(_))));
    }
}
