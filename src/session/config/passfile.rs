//! Password files, as <https://www.postgresql.org/docs/current/libpq-pgpass.html> has them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Secret;

/// What a password is looked up by.
pub(super) struct Wanted<'a> {
    pub host: &'a str,
    pub port: u16,
    pub database: &'a str,
    pub user: &'a str,
}

/// The lines of a password file.
pub(super) struct Passfile(String);

impl Passfile {
    /// Reads a file, if it is there.
    ///
    /// # Errors
    /// When others could read it too, for then nobody is to go by it; or when it cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>, String> {
        let shown = path.display();
        let failed = |error: io::Error| {
            format!("the password file {shown} cannot be read and was not used: {error}")
        };
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if !metadata.is_file() {
            return Err(format!("the password file {shown} is no plain file and was not used"));
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(format!(
                "the password file {shown} can be read by others and was not used; chmod 0600 it"
            ));
        }
        let bytes = fs::read(path).map_err(failed)?;
        Ok(Some(Self(String::from_utf8_lossy(&bytes).into_owned())))
    }

    /// The first password that fits; an empty one is none. It ends at the next colon, as a name does.
    pub fn password(&self, wanted: &Wanted<'_>) -> Option<Secret> {
        let port = wanted.port.to_string();
        let keys = [wanted.host, &port, wanted.database, wanted.user];
        let found = self.0.lines().find_map(|line| {
            if line.starts_with('#') {
                return None;
            }
            let mut rest = line;
            for key in keys {
                let (field, after) = field(rest)?;
                if field != "*" && unescaped(field) != *key {
                    return None;
                }
                rest = after;
            }
            Some(unescaped(field(rest).map_or(rest, |(password, _)| password)))
        });
        found.filter(|password| !password.is_empty()).map(Secret::new)
    }
}

/// The text up to the next colon that no backslash stands before, and what follows it.
fn field(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.find(|c| {
        let ends = c == ':' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        out.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(lines: &str, host: &str, user: &str) -> Option<String> {
        let wanted = Wanted { host, port: 5432, database: "app", user };
        let found = Passfile(lines.to_owned()).password(&wanted);
        found.map(|secret| secret.reveal().to_owned())
    }

    #[test]
    fn test_password_of_the_first_line_that_fits_is_taken() {
        let lines = "# comment\nother:*:*:ann:no\nhost:5432:app:ann:first\n*:*:*:*:last";
        assert_eq!(password(lines, "host", "ann").as_deref(), Some("first"));
        assert_eq!(password(lines, "host", "bob").as_deref(), Some("last"));
        assert_eq!(password("host:1:app:ann:x", "host", "ann"), None);
        assert_eq!(password("*:*:*:*:a:b", "host", "ann").as_deref(), Some("a"));
        assert_eq!(password("*:*:*:ann:\n*:*:*:*:x", "host", "ann"), None);
        assert_eq!(password(r"\:\:1:*:*:a\\b:p\:w\\d", "::1", r"a\b").as_deref(), Some(r"p:w\d"));
    }

    #[test]
    fn test_passfile_that_others_can_read_is_not_used() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "*:*:*:*:hunter2").unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o640)).unwrap();
        let why = Passfile::read(file.path()).map(|_| ()).unwrap_err();
        assert!(why.contains("0600") && !why.contains("hunter2"), "{why}");
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Passfile::read(file.path()).unwrap().is_some());
        assert!(Passfile::read(Path::new("/nowhere")).unwrap().is_none());
    }
}
