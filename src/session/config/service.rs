//! Connection service files: <https://www.postgresql.org/docs/current/libpq-pgservice.html>.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::uri::Pairs;

/// The service files.
pub(super) struct ServiceFiles {
    /// The file that is given; it must exist, and replaces the user's own.
    pub named: Option<PathBuf>,
    /// The user's own.
    pub own: Option<PathBuf>,
    /// The file for all users.
    pub system: PathBuf,
}

impl ServiceFiles {
    /// Reads the parameters of a service, in the first file that has it.
    pub fn find(&self, service: &str) -> Result<Pairs, String> {
        let own = self.named.as_deref().or(self.own.as_deref());
        let files: Vec<&Path> = own.into_iter().chain([self.system.as_path()]).collect();
        for file in &files {
            match fs::read(file) {
                Ok(bytes) => {
                    let text = String::from_utf8_lossy(&bytes);
                    if let Some(pairs) = section(service, &text, file)? {
                        return Ok(pairs);
                    }
                }
                Err(error)
                    if error.kind() == ErrorKind::NotFound
                        && self.named.as_deref() != Some(*file) => {}
                Err(error) => {
                    return Err(format!(
                        "the service file {} cannot be read: {error}",
                        file.display()
                    ));
                }
            }
        }
        let searched: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        Err(format!("service \"{service}\" is not in {}", searched.join(" or ")))
    }
}

fn section(service: &str, text: &str, file: &Path) -> Result<Option<Pairs>, String> {
    let mut found: Option<Pairs> = None;
    for (number, line) in text.lines().enumerate() {
        let refused = |why: &str| Err(format!("{}, line {}: {why}", file.display(), number + 1));
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(line) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if line.strip_prefix(service).is_some_and(|rest| rest.starts_with(']')) {
                found = Some(Pairs::new());
            }
        } else if let Some(pairs) = &mut found {
            if line.starts_with("ldap") {
                return refused("services in an LDAP directory are not looked up");
            }
            let Some((name, value)) = line.split_once('=') else {
                return refused("expected name=value");
            };
            let (name, value) = (name.trim(), value.trim());
            if name == "service" || name == "servicefile" {
                return refused("a service cannot name another");
            }
            // If a parameter is given twice, the first counts, as in libpq.
            if !pairs.iter().any(|(known, _)| known == name) {
                pairs.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(service: &str, text: &str) -> Result<Pairs, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let named = Some(file.path().to_owned());
        ServiceFiles { named, own: None, system: PathBuf::from("/nowhere") }.find(service)
    }

    #[test]
    fn test_find_of_a_service_returns_only_its_section() {
        let text = "# c\n[a]\nhost=x\n\n[b]\nhost = y\nport=1\nport=2\n[c]\nhost=z\n[b]\nuser=u";
        let pairs = find("b", text).unwrap();
        assert_eq!(pairs, [("host".into(), "y".into()), ("port".into(), "1".into())]);
        assert!(find("d", text).unwrap_err().contains("/nowhere"));
    }

    #[test]
    fn test_find_of_invalid_lines_names_only_the_line_number() {
        for line in ["hunter2", "service=b", "ldap://x/y?hunter2=1"] {
            let error = find("b", &format!("[b]\n{line}\n")).unwrap_err();
            assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn test_find_reads_the_system_file_unless_a_named_one_is_missing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "[b]\nhost=y\n").unwrap();
        let nowhere = PathBuf::from("/nowhere");
        let system = file.path().to_owned();
        let files =
            |named| ServiceFiles { named, own: Some(nowhere.clone()), system: system.clone() };
        assert_eq!(files(None).find("b").unwrap(), [("host".into(), "y".into())]);
        assert!(files(Some(nowhere.clone())).find("b").unwrap_err().contains("/nowhere"));
    }
}
