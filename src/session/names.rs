//! What changes the meaning of names. A prepared statement takes its parameters as the types that they
//! had when it was prepared: once a name means another table, or a column has another type, the server
//! casts them, and rounds. Nothing tells a client of that but what the session itself has run.

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

    /// How many there were so far: what was prepared before the last of them is not trusted.
    pub fn count(&self) -> (u64, u64) {
        (self.own.load(Ordering::Relaxed), self.pool.load(Ordering::Relaxed))
    }

    /// Notes a change.
    pub fn note(&self, reach: Reach) {
        match reach {
            Reach::None => {}
            Reach::Session => _ = self.own.fetch_add(1, Ordering::Relaxed),
            Reach::Pool => _ = self.pool.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// Whose names a change concerns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Nobody's.
    #[default]
    None,
    /// Those of the session: its search path, its role, its temporary tables.
    Session,
    /// Those of every session: tables and their columns, schemas and who may use them.
    Pool,
}

/// Watches the server's answers for changes.
pub(super) struct NameWatch {
    changes: Arc<NameChanges>,
    /// What the transaction has changed: its end may undo it.
    unsettled: Reach,
    /// The request that is being answered has changed something, or undone it.
    noted: bool,
}

impl NameWatch {
    pub fn new(changes: &Arc<NameChanges>) -> Self {
        Self { changes: Arc::clone(changes), unsettled: Reach::None, noted: false }
    }

    /// The server has reported another search path.
    pub fn path_changed(&self) {
        self.changes.note(Reach::Session);
    }

    /// A statement has completed, with this tag.
    pub fn complete(&mut self, mentions: Mentions, tag: &[u8], reports: bool) {
        let reach = mentions.reach(tag, reports);
        self.unsettled = reach.max(self.unsettled);
        self.noted |= reach != Reach::None || tag.starts_with(b"ROLLBACK");
    }

    /// A request is answered; others see what it has changed when the transaction has ended.
    pub fn ready(&mut self, status: u8) {
        let noted = std::mem::take(&mut self.noted);
        if self.unsettled == Reach::None {
            return;
        }
        if noted || status == b'I' {
            self.changes.note(Reach::Session);
        }
        if status == b'I' {
            self.changes.note(std::mem::take(&mut self.unsettled));
        }
    }
}

/// What the text of a statement tells of the names that it changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mentions {
    /// Nothing: what its command tags tell is all.
    #[default]
    Nothing,
    /// The temporary table of a load, whose name nobody else uses.
    Stage,
    /// Temporary tables: what it creates or drops is the session's own.
    Temporary,
    /// The search path or the role: a SET of it changes what names mean.
    Settings,
    /// A call of `set_config` or a SELECT INTO, which its command tag does not tell.
    Always,
}

/// Statements that begin so set nothing, and tell by their command tags what they create.
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

/// What names are looked up by.
const SETTINGS: &[&str] = &["search_path", "role", "session_authorization"];

/// What a SET of that says: `SET SCHEMA` and `SET SESSION AUTHORIZATION` do, and a name may be written
/// in another way.
const SET_OF: &[&str] =
    &["search_path", "schema", "role", "authorization", "session_authorization", "u"];

