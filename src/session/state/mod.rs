//! Detects what statements leave in their session after their transaction: settings, roles, temporary tables, advisory locks and the
//! like, which the next caller must not find.
//!
//! A statement that calls a function may leave anything, unless it is a function of PostgreSQL's that leaves nothing. Changes of
//! settings that the server reports are detected whatever the text. Not detected is what a trigger, a view, a policy, a column's
//! default, a domain or an operator calls, nor a user's function that has the name of one of PostgreSQL's, or is called as
//! `row.function`.

mod tokens;

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use tokens::{Token, Tokens};

/// What a statement may leave in its session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SessionEffect {
    /// Nothing.
    #[default]
    Nothing,
    /// Settings, temporary tables, locks, subscriptions, cursors.
    State,
    /// Prepared statements besides.
    Statements,
}

/// How the state of sessions is undone.
#[derive(Debug, Clone, Copy)]
pub struct Reset {
    /// Whether every session that comes back is reset, whatever it has run.
    pub always: bool,
    /// The script that undoes everything but prepared statements.
    pub state: &'static str,
    /// The statement that undoes everything.
    pub all: &'static str,
}

/// A script that undoes the state of a session.
#[derive(Debug, Clone, Copy)]
pub struct Undo {
    pub(super) sql: &'static str,
    /// Whether it also drops prepared statements.
    pub(super) forgets_statements: bool,
}

impl Reset {
    /// The script that undoes this; `None` if there is nothing to undo.
    pub(super) fn undo(&self, left: SessionEffect) -> Option<Undo> {
        let everything = Undo { sql: self.all, forgets_statements: true };
        match left {
            _ if self.always => Some(everything),
            SessionEffect::Nothing => None,
            SessionEffect::State => Some(Undo { sql: self.state, forgets_statements: false }),
            SessionEffect::Statements => Some(everything),
        }
    }
}

/// What statements have left in a session since it was clean.
#[derive(Debug, Default)]
pub(super) struct SessionState {
    left: SessionEffect,
    /// The settings that have another value now, by the server's reports, with their values when the session was clean.
    changed: HashMap<String, String>,
    /// The number of changes of names when the session was clean.
    name_changes: u64,
    /// The session has been set up for every caller (`on_connect`).
    is_set_up: bool,
}

impl SessionState {
    /// Notes that a statement is sent that may leave this.
    pub fn note(&mut self, effect: SessionEffect) {
        self.left = self.left.max(effect);
    }

    /// Notes that a statement has completed with this command tag, which may say more than its text.
    pub fn note_tag(&mut self, tag: &[u8]) {
        match tag.first() {
            Some(b'L') if tag.starts_with(b"LISTEN") => self.note(SessionEffect::State),
            Some(b'P') if tag.starts_with(b"PREPARE\0") => self.note(SessionEffect::Statements),
            Some(b'D') if tag.starts_with(b"DO\0") => self.note(SessionEffect::Statements),
            Some(b'C') if tag.starts_with(b"CALL\0") => self.note(SessionEffect::Statements),
            _ => {}
        }
    }

    /// Notes that the server has reported another value of a setting.
    pub fn note_setting(&mut self, name: &str, before: &str, now: &str) {
        if BY_SERVER.contains(&name) || before == now {
            return;
        }
        match self.changed.get(name) {
            Some(first) if first == now => _ = self.changed.remove(name),
            Some(_) => {}
            None => _ = self.changed.insert(name.to_owned(), before.to_owned()),
        }
    }

    /// Notes that the session has been set up for every caller. A reset undoes it.
    pub fn note_set_up(&mut self) {
        self.is_set_up = true;
    }

    /// Whether the session has been set up, and not reset since.
    pub fn is_set_up(&self) -> bool {
        self.is_set_up
    }

    /// What is to be undone.
    pub fn left(&self) -> SessionEffect {
        if self.changed.is_empty() { self.left } else { self.left.max(SessionEffect::State) }
    }

    /// Whether names have changed since the session was clean.
    pub fn has_changed_names(&self, name_changes: u64) -> bool {
        self.name_changes != name_changes
    }

    /// Notes that the session is clean now.
    pub fn settle(&mut self, name_changes: u64) {
        *self = Self { name_changes, ..Self::default() };
    }
}

/// Settings that the server changes, not a statement.
const BY_SERVER: &[&str] = &["in_hot_standby"];

