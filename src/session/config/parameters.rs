//! The names of connection parameters, and of their environment variables.

use crate::error::edit_distance;

/// libpq's parameters with their environment variables
/// (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>), then howdah's own. `PGCLIENTENCODING` is not
/// read, because howdah always uses UTF-8.
pub(super) const PARAMETERS: &[(&str, &str)] = &[
    ("application_name", "PGAPPNAME"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("client_encoding", ""),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("dbname", "PGDATABASE"),
    ("fallback_application_name", ""),
    ("gssdelegation", "PGGSSDELEGATION"),
    ("gssencmode", "PGGSSENCMODE"),
    ("gsslib", "PGGSSLIB"),
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("keepalives", ""),
    ("keepalives_count", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("krbsrvname", "PGKRBSRVNAME"),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("max_protocol_version", "PGMAXPROTOCOLVERSION"),
    ("min_protocol_version", "PGMINPROTOCOLVERSION"),
    ("oauth_client_id", ""),
    ("oauth_client_secret", ""),
    ("oauth_issuer", ""),
    ("oauth_scope", ""),
    ("options", "PGOPTIONS"),
    ("passfile", "PGPASSFILE"),
    ("password", "PGPASSWORD"),
    ("port", "PGPORT"),
    ("replication", ""),
    ("require_auth", "PGREQUIREAUTH"),
    ("requirepeer", "PGREQUIREPEER"),
    ("scram_client_key", ""),
    ("scram_server_key", ""),
    ("service", "PGSERVICE"),
    ("servicefile", "PGSERVICEFILE"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("sslcert", "PGSSLCERT"),
    ("sslcertmode", "PGSSLCERTMODE"),
    ("sslcompression", "PGSSLCOMPRESSION"),
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("sslkey", "PGSSLKEY"),
    ("sslkeylogfile", ""),
    ("sslmode", "PGSSLMODE"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslpassword", ""),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslsni", "PGSSLSNI"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("tcp_user_timeout", ""),
    ("user", "PGUSER"),
    // howdah's own.
    ("allow_cleartext", ""),
    ("pgbouncer", ""),
    ("statement_cache_size", ""),
];

/// The server's settings that libpq takes from environment variables.
pub(super) const SETTINGS: &[(&str, &str)] =
    &[("datestyle", "PGDATESTYLE"), ("timezone", "PGTZ"), ("geqo", "PGGEQO")];

/// Other tools' names of parameters.
const ALIASES: &[(&str, &str)] = &[
    ("database", "dbname"),
    ("db", "dbname"),
    ("encoding", "client_encoding"),
    ("hostname", "host"),
    ("pass", "password"),
    ("schema", "options"),
    ("search_path", "options"),
    ("server", "host"),
    ("ssl", "sslmode"),
    ("sslca", "sslrootcert"),
    ("statement_timeout", "options"),
    ("timeout", "connect_timeout"),
    ("username", "user"),
];

/// The parameter of this name.
pub(super) fn known(name: &str) -> Option<&'static str> {
    PARAMETERS.iter().find(|(known, _)| *known == name).map(|(known, _)| *known)
}

/// The message about an unknown name. A name with other characters than names have is not shown, because it may be the end of a
/// password with a space in it.
pub(super) fn unknown(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '-';
    if name.len() > 40 || !name.chars().all(plain) {
        return "an option's name has other characters than letters and _".to_owned();
    }
    let hint = nearest(name).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    format!("unknown option `{name}`{hint}")
}

fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    if let Some((_, known)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
        return Some(known);
    }
    let distance = |known: &str| edit_distance(&name, known);
    let (known, _) = PARAMETERS.iter().min_by_key(|(known, _)| distance(known))?;
    // One typing error in three characters: `por` is corrected to `port`, and `nonsense` to nothing.
    (distance(known) <= name.len().max(3) / 3).then_some(*known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_unknown_name_is_shown_with_the_most_similar() {
        for (name, near) in [
            ("sslmod", "sslmode"),
            ("ssl_mode", "sslmode"),
            ("SSLMODE", "sslmode"),
            ("ssl", "sslmode"),
            ("username", "user"),
            ("database", "dbname"),
            ("dbnam", "dbname"),
            ("hosts", "host"),
            ("por", "port"),
            ("passwd", "password"),
            ("connect-timeout", "connect_timeout"),
            ("statement_cache_siz", "statement_cache_size"),
            ("pg_bouncer", "pgbouncer"),
            ("target_session_attr", "target_session_attrs"),
        ] {
            let expected = format!("unknown option `{name}`; did you mean `{near}`?");
            assert_eq!(unknown(name), expected);
        }
        assert_eq!(unknown("nonsense"), "unknown option `nonsense`");
    }

    #[test]
    fn test_unknown_name_that_may_be_a_secret_is_not_shown() {
        for name in ["hunter2", "p@ss", "", "é", &"x".repeat(41)] {
            let shown = unknown(name);
            assert!(name.is_empty() || !shown.contains(name), "{shown}");
        }
    }

    #[test]
    fn test_known_names_are_distinct() {
        let mut names: Vec<_> = PARAMETERS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PARAMETERS.len());
        assert_eq!(known("sslmode"), Some("sslmode"));
        assert_eq!(known("ssl"), None);
    }
}
