use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Instant;

use super::keepalive::KEEPALIVE;
use super::security::{RootCertificates, SslMode, TlsVersion};
use super::*;

fn options() -> Options {
    Options {
        password: None,
        ask_password: None,
        connect_timeout: Duration::from_secs(10),
        statement_timeout: Some(Duration::from_millis(1500)),
        application_name: "howdah".into(),
        statement_cache_size: 256,
        busy_wait: Duration::ZERO,
        json_decimals: false,
        binding: BindingData::default(),
    }
}

fn config(url: Option<&str>, variables: &[(&str, &str)]) -> Result<Config> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::new(url, &options(), variables)
}

fn refusal(url: &str) -> String {
    config(Some(url), &[]).map(|_| ()).unwrap_err().to_string()
}

fn found(host: &Host) -> Result<Vec<Address>> {
    host.addresses(false, Instant::now() + Duration::from_secs(60), &mut || Ok(()))
}

fn addresses(config: &Config) -> Vec<String> {
    let of = |host: &Host| found(host).unwrap();
    config.hosts.iter().flat_map(of).map(|address| address.to_string()).collect()
}

fn setting<'a>(config: &'a Config, name: &str) -> Option<&'a str> {
    config.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn test_config_without_any_source_names_url_and_environment() {
    let error = config(None, &[]).map(|_| ()).unwrap_err().to_string();
    for part in ["DATABASE_URL", "PGHOST", "howdah.embedded"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn test_config_of_uri_and_dsn_and_environment_agree() {
    let environment =
        [("PGHOST", "127.0.0.1"), ("PGPORT", "6000"), ("PGUSER", "ann"), ("PGDATABASE", "app")];
    for (url, variables) in [
        (Some("postgresql://ann@127.0.0.1:6000/app"), &[][..]),
        (Some("host=127.0.0.1 port=6000 user=ann dbname=app"), &[]),
        (Some("user=ann dbname=app hostaddr=127.0.0.1 port=6000"), &[]),
        (None, &environment),
        (None, &[("DATABASE_URL", "postgresql://127.0.0.1:6000/app"), ("PGUSER", "ann")]),
    ] {
        let config = config(url, variables).unwrap();
        assert_eq!(addresses(&config), ["127.0.0.1:6000"]);
        assert_eq!((config.user.as_str(), config.database.as_str()), ("ann", "app"));
        assert_eq!(setting(&config, "options"), Some(" -c statement_timeout=1500"));
        assert_eq!(setting(&config, "application_name"), Some("howdah"));
    }
    let socket = config(Some("postgresql://u@%2Frun%2Fpg:6001/app"), &[]).unwrap();
    assert_eq!(addresses(&socket), ["/run/pg/.s.PGSQL.6001"]);
}

#[test]
fn test_config_of_bad_urls_shows_no_password() {
    for url in [
        "postgresql://u:hunter2@h:port/x",
        "postgresql://u:hunter2@h/x?nonsense=1",
        "password=hunter2 nonsense",
        "password=hunter2 sslmode=maybe",
        "sslmode=require&password=hunter2",
        "password=a hunter2=1",
        "postgresql://u:hunter2/x@h/d",
        "postgresql://u:p@hunter2@h/d",
        "mysql://u:hunter2@h/d",
        "password=hunter2\0",
        "=hunter2",
    ] {
        let error = refusal(url);
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(refusal("user=u sslmod=require").contains("`sslmode`"));
    assert!(refusal("mysql://h").contains("postgresql://"));
    let port = config(None, &[("PGPORT", "many")]).map(|_| ()).unwrap_err().to_string();
    assert_eq!(port, "PGPORT: expected a number from 1 to 65535");
    let shown = format!("{:?}", config(Some("postgresql://u:hunter2@h/x"), &[]).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn test_config_of_several_hosts_pairs_their_ports() {
    let both = config(Some("postgresql://u@127.0.0.1:1,127.0.0.2:2/x"), &[]).unwrap();
    assert_eq!(addresses(&both), ["127.0.0.1:1", "127.0.0.2:2"]);
    let one = config(Some("host=127.0.0.1,127.0.0.2 port=7 user=u"), &[]).unwrap();
    assert_eq!(addresses(&one), ["127.0.0.1:7", "127.0.0.2:7"]);
    assert!(refusal("host=a,b port=1,2,3 user=u").contains("port"));
    assert!(refusal("host=a,b hostaddr=127.0.0.1 user=u").contains("hostaddr"));
    assert!(refusal("hostaddr=name user=u").contains("IP address"));
    let open = config(Some("postgresql://u@127.0.0.1,[::1]/x"), &[("PGPORT", "7")]).unwrap();
    assert_eq!(addresses(&open), ["127.0.0.1:5432", "[::1]:5432"]);
    let named = config(Some("host=nowhere.invalid hostaddr=127.0.0.1 user=u"), &[]).unwrap();
    assert_eq!(addresses(&named), ["nowhere.invalid:5432"]);
    let abstract_one = config(Some("host=@here user=u"), &[]);
    assert!(matches!(abstract_one, Err(Error::NotSupported(_))));
}

#[test]
fn test_config_of_url_precedes_service_and_environment() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "[app]\nhost=127.0.0.2\nport=2\nuser=service\n").unwrap();
    let path = file.path().to_str().unwrap();
    let variables =
        [("PGSERVICEFILE", path), ("PGSERVICE", "app"), ("PGUSER", "env"), ("PGDATABASE", "env")];
    let config = config(Some("port=1"), &variables).unwrap();
    assert_eq!(addresses(&config), ["127.0.0.2:1"]);
    assert_eq!((config.user.as_str(), config.database.as_str()), ("service", "env"));
}

#[test]
fn test_config_of_passfile_gives_each_host_its_password() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "127.0.0.1:*:*:u:one\n127.0.0.2:*:*:u:two\n").unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
    let passfile = [("PGPASSFILE", file.path().to_str().unwrap())];
    let url = "host=127.0.0.1,127.0.0.2 user=u";
    let both = config(Some(url), &passfile).unwrap();
    let passwords: Vec<_> =
        both.hosts.iter().map(|host| host.password.as_ref().unwrap().reveal()).collect();
    assert_eq!(passwords, ["one", "two"]);
    let conninfo = config(Some(&format!("{url} password=x")), &passfile).unwrap();
    assert_eq!(conninfo.hosts[0].password.as_ref().unwrap().reveal(), "x");
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let ignored = config(Some(url), &passfile).unwrap();
    assert!(ignored.hosts[0].password.is_none());
    assert!(ignored.ignored_passfile.unwrap().contains("0600"));
}

#[test]
fn test_config_of_security_is_checked() {
    let full = config(Some("user=u sslrootcert=system"), &[]).unwrap().security;
    assert_eq!((full.mode, full.roots), (SslMode::VerifyFull, RootCertificates::System));
    assert!(refusal("user=u sslrootcert=system sslmode=require").contains("verify-full"));
    assert!(refusal("user=u sslnegotiation=direct").contains("sslnegotiation"));
    assert!(refusal("user=u ssl_min_protocol_version=TLSv1").contains("TLSv1.2"));
    let range = "user=u ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=tlsv1.2";
    assert!(refusal(range).contains("ssl_max_protocol_version"));
    let least = config(Some("user=u"), &[("PGSSLMINPROTOCOLVERSION", "TLSv1.3")]).unwrap();
    assert_eq!(least.security.min_version, Some(TlsVersion::V1_3));
    let system = [("PGSSLROOTCERT", "system"), ("PGSSLMODE", "prefer")];
    assert!(config(Some("user=u"), &system).is_err());
    let plain = config(Some("user=u"), &[]).unwrap().security;
    assert_eq!((plain.mode, plain.sni), (SslMode::Prefer, true));
}

#[test]
fn test_config_of_keepalives_is_read_and_defaults_to_a_minute() {
    let config = |url| config(Some(url), &[]).unwrap();
    let asked = |limit| UserTimeout { limit, is_suspended_for_long_requests: false };
    let usual = config("user=u");
    let silence = Duration::from_secs(30 + 3 * 10);
    let kept = usual.keepalive.unwrap();
    assert_eq!(kept.idle.unwrap() + kept.interval.unwrap() * kept.retries.unwrap(), silence);
    let limit = Some(silence);
    assert_eq!(usual.user_timeout, UserTimeout { limit, is_suspended_for_long_requests: true });
    let short = config("user=u tcp_user_timeout=50").user_timeout;
    assert_eq!(short, asked(Some(Duration::from_millis(50))));
    assert_eq!(config("user=u tcp_user_timeout=0").user_timeout, asked(None));
    // 0 and less are the system's own, as to libpq.
    let own = config("user=u keepalives_idle=-1 keepalives_interval=0 keepalives_count=0");
    assert_eq!(own.keepalive, Some(Keepalive::default()));
    let kept = config("user=u keepalives_idle=5 keepalives_count=2").keepalive.unwrap();
    let idle = Some(Duration::from_secs(5));
    assert_eq!(kept, Keepalive { idle, retries: Some(2), ..KEEPALIVE });
    assert_eq!(config("user=u keepalives=0").keepalive, None);
}

#[test]
fn test_config_of_times_and_sizes_is_read() {
    let config = |url| config(Some(url), &[]).unwrap();
    assert_eq!(config("user=u connect_timeout=3").connect_timeout, Duration::from_secs(3));
    assert_eq!(config("user=u connect_timeout=0").connect_timeout, FOR_EVER);
    assert_eq!(config("user=u connect_timeout=-1").connect_timeout, FOR_EVER);
    assert_eq!(config("user=u").connect_timeout, Duration::from_secs(10));
    assert_eq!(config("user=u statement_cache_size=7").statement_cache_size, 7);
    let pooled = config("user=u pgbouncer=true");
    assert_eq!((pooled.statement_cache_size, setting(&pooled, "options")), (0, None));
    assert_eq!(
        config("user=u target_session_attrs=prefer-standby").target,
        SessionAttrs::PreferStandby
    );
    assert!(config("user=u load_balance_hosts=random").load_balance);
}

#[test]
fn test_config_of_environment_settings_reaches_the_server() {
    let config = config(Some("user=u"), &[("PGTZ", "Asia/Tokyo"), ("PGAPPNAME", "etl")]).unwrap();
    assert_eq!(setting(&config, "timezone"), Some("Asia/Tokyo"));
    assert_eq!(setting(&config, "application_name"), Some("etl"));
}

#[test]
fn test_config_of_files_in_home_uses_those_that_exist() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".postgresql");
    fs::create_dir(&folder).unwrap();
    let read = |url: &str| config(Some(url), &[("HOME", home.path().to_str().unwrap())]).unwrap();
    let bare = read("user=u").security;
    assert_eq!(bare.roots, RootCertificates::Default(Some(folder.join("root.crt"))));
    assert_eq!((bare.certificate, bare.key, bare.revoked), (None, None, None));
    for name in ["postgresql.crt", "postgresql.key", "root.crl"] {
        fs::write(folder.join(name), "").unwrap();
    }
    let full = read("user=u").security;
    assert_eq!(full.certificate, Some(folder.join("postgresql.crt")));
    assert_eq!(full.key, Some(folder.join("postgresql.key")));
    assert_eq!(full.revoked, Some(folder.join("root.crl")));
    let kept = read("user=u sslcertmode=disable").security;
    assert_eq!((kept.certificate, kept.key), (None, None));
    fs::write(home.path().join(".pg_service.conf"), "[app]\nuser=service\n").unwrap();
    assert_eq!(read("service=app").user, "service");
    let passfile = home.path().join(".pgpass");
    fs::write(&passfile, "localhost:*:*:u:near\n/run/pg:*:*:u:far\n").unwrap();
    fs::set_permissions(&passfile, fs::Permissions::from_mode(0o600)).unwrap();
    for (host, password) in [
        ("/tmp", "near"),
        ("/var/run/postgresql", "near"),
        ("localhost", "near"),
        ("/run/pg", "far"),
    ] {
        let found = read(&format!("user=u host={host}"));
        assert_eq!(found.hosts[0].password.as_ref().unwrap().reveal(), password, "{host}");
    }
}

