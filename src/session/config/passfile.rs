//! Password files: <https://www.postgresql.org/docs/current/libpq-pgpass.html>.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Secret;

/// What a password is looked up by.
pub(super) struct PassfileKey<'a> {
    pub host: &'a str,
    pub port: u16,
    pub database: &'a str,
    pub user: &'a str,
}

/// The lines of a password file.
pub(super) struct Passfile(String);

impl Passfile {
    /// Reads a file, if it exists; returns why it is ignored if it cannot be read, or others could read it, too.
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
            return Err(format!(
                "the password file {shown} is not a regular file and was not used"
            ));
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(format!(
                "the password file {shown} can be read by others and was not used; chmod 0600 it"
            ));
        }
        let bytes = fs::read(path).map_err(failed)?;
        Ok(Some(Self(String::from_utf8_lossy(&bytes).into_owned())))
    }

    /// The password of the first line that matches; an empty one counts as none.
    pub fn password(&self, key: &PassfileKey<'_>) -> Option<Secret> {
        let port = key.port.to_string();
        let keys = [key.host, &port, key.database, key.user];
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

/// The text up to the next colon that is not escaped by a backslash, and the text after it.
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
        let key = PassfileKey { host, port: 5432, database: "app", user };
        let found = Passfile(lines.to_owned()).password(&key);
        found.map(|secret| secret.reveal().to_owned())
    }

    #[test]
    fn test_password_of_the_first_matching_line_is_used() {
        let lines = "# comment\nother:*:*:ann:no\nhost:5432:app:ann:first\n*:*:*:*:last";
        assert_eq!(password(lines, "host", "ann").as_deref(), Some("first"));
        assert_eq!(password(lines, "host", "bob").as_deref(), Some("last"));
        assert_eq!(password("host:1:app:ann:x", "host", "ann"), None);
        assert_eq!(password("*:*:*:*:a:b", "host", "ann").as_deref(), Some("a"));
        assert_eq!(password("*:*:*:ann:\n*:*:*:*:x", "host", "ann"), None);
        assert_eq!(password(r"\:\:1:*:*:a\\b:p\:w\\d", "::1", r"a\b").as_deref(), Some(r"p:w\d"));
    }

    #[test]
    fn test_passfile_readable_by_others_is_ignored() {
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