/// The first words of statements that leave nothing.
const HARMLESS: &[&str] = &[
    "abort",
    "analyze",
    "begin",
    "checkpoint",
    "close",
    "cluster",
    "comment",
    "commit",
    "drop",
    "end",
    "fetch",
    "grant",
    "import",
    "lock",
    "move",
    "notify",
    "reindex",
    "release",
    "revoke",
    "rollback",
    "savepoint",
    "security",
    "show",
    "start",
    "truncate",
    "unlisten",
    "vacuum",
];

/// The first words of statements that only leave what their functions leave.
const CALLING: &[&str] = &[
    "alter", "copy", "create", "delete", "explain", "insert", "merge", "refresh", "select",
    "table", "update", "values", "with",
];

/// Words before a name that is not a function's although a parenthesis follows it.
const BEFORE_NAMES: &[&str] = &[
    "as",
    "copy",
    "exists",
    "into",
    "only",
    "recursive",
    "references",
    "table",
    "tablesample",
    "with",
];

/// Keywords before a parenthesis that cannot be the name of a function: reserved ones, and those that PostgreSQL lists as "non-reserved
/// (cannot be function or type)".
const KEYWORDS: &str = "\
all and any array as between bit both case cast char character check current_time current_timestamp decimal \
default distinct else end except exists foreign from group grouping having in intersect interval into lateral \
leading limit localtime localtimestamp not numeric offset on only or order precision primary references returning \
row select some symmetric table then time timestamp to trailing union unique using values varchar when where window \
with";

/// Functions that leave nothing in a session: PostgreSQL's immutable and stable ones, except those that implement operators and types;
/// those of SQL's syntax; and the volatile ones that leave nothing but values of sequences, as an INSERT into an identity column does.
const FUNCTIONS: &str = include_str!("functions.txt");

fn is_harmless_call(name: &str) -> bool {
    static NAMES: OnceLock<HashSet<&str>> = OnceLock::new();
    let names = NAMES.get_or_init(|| FUNCTIONS.split_whitespace().collect());
    names.contains(name)
}

fn is_keyword(name: &str) -> bool {
    static WORDS: OnceLock<HashSet<&str>> = OnceLock::new();
    WORDS.get_or_init(|| KEYWORDS.split(' ').collect()).contains(name)
}

impl SessionEffect {
    /// The effect of a statement, or of several, by its text.
    pub fn of(sql: &str) -> Self {
        let mut left = Self::Nothing;
        let mut statement = Vec::new();
        for token in Tokens(sql) {
            if token == Token::Semicolon {
                left = left.max(Self::of_statement(&statement));
                statement.clear();
            } else {
                statement.push(token);
            }
        }
        left.max(Self::of_statement(&statement))
    }