#[test]
fn test_config_of_unsupported_parameters_is_refused() {
    for url in [
        "gssencmode=require",
        "require_auth=gss,sspi,oauth",
        "require_auth=!password,!md5,!scram-sha-256,!none",
        "sslkeylogfile=/tmp/keys",
        "replication=database",
        "min_protocol_version=3.2",
        "oauth_issuer=x",
        "client_encoding=LATIN1",
    ] {
        let found = config(Some(&format!("user=u {url}")), &[]);
        assert!(matches!(found, Err(Error::NotSupported(_))), "{url}");
    }
    assert!(matches!(
        config(Some("user=u"), &[("PGREQUIREAUTH", "gss")]),
        Err(Error::NotSupported(_))
    ));
    let same = "user=u require_auth='' gssencmode=prefer krbsrvname=x gsslib=gssapi sslcompression=0 \
                replication=false max_protocol_version=latest min_protocol_version=3.0 \
                client_encoding=UTF8 gssdelegation=0";
    assert!(config(Some(same), &[("PGCLIENTENCODING", "LATIN1")]).is_ok());
}

#[test]
fn test_config_of_an_empty_value_has_the_default() {
    let variables = [("PGDATABASE", "env"), ("PGSSLMODE", "require"), ("PGUSER", "")];
    let conninfo = config(Some("user=u dbname='' sslmode=''"), &variables).unwrap();
    assert_eq!((conninfo.database.as_str(), conninfo.security.mode), ("u", SslMode::Prefer));
    let by_system = config(Some("host=/tmp"), &variables).unwrap();
    assert!(!by_system.user.is_empty());
    assert!(config(None, &[("PGHOST", "")]).is_err());
}

