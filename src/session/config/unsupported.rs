//! What libpq can and howdah cannot is refused, lest somebody relies on it.

use super::conninfo::Conninfo;
use crate::error::{Error, Result};

/// Parameters without which a connection would be another one than is asked for.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("sslkeylogfile", "use sslmode=disable where you want to see the bytes"),
    ("oauth_issuer", "use a password or a certificate"),
    ("oauth_client_id", "use a password or a certificate"),
    ("oauth_client_secret", "use a password or a certificate"),
    ("oauth_scope", "use a password or a certificate"),
];

/// Looks whether all that is asked for can be had. What concerns Kerberos alone may stand, for
/// a server that asks for Kerberos is refused; and nobody compresses TLS any more.
///
/// # Errors
/// When it cannot.
pub(super) fn check(conninfo: &Conninfo) -> Result<()> {
    for (name, way_out) in UNSUPPORTED {
        if conninfo.get(name).is_some() {
            return refuse(name, way_out);
        }
    }
    let modes = [("disable", false), ("prefer", false), ("require", true)];
    if conninfo.word("gssencmode", &modes)? == Some(true) {
        return refuse("gssencmode=require", "use TLS, by sslmode");
    }
    if conninfo.get("replication").is_some_and(|value| {
        !["false", "off", "no", "0"].iter().any(|word| word.eq_ignore_ascii_case(value))
    }) {
        return refuse("replication", "use a replication client");
    }
    let versions = [("3.0", true), ("3.2", false), ("latest", false)];
    conninfo.word("max_protocol_version", &versions)?;
    if conninfo.word("min_protocol_version", &versions)? == Some(false) {
        return refuse("min_protocol_version", "it speaks 3.0, as every server does");
    }
    match conninfo.get("client_encoding").map(str::to_ascii_lowercase).as_deref() {
        None | Some("auto" | "utf8" | "utf-8" | "unicode") => Ok(()),
        Some(_) => {
            refuse("client_encoding", "text comes as Python's str, whatever the server's encoding")
        }
    }
}

fn refuse(name: &str, way_out: &str) -> Result<()> {
    Err(Error::NotSupported(format!("{name}: howdah does not do that; {way_out}")))
}
