//! Detects changes of what names mean: a new search path, a dropped table, another type of a column.
//!
//! A prepared statement takes its parameters in the types that they had when it was prepared. If a name means another table since, or a
//! column has another type, the server casts the parameters silently, and may round them. The protocol does not report such changes,
//! so they are detected by what the session runs: by the text of statements and by their command tags.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the changes that a session, and all sessions of its pool, have seen.
pub(super) struct NameChanges {
    own: AtomicU64,
    pool: Arc<AtomicU64>,
}

impl NameChanges {
    pub fn new(pool: &Arc<AtomicU64>) -> Self {
        Self { own: AtomicU64::new(0), pool: Arc::clone(pool) }
    }

    /// The number of changes so far, of the session and of the pool. Statements that were prepared at another number are outdated.
    pub fn count(&self) -> (u64, u64) {
        (self.own.load(Ordering::Relaxed), self.pool.load(Ordering::Relaxed))
    }

    /// Counts a change.
    pub fn note(&self, reach: Reach) {
        match reach {
            Reach::None => {}
            Reach::Session => _ = self.own.fetch_add(1, Ordering::Relaxed),
            Reach::Pool => _ = self.pool.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// The sessions for which names have changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// None.
    #[default]
    None,
    /// This session: its search path, role or temporary tables.
    Session,
    /// All sessions of the pool: tables and their columns, schemas and privileges.
    Pool,
}

/// Detects changes in the server's responses.
pub(super) struct NameWatch {
    changes: Arc<NameChanges>,
    /// What the open transaction has changed: its end may undo it.
    in_transaction: Reach,
    /// The current request has changed something, or undone it.
    in_request: bool,
}

impl NameWatch {
    pub fn new(changes: &Arc<NameChanges>) -> Self {
        Self { changes: Arc::clone(changes), in_transaction: Reach::None, in_request: false }
    }

    /// Notes that the server has reported another search path.
    pub fn path_changed(&self) {
        self.changes.note(Reach::Session);
    }

    /// Notes that a statement has completed with this command tag. `reports_path`: the server reports changes of the search path.
    pub fn complete(&mut self, effect: NameEffect, tag: &[u8], reports_path: bool) {
        let reach = effect.reach(tag, reports_path);
        self.in_transaction = reach.max(self.in_transaction);
        self.in_request |= reach != Reach::None || tag.starts_with(b"ROLLBACK");
    }

    /// Notes that a request is answered. Other sessions see its changes when the transaction has ended.
    pub fn ready(&mut self, status: u8) {
        let in_request = std::mem::take(&mut self.in_request);
        if self.in_transaction == Reach::None {
            return;
        }
        if in_request || status == b'I' {
            self.changes.note(Reach::Session);
        }
        if status == b'I' {
            self.changes.note(std::mem::take(&mut self.in_transaction));
        }
    }
}

/// Which names the text of a statement may change, beyond what its command tag says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum NameEffect {
    /// None.
    #[default]
    Nothing,
    /// The temporary table of a load, whose name nothing else uses: its command tags do not count.
    Stage,
    /// Those of temporary tables: what it creates or drops belongs to the session.
    Temporary,
    /// Those of the search path or the role, if it is a SET.
    Settings,
    /// Any: it calls `set_config`, or creates a table, which its command tag does not say.
    Always,
}

/// The first words of statements that set nothing, and whose command tags say what they create.
const PLAIN: &[&str] = &[
    "abort",
    "analyze",
    "begin",
    "commit",
    "copy",
    "declare",
    "delete",
    "end",
    "explain",
    "fetch",
    "insert",
    "listen",
    "lock",
    "merge",
    "notify",
    "release",
    "rollback",
    "savepoint",
    "select",
    "show",
    "start",
    "table",
    "truncate",
    "unlisten",
    "update",
    "vacuum",
    "values",
    "with",
];

/// The settings that decide what names mean.
const SETTINGS: &[&str] = &["search_path", "role", "session_authorization"];

/// Words in a SET of these settings. `SET SCHEMA` and `SET SESSION AUTHORIZATION` set them, too, and `U&"…"` may be any name.
const SET_OF: &[&str] =
    &["search_path", "schema", "role", "authorization", "session_authorization", "u"];

impl NameEffect {
    /// The effect of a statement, or of several, by its text.
    pub fn of(sql: &str) -> Self {
        let first = sql.trim_start();
        let length = first.bytes().take_while(u8::is_ascii_alphabetic).count();
        let first = first.get(..length).unwrap_or_default();
        let is_plain = PLAIN.iter().any(|word| word.eq_ignore_ascii_case(first));
        let is_select = first.eq_ignore_ascii_case("select") || first.eq_ignore_ascii_case("with");
        if calls_set_config(sql) || (is_select && selects_into(first, sql)) {
            return Self::Always;
        }
        if is_plain && is_single(sql) {
            return Self::Nothing;
        }
        if contains(sql, "_howdah_stage") || contains(sql, "howdah_staged") {
            Self::Stage
        } else if contains(sql, " as ") && contains(sql, "table") && !is_plain {
            // The tag of CREATE TABLE AS is that of a SELECT.
            Self::Always
        } else if SET_OF.iter().any(|word| has_word(sql, word)) {
            Self::Settings
        } else if contains(sql, "temp") {
            Self::Temporary
        } else {
            Self::Nothing
        }
    }

