//! The hosts of a configuration, in order, each with its port and its password.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::conninfo::Conninfo;
use super::passfile::{Passfile, PassfileKey};
use super::{Config, Endpoint, Host, Secret};
use crate::error::{Error, Result};

const PORT: u16 = 5432;

/// The directories of Unix sockets by default: Debian's, then PostgreSQL's.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// Reads the hosts; returns also why the password file was ignored, if it was.
pub(super) fn read(
    conninfo: &Conninfo,
    user: &str,
    database: &str,
) -> Result<(Vec<Host>, Option<String>)> {
    let (names, addresses) = (conninfo.list("host"), conninfo.list("hostaddr"));
    let ports = conninfo.list("port");
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(Error::Interface(format!(
            "host and hostaddr: expected equally many, got {} and {}",
            names.len(),
            addresses.len()
        )));
    }
    let count = names.len().max(addresses.len()).max(1);
    if ports.len() > 1 && ports.len() != count {
        return Err(Error::Interface(format!(
            "port: expected one, or one for each of {count} hosts, got {}",
            ports.len()
        )));
    }
    let mut hosts = Vec::new();
    for index in 0..count {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or_default();
        let port =
            number(port).ok_or_else(|| conninfo.refusal("port", "a number from 1 to 65535"))?;
        let name = names.get(index).copied().unwrap_or_default();
        let address = addresses.get(index).filter(|text| !text.is_empty());
        let address = address.map(|text| text.parse::<IpAddr>()).transpose();
        let address = address
            .map_err(|_| conninfo.refusal("hostaddr", "an IP address; a name goes into host"))?;
        if name.starts_with('@') && address.is_none() {
            return Err(Error::NotSupported(
                "host: howdah does not support sockets in the abstract namespace; give the directory \
                 of a socket in the file system"
                    .into(),
            ));
        }
        hosts.extend(endpoints(name, address, port).into_iter().map(|(name, endpoint)| Host {
            name,
            endpoint,
            port,
            password: None,
        }));
    }
    let ignored = give_passwords(&mut hosts, conninfo, user, database);
    Ok((hosts, ignored))
}

fn number(port: &str) -> Option<u16> {
    if port.is_empty() { Some(PORT) } else { port.parse().ok().filter(|number| *number > 0) }
}

fn endpoints(name: &str, address: Option<IpAddr>, port: u16) -> Vec<(String, Endpoint)> {
    let tcp = |host: &str| {
        let shown = if host.is_empty() {
            address.map(|ip| ip.to_string()).unwrap_or_default()
        } else {
            host.to_owned()
        };
        (shown.clone(), Endpoint::Tcp { host: shown, address })
    };
    let unix = |directory: &str| {
        (
            directory.to_owned(),
            Endpoint::Unix(Path::new(directory).join(format!(".s.PGSQL.{port}"))),
        )
    };
    if address.is_some() {
        return vec![tcp(name)];
    }
    if name.starts_with('/') {
        return vec![unix(name)];
    }
    if !name.is_empty() {
        return vec![tcp(name)];
    }
    let exists = |(_, endpoint): &(String, Endpoint)| matches!(endpoint, Endpoint::Unix(path) if path.exists());
    let sockets = SOCKET_DIRECTORIES.iter().map(|directory| unix(directory)).filter(exists);
    sockets.chain([tcp("localhost")]).collect()
}

/// Sets the hosts' passwords: the one of the configuration for all, else those of the password file. Returns why that was ignored,
/// if it was.
fn give_passwords(
    hosts: &mut [Host],
    conninfo: &Conninfo,
    user: &str,
    database: &str,
) -> Option<String> {
    if let Some(password) = conninfo.get("password") {
        for host in hosts {
            host.password = Some(Secret::new(password.to_owned()));
        }
        return None;
    }
    let own = || conninfo.home.as_ref().map(|home| home.join(".pgpass"));
    let path: PathBuf = conninfo.path("passfile").or_else(own)?;
    let passfile = match Passfile::read(&path) {
        Ok(passfile) => passfile?,
        Err(why) => return Some(why),
    };
    for host in hosts {
        // Like libpq, which looks up `localhost` for a socket in a default directory.
        let is_default = SOCKET_DIRECTORIES.contains(&host.name.as_str());
        let name = if is_default { "localhost" } else { host.name.as_str() };
        host.password =
            passfile.password(&PassfileKey { host: name, port: host.port, database, user });
    }
    None
}

impl Config {
    /// The hosts, in the order in which they are tried.
    pub(in crate::session) fn hosts_in_order(&self) -> Vec<&Host> {
        let mut hosts: Vec<_> = self.hosts.iter().collect();
        if self.load_balance {
            shuffle(&mut hosts);
        }
        hosts
    }
}

/// Shuffles items. The standard library seeds its hashers with random numbers.
pub(in crate::session) fn shuffle<T>(items: &mut [T]) {
    for end in (1..items.len()).rev() {
        let random = RandomState::new().build_hasher().finish();
        let other = random % (end as u64 + 1);
        items.swap(end, usize::try_from(other).unwrap_or(end));
    }
}