#[test]
fn test_config_without_a_host_ends_with_localhost() {
    let last = config(Some("port=6002"), &[]).unwrap().hosts.pop().unwrap();
    assert_eq!((last.name.as_str(), last.port), ("localhost", 6002));
}

#[test]
fn test_config_of_statement_timeouts_stays_within_the_server_s_range() {
    for (timeout, expected) in [
        (Duration::from_micros(1), "1"),
        (Duration::ZERO, "0"),
        (Duration::from_secs(1 << 40), "2147483647"),
    ] {
        let options = Options { statement_timeout: Some(timeout), ..options() };
        let config = Config::new(Some("user=u options='-c a=b'"), &options, []).unwrap();
        let expected = format!("-c a=b -c statement_timeout={expected}");
        assert_eq!(setting(&config, "options"), Some(expected.as_str()));
    }
}

#[test]
fn test_hosts_in_order_are_complete_in_several_orders() {
    let order = |url: &str| -> Vec<u16> {
        let config = config(Some(url), &[]).unwrap();
        config.hosts_in_order().iter().map(|host| host.port).collect()
    };
    let url = "host=a,b,c user=u port=1,2,3";
    let balanced = format!("{url} load_balance_hosts=random");
    let mut seen = std::collections::HashSet::new();
    for _ in 0..300 {
        assert_eq!(order(url), [1, 2, 3]);
        seen.insert(order(&balanced));
    }
    assert_eq!(seen.len(), 6);
}

