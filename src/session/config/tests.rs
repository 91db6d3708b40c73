use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn options() -> Options {
    Options {
        connect_timeout: Duration::from_secs(10),
        statement_timeout: Some(Duration::from_millis(1500)),
        application_name: "howdah".into(),
        statement_cache_size: 256,
    }
}

fn config(url: Option<&str>, variables: &[(&str, &str)]) -> Result<Config> {
    let variable = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    Config::new(url, &options(), variable)
}

fn refusal(url: &str) -> String {
    config(Some(url), &[]).map(|_| ()).unwrap_err().to_string()
}

fn addresses(config: &Config) -> Vec<String> {
    let of = |host: &Host| host.addresses(false).unwrap();
    config.hosts.iter().flat_map(of).map(|address| address.to_string()).collect()
}

fn setting<'a>(config: &'a Config, name: &str) -> Option<&'a str> {
    config.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
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
        "=hunter2",
    ] {
        let error = refusal(url);
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(refusal("user=u sslmod=require").contains("`sslmode`"));
    assert!(config(None, &[("PGPORT", "many")]).is_err());
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
}

#[test]
fn test_config_of_url_beats_service_beats_environment() {
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
    let given = config(Some(&format!("{url} password=x")), &passfile).unwrap();
    assert_eq!(given.hosts[0].password.as_ref().unwrap().reveal(), "x");
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
    for url in
        ["user=u gssencmode=require", "user=u require_auth=md5", "user=u client_encoding=LATIN1"]
    {
        assert!(matches!(config(Some(url), &[]), Err(Error::NotSupported(_))), "{url}");
    }
    let plain = config(Some("user=u"), &[]).unwrap().security;
    assert_eq!((plain.mode, plain.sni), (SslMode::Prefer, true));
}

#[test]
fn test_config_of_times_and_sizes_is_read() {
    let config = |url| config(Some(url), &[]).unwrap();
    assert_eq!(config("user=u connect_timeout=3").connect_timeout, Duration::from_secs(3));
    assert_eq!(config("user=u connect_timeout=0").connect_timeout, FOR_EVER);
    let kept = config("user=u keepalives_idle=5 keepalives_count=2").keepalive.unwrap();
    assert_eq!((kept.idle, kept.retries), (Some(Duration::from_secs(5)), Some(2)));
    assert_eq!(config("user=u keepalives=0").keepalive, None);
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
