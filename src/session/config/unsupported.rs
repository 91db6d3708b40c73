//! Refuses libpq's parameters that howdah does not support, so that nobody relies on them.

use super::conninfo::Conninfo;
use crate::error::{Error, Result};

/// Parameters that must not be ignored, and what to do instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("sslkeylogfile", "use sslmode=disable to see the bytes"),
    ("oauth_issuer", "use a password or a certificate"),
    ("oauth_client_id", "use a password or a certificate"),
    ("oauth_client_secret", "use a password or a certificate"),
    ("oauth_scope", "use a password or a certificate"),
];

/// Refuses what howdah does not support. Kerberos' other parameters are ignored, because a server that asks for Kerberos is refused;
/// and `sslcompression`, because current servers do not compress TLS.
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
        return refuse(
            "min_protocol_version",
            "howdah uses version 3.0, which every server supports",
        );
    }
    match conninfo.get("client_encoding").map(str::to_ascii_lowercase).as_deref() {
        None | Some("auto" | "utf8" | "utf-8" | "unicode") => Ok(()),
        Some(_) => {
            refuse("client_encoding", "text comes as Python's str, whatever the server's encoding")
        }
    }
}

fn refuse(name: &str, way_out: &str) -> Result<()> {
    Err(Error::NotSupported(format!("{name}: howdah does not support it; {way_out}")))
}