    fn of_statement(tokens: &[Token<'_>]) -> Self {
        let mut words = tokens.iter().filter(|token| **token != Token::Open);
        let Some(Token::Word(first)) = words.next() else {
            // An empty statement, or a syntax error.
            return if tokens.is_empty() { Self::Nothing } else { Self::State };
        };
        let second = words.next();
        let is = |word: &&str| word.eq_ignore_ascii_case(first);
        let second_is = |word: &str| second.is_some_and(|token| is_word(token, word));
        if HARMLESS.iter().any(is) {
            Self::Nothing
        } else if CALLING.iter().any(is) {
            if makes_temporary(tokens, is(&"create")) || !calls_harmless_only(tokens) {
                Self::State
            } else {
                Self::Nothing
            }
        } else if is(&"set") {
            // These end with the transaction.
            let is_local = ["local", "transaction", "constraints"].iter().any(|w| second_is(w));
            if is_local { Self::Nothing } else { Self::State }
        } else if is(&"prepare") {
            if second_is("transaction") { Self::Nothing } else { Self::Statements }
        } else if is(&"do") || is(&"call") {
            Self::Statements
        } else if is(&"declare") && !tokens.iter().any(|token| is_word(token, "hold")) {
            if calls_harmless_only(tokens) { Self::Nothing } else { Self::State }
        } else {
            Self::State
        }
    }
}

fn is_word(token: &Token<'_>, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.eq_ignore_ascii_case(word))
}

/// Whether a statement creates a temporary table, view, function or the like that outlives its transaction.
fn makes_temporary(tokens: &[Token<'_>], creates: bool) -> bool {
    let is_temporary = |token: &Token<'_>| match token {
        Token::Word(word) | Token::Quoted(word) => {
            ["temp", "temporary", "pg_temp"].iter().any(|temp| temp.eq_ignore_ascii_case(word))
        }
        _ => false,
    };
    let drops = |pair: &[Token<'_>]| match pair {
        [commit, drop] => is_word(commit, "commit") && is_word(drop, "drop"),
        _ => false,
    };
    if creates {
        return tokens.iter().any(is_temporary) && !tokens.windows(2).any(drops);
    }
    // SELECT INTO [LOCAL] TEMP.
    tokens.windows(3).any(|three| match three {
        [into, first, second] => {
            is_word(into, "into")
                && (is_temporary(first) || is_word(first, "local") && is_temporary(second))
        }
        _ => false,
    })
}

/// Whether all functions that a statement calls leave nothing in the session.
fn calls_harmless_only(tokens: &[Token<'_>]) -> bool {
    let opens = tokens.iter().enumerate().filter(|(_, token)| **token == Token::Open);
    opens.into_iter().all(|(at, _)| {
        let (before, after) = tokens.split_at(at);
        leaves_nothing(before, after)
    })
}

/// Whether an opening parenthesis between `before` and `after` belongs to no call, or to one that leaves nothing.
fn leaves_nothing(before: &[Token<'_>], after: &[Token<'_>]) -> bool {
    let (name, is_quoted) = match before.last() {
        Some(Token::Word(name)) => (name.to_ascii_lowercase(), false),
        Some(Token::Quoted(name)) => ((*name).to_owned(), true),
        _ => return true,
    };
    // A query in parentheses, not arguments. These words are reserved, so they are not the name of a column.
    if let Some(Token::Word(first)) = after.get(1)
        && ["select", "with", "table"].iter().any(|word| word.eq_ignore_ascii_case(first))
    {
        return true;
    }
    // Skips the qualification of the name, such as a schema.
    let mut start = before.len() - 1;
    while let Some([Token::Word(_) | Token::Quoted(_), Token::Dot]) =
        start.checked_sub(2).and_then(|from| before.get(from..start))
    {
        start -= 2;
    }
    let schema = before.get(start).filter(|_| start + 1 < before.len());
    let ahead = before.get(..start).unwrap_or_default();
    match ahead.last() {
        Some(Token::Cast | Token::Dot) => return true,
        Some(Token::Word(word)) if BEFORE_NAMES.iter().any(|w| w.eq_ignore_ascii_case(word)) => {
            return true;
        }
        _ => {}
    }
    match schema {
        None if !is_quoted && (is_keyword(&name) || is_syntax(&name, ahead)) => return true,
        None => {}
        Some(Token::Word("pg_catalog") | Token::Quoted("pg_catalog"))
            if before.len() - start == 3 => {}
        Some(_) => return false,
    }
    if name == "set_config" { sets_locally(after) } else { is_harmless_call(&name) }
}

/// Whether a word that could be the name of a function is a keyword here, by the tokens before it.
fn is_syntax(word: &str, ahead: &[Token<'_>]) -> bool {
    let ends_in = |words: &[&str]| match ahead.last() {
        Some(last) => words.iter().any(|word| is_word(last, word)),
        None => false,
    };
    // After an expression has ended, no function can follow.
    let follows_value = match ahead.last() {
        Some(Token::Word(last)) => {
            let last = last.to_ascii_lowercase();
            last != "by" && !is_keyword(&last)
        }
        Some(Token::Quoted(_) | Token::Close) => true,
        _ => false,
    };
    match word {
        "copy" | "explain" => ahead.is_empty(),
        "by" => ends_in(&["group", "order", "partition"]),
        "conflict" => ends_in(&["on"]),
        "cube" | "rollup" => {
            matches!(ahead, [.., group, by] if is_word(group, "group") && is_word(by, "by"))
        }
        "filter" | "over" => ahead.last() == Some(&Token::Close),
        "insert" => ends_in(&["then"]),
        "key" => ends_in(&["primary", "foreign"]),
        "sets" => ends_in(&["grouping"]),
        "varying" => ends_in(&["bit", "character"]),
        "operator" => follows_value || ahead.last() == Some(&Token::Other),
        "ilike" | "join" | "like" | "overlaps" | "set" => follows_value,
        _ => false,
    }
}

/// Whether the arguments of `set_config` end in `, true`, so that the setting ends with the transaction.
fn sets_locally(arguments: &[Token<'_>]) -> bool {
    let mut depth = 0;
    let close = arguments.iter().position(|token| {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    let last = close.and_then(|close| arguments.get(close.checked_sub(2)?..close));
    matches!(last, Some([Token::Comma, last]) if is_word(last, "true"))
}

#[cfg(test)]
mod tests;
