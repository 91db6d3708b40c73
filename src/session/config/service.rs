//! Connection service files, as <https://www.postgresql.org/docs/current/libpq-pgservice.html> has
//! them.

use std::fs;
use std::path::{Path, PathBuf};

use super::uri::Pairs;

/// The parameters of a service, of the first file that has it.
///
/// # Errors
/// When none has, or a line of it is no `name=value`.
pub(super) fn find(service: &str, files: &[PathBuf]) -> Result<Pairs, String> {
    for file in files {
        if let Ok(text) = fs::read_to_string(file)
            && let Some(pairs) = section(service, &text, file)?
        {
            return Ok(pairs);
        }
    }
    let looked: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    Err(format!("service \"{service}\" is not in {}", looked.join(" or ")))
}

fn section(service: &str, text: &str, file: &Path) -> Result<Option<Pairs>, String> {
    let mut found: Option<Pairs> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            if found.is_some() {
                break;
            }
            if name == service {
                found = Some(Pairs::new());
            }
        } else if let Some(pairs) = &mut found {
            let (name, value) = line.split_once('=').ok_or_else(|| {
                format!("{}, line {}: expected name=value", file.display(), number + 1)
            })?;
            pairs.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_find_of_a_service_gives_its_section_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "# c\n[a]\nhost=x\n\n[b]\nhost = y\nport=1\n[c]\nhost=z\n").unwrap();
        let files = [PathBuf::from("/nowhere"), file.path().to_owned()];
        let pairs = find("b", &files).unwrap();
        assert_eq!(pairs, [("host".into(), "y".into()), ("port".into(), "1".into())]);
        assert!(find("d", &files).unwrap_err().contains("/nowhere"));
        fs::write(file.path(), "[b]\nnonsense\n").unwrap();
        assert!(find("b", &files).unwrap_err().contains("line 2"));
    }
}