#[test]
fn test_addresses_of_a_name_that_does_not_resolve_name_it() {
    let config = config(Some("postgresql://u@nowhere.invalid:6003"), &[]).unwrap();
    let error = found(&config.hosts[0]).unwrap_err();
    assert!(matches!(&error, Error::Connection(_)), "{error:?}");
    let error = error.to_string();
    assert!(error.starts_with("cannot connect to nowhere.invalid:6003: "), "{error}");
    assert!(error.ends_with("; check the host's name"), "{error}");
}

#[test]
fn test_config_of_login_rules_is_read() {
    let login = |url| config(Some(url), &[]).unwrap().login;
    let plain = login("user=u");
    assert!(plain.required.is_none() && plain.keys.is_none() && plain.peer.is_none());
    assert!(!plain.allows_cleartext && !plain.needs_certificate);
    let full = login("user=u allow_cleartext=1 requirepeer=postgres sslcertmode=require");
    assert!(full.allows_cleartext && full.needs_certificate);
    assert_eq!(full.peer.as_deref(), Some("postgres"));
    for url in ["scram_client_key=hunter2", "scram_client_key=aHVudGVyMg==", "require_auth=hunter2"]
    {
        let error = refusal(&format!("user=u {url}"));
        assert!(error.contains(url.split('=').next().unwrap()), "{error}");
        assert!(!error.contains("hunter2") && !error.contains("aHVu"), "{error}");
    }
    let key = "A".repeat(43);
    assert!(refusal(&format!("user=u scram_client_key={key}=")).contains("scram_server_key"));
    assert!(refusal(&format!("user=u scram_server_key={key}=")).contains("scram_client_key"));
    let shown =
        format!("{:?}", login(&format!("user=u scram_client_key={key}= scram_server_key={key}=")));
    assert!(!shown.contains("[0, 0"), "{shown}");
}

#[test]
fn test_address_of_this_machine_is_local() {
    let local = |ip: &str| {
        let socket = SocketAddr::new(ip.parse().unwrap(), 5432);
        Address::Tcp { name: String::new(), socket }.is_local()
    };
    for ip in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
        assert!(local(ip), "{ip}");
    }
    for ip in ["10.0.0.1", "0.0.0.0", "::", "fe80::1", "::ffff:10.0.0.1", "128.0.0.1"] {
        assert!(!local(ip), "{ip}");
    }
    assert!(Address::Unix(PathBuf::from("/tmp/.s.PGSQL.5432")).is_local());
}