    /// The sessions whose names a statement has changed that has completed with this tag.
    pub fn reach(self, tag: &[u8], reports_path: bool) -> Reach {
        let is = |words: &[&str]| words.iter().any(|word| tag.starts_with(word.as_bytes()));
        let by_tag = match tag.first() {
            Some(b'C') if is(&["CREATE"]) => Reach::Pool,
            Some(b'D') if is(&["DROP"]) => Reach::Pool,
            Some(b'A') if is(&["ALTER"]) => Reach::Pool,
            Some(b'G' | b'R' | b'I') if is(&["GRANT", "REVOKE", "IMPORT"]) => Reach::Pool,
            Some(b'D') if is(&["DISCARD", "DEALLOCATE"]) => Reach::Session,
            Some(b'R') if is(&["RESET"]) => Reach::Session,
            Some(b'S') if self == Self::Settings && is(&["SET"]) => Reach::Session,
            // The code that they run may set the search path.
            Some(b'C' | b'D') if !reports_path && is(&["CALL", "DO"]) => Reach::Session,
            _ => Reach::None,
        };
        let is_of = |object: &str| tag.ends_with(object.as_bytes());
        match self {
            Self::Stage => Reach::None,
            Self::Temporary if is(&["CREATE", "DROP"]) && is_of("TABLE") => Reach::Session,
            Self::Temporary if is(&["CREATE"]) && is_of("INDEX") => Reach::Session,
            Self::Always => by_tag.max(Reach::Session),
            _ => by_tag,
        }
    }
}

/// Whether a text is a single statement; one with a semicolon in a string or a comment is taken for several.
fn is_single(sql: &str) -> bool {
    let end = sql.trim_end_matches(|c: char| c.is_ascii_whitespace() || c == ';').len();
    memchr::memchr(b';', sql.as_bytes().get(..end).unwrap_or_default()).is_none()
}

/// Whether a text contains a word, ignoring case.
fn contains(sql: &str, word: &str) -> bool {
    sql.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a text contains a word that is not part of another name, such as `role` in `app.role`, ignoring case.
fn has_word(sql: &str, word: &str) -> bool {
    let bytes = sql.as_bytes();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$');
    bytes.windows(word.len()).enumerate().any(|(at, part)| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(at + word.len());
        part.eq_ignore_ascii_case(word.as_bytes())
            && !before.into_iter().chain(after).copied().any(is_part)
    })
}

/// Whether a text calls `set_config` for one of [`SETTINGS`], or for a setting that the text does not name.
fn calls_set_config(sql: &str) -> bool {
    let bytes = sql.as_bytes();
    memchr::memchr_iter(b'_', bytes).any(|at| {
        let word = at.checked_sub(3).and_then(|from| bytes.get(from..at + 7));
        if !word.is_some_and(|word| word.eq_ignore_ascii_case(b"set_config")) {
            return false;
        }
        let rest = sql.get(at + 7..).unwrap_or_default().trim_start_matches('"').trim_start();
        let Some(argument) = rest.strip_prefix('(').map(str::trim_start) else { return true };
        let named = argument.strip_prefix('\'').and_then(|name| name.split_once('\''));
        named.is_none_or(|(name, _)| {
            SETTINGS.iter().any(|setting| setting.eq_ignore_ascii_case(name))
        })
    })
}

/// Whether a SELECT may have an INTO, which creates a table.
fn selects_into(first: &str, sql: &str) -> bool {
    let is_space = |byte: &u8| byte.is_ascii_whitespace();
    let into = |part: &[u8]| {
        matches!(part, [before, word @ .., after]
            if is_space(before) && is_space(after) && word.eq_ignore_ascii_case(b"into"))
    };
    // An INSERT in a WITH has an INTO, too.
    sql.as_bytes().windows(6).any(into)
        && (first.eq_ignore_ascii_case("select") || !contains(sql, "insert"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_name_effect_of_texts_is_what_they_may_change() {
        for (sql, expected) in [
            ("SELECT 1", NameEffect::Nothing),
            ("INSERT INTO t VALUES ($1)", NameEffect::Nothing),
            (
                "WITH a AS (INSERT INTO t VALUES (1) RETURNING n) SELECT * FROM a",
                NameEffect::Nothing,
            ),
            ("SELECT set_config('app.user', $1, true)", NameEffect::Nothing),
            ("SELECT set_config('search_path', $1, true)", NameEffect::Always),
            ("select pg_catalog.\"set_config\" ( $1, $2, false)", NameEffect::Always),
            ("SELECT Set_Config(E'search\\137path', 'a', true)", NameEffect::Always),
            ("SELECT * INTO u FROM t", NameEffect::Always),
            ("SELECT set_config('app.role', $1, true)", NameEffect::Nothing),
            ("SET statement_timeout = 5", NameEffect::Nothing),
            ("SET LOCAL app.role = 'x'", NameEffect::Nothing),
            ("SET \"search_path\" = a", NameEffect::Settings),
            ("SET LOCAL search_path = a", NameEffect::Settings),
            ("SELECT 1; set Search_Path to a", NameEffect::Settings),
            ("/* why */ SET ROLE a", NameEffect::Settings),
            ("SET SESSION AUTHORIZATION a", NameEffect::Settings),
            ("CREATE TABLE u AS SELECT 1", NameEffect::Always),
            ("CREATE TEMP TABLE shorter (n int)", NameEffect::Temporary),
            ("CREATE TEMP TABLE _howdah_stage (LIKE t) ON COMMIT DROP", NameEffect::Stage),
        ] {
            assert_eq!(NameEffect::of(sql), expected, "{sql}");
        }
    }

    #[test]
    fn test_reach_follows_from_the_tag_and_the_text() {
        use NameEffect::{Always, Nothing, Settings, Stage, Temporary};
        for (effect, tag, reach) in [
            (Nothing, "SELECT 1", Reach::None),
            (Nothing, "INSERT 0 1", Reach::None),
            (Nothing, "COMMIT", Reach::None),
            (Nothing, "SET", Reach::None),
            (Settings, "SET", Reach::Session),
            (Settings, "SELECT 1", Reach::None),
            (Always, "SELECT 1", Reach::Session),
            (Nothing, "RESET", Reach::Session),
            (Nothing, "DISCARD ALL", Reach::Session),
            (Nothing, "DO", Reach::Session),
            (Nothing, "CREATE TABLE", Reach::Pool),
            (Nothing, "ALTER TABLE", Reach::Pool),
            (Nothing, "DROP SCHEMA", Reach::Pool),
            (Temporary, "CREATE TABLE", Reach::Session),
            (Temporary, "ALTER TABLE", Reach::Pool),
            (Stage, "CREATE TABLE", Reach::None),
        ] {
            assert_eq!(effect.reach(tag.as_bytes(), false), reach, "{effect:?} {tag}");
        }
        assert_eq!(Nothing.reach(b"CALL", true), Reach::None);
    }
}