impl Mentions {
    /// What a text tells.
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
        if mentions(sql, "_howdah_stage") || mentions(sql, "howdah_staged") {
            Self::Stage
        } else if mentions(sql, " as ") && mentions(sql, "table") && !is_plain {
            // The tag of CREATE TABLE AS is that of a SELECT.
            Self::Always
        } else if SET_OF.iter().any(|word| has_word(sql, word)) {
            Self::Settings
        } else if mentions(sql, "temp") {
            Self::Temporary
        } else {
            Self::Nothing
        }
    }

    /// Whose names a statement has changed that completed with this tag; `reports` is whether the server
    /// reports the search path.
    pub fn reach(self, tag: &[u8], reports: bool) -> Reach {
        let is = |words: &[&str]| words.iter().any(|word| tag.starts_with(word.as_bytes()));
        let by_tag = match tag.first() {
            Some(b'C') if is(&["CREATE"]) => Reach::Pool,
            Some(b'D') if is(&["DROP"]) => Reach::Pool,
            Some(b'A') if is(&["ALTER"]) => Reach::Pool,
            Some(b'G' | b'R' | b'I') if is(&["GRANT", "REVOKE", "IMPORT"]) => Reach::Pool,
            Some(b'D') if is(&["DISCARD", "DEALLOCATE"]) => Reach::Session,
            Some(b'R') if is(&["RESET"]) => Reach::Session,
            Some(b'S') if self == Self::Settings && is(&["SET"]) => Reach::Session,
            // They may do anything.
            Some(b'C' | b'D') if !reports && is(&["CALL", "DO"]) => Reach::Session,
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

/// Whether a text is one statement, as far as can be told at a glance.
fn is_single(sql: &str) -> bool {
    let end = sql.trim_end_matches(|c: char| c.is_ascii_whitespace() || c == ';').len();
    memchr::memchr(b';', sql.as_bytes().get(..end).unwrap_or_default()).is_none()
}

/// Whether a word is in a text, in whichever letters.
fn mentions(sql: &str, word: &str) -> bool {
    sql.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a word is in a text by itself, and not as a part of a name such as `app.role`.
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

/// Whether a text sets, by `set_config`, what names are looked up by, or something that it does not say.
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

/// Whether a SELECT may create a table.
fn selects_into(first: &str, sql: &str) -> bool {
    let is_space = |byte: &u8| byte.is_ascii_whitespace();
    let into = |part: &[u8]| {
        matches!(part, [before, word @ .., after]
            if is_space(before) && is_space(after) && word.eq_ignore_ascii_case(b"into"))
    };
    // An INSERT in a WITH says INTO, too.
    sql.as_bytes().windows(6).any(into)
        && (first.eq_ignore_ascii_case("select") || !mentions(sql, "insert"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_mentions_tell_what_a_text_may_change() {
        for (sql, expected) in [
            ("SELECT 1", Mentions::Nothing),
            ("INSERT INTO t VALUES ($1)", Mentions::Nothing),
            ("WITH a AS (INSERT INTO t VALUES (1) RETURNING n) SELECT * FROM a", Mentions::Nothing),
            ("SELECT set_config('app.user', $1, true)", Mentions::Nothing),
            ("SELECT set_config('search_path', $1, true)", Mentions::Always),
            ("select pg_catalog.\"set_config\" ( $1, $2, false)", Mentions::Always),
            ("SELECT Set_Config(E'search\\137path', 'a', true)", Mentions::Always),
            ("SELECT * INTO u FROM t", Mentions::Always),
            ("SELECT set_config('app.role', $1, true)", Mentions::Nothing),
            ("SET statement_timeout = 5", Mentions::Nothing),
            ("SET LOCAL app.role = 'x'", Mentions::Nothing),
            ("SET \"search_path\" = a", Mentions::Settings),
            ("SET LOCAL search_path = a", Mentions::Settings),
            ("SELECT 1; set Search_Path to a", Mentions::Settings),
            ("/* why */ SET ROLE a", Mentions::Settings),
            ("SET SESSION AUTHORIZATION a", Mentions::Settings),
            ("CREATE TABLE u AS SELECT 1", Mentions::Always),
            ("CREATE TEMP TABLE shorter (n int)", Mentions::Temporary),
            ("CREATE TEMP TABLE _howdah_stage (LIKE t) ON COMMIT DROP", Mentions::Stage),
        ] {
            assert_eq!(Mentions::of(sql), expected, "{sql}");
        }
    }

    #[test]
    fn test_reach_goes_by_the_tag_and_the_text() {
        use Mentions::{Always, Nothing, Settings, Stage, Temporary};
        for (mentions, tag, reach) in [
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
            assert_eq!(mentions.reach(tag.as_bytes(), false), reach, "{mentions:?} {tag}");
        }
        assert_eq!(Nothing.reach(b"CALL", true), Reach::None);
    }
}
