//! The parameters that a connection may be given, and the variables that stand for them.

/// libpq's parameters, and the variables of the environment that stand for them, as
/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS> has them;
/// then our own. Text comes as UTF-8 whatever `PGCLIENTENCODING` says, and so that is not read.
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
    // Our own.
    ("allow_cleartext", ""),
    ("pgbouncer", ""),
    ("statement_cache_size", ""),
];

/// What the server is told at the start, by the variables that libpq tells it.
pub(super) const SETTINGS: &[(&str, &str)] =
    &[("datestyle", "PGDATESTYLE"), ("timezone", "PGTZ"), ("geqo", "PGGEQO")];

/// What other tools call a parameter.
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

/// The parameter by its name.
pub(super) fn known(name: &str) -> Option<&'static str> {
    PARAMETERS.iter().find(|(known, _)| *known == name).map(|(known, _)| *known)
}

/// What to say of a name that means nothing. A name that looks like none is not shown: it may be
/// the end of a password with a space in it.
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
    let far = |known: &str| distance(&name, known);
    let (known, _) = PARAMETERS.iter().min_by_key(|(known, _)| far(known))?;
    (far(known) <= name.len().max(3) / 3).then_some(*known)
}

/// How many characters to insert, to drop or to replace, to make one name of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (done, a) in one.bytes().enumerate() {
        let mut left = done + 1;
        let mut next = vec![left];
        for (pair, b) in row.windows(2).zip(other.bytes()) {
            let &[diagonal, above] = pair else { break };
            left = (diagonal + usize::from(a != b)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_unknown_name_is_shown_with_the_nearest() {
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
    fn test_known_names_are_told_apart() {
        let mut names: Vec<_> = PARAMETERS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PARAMETERS.len());
        assert_eq!(known("sslmode"), Some("sslmode"));
        assert_eq!(known("ssl"), None);
    }
}
