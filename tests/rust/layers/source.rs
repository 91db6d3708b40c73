//! Tokenizes Rust source without comments, and resolves its paths through `use` trees with groups,
//! `super` and inline modules.

/// The kind of a token.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A name, keyword or number.
    Word(String),
    /// The contents of a string literal of any kind.
    Text(String),
    /// `::`, or any other single character.
    Symbol(&'static str),
    /// Any other character, which is not needed here.
    Other,
}

/// A token and its line.
#[derive(Debug, Clone)]
pub struct Token {
    /// Its kind.
    pub kind: Kind,
    /// The line where it begins, from 1.
    pub line: usize,
}

impl Token {
    fn is(&self, mark: &str) -> bool {
        matches!(&self.kind, Kind::Symbol(own) if *own == mark)
    }

    fn word(&self) -> Option<&str> {
        if let Kind::Word(word) = &self.kind { Some(word) } else { None }
    }
}

/// Splits a source text into tokens, without comments. See
/// <https://doc.rust-lang.org/reference/tokens.html>.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (kind, length) = if rest.starts_with("//") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (None, comment_length(rest))
        } else if let Some((inner, length)) = literal(rest) {
            (Some(Kind::Text(inner.to_owned())), length)
        } else if first == '\'' {
            (Some(Kind::Other), quote_length(rest))
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            (Some(Kind::Word(rest[..end].to_owned())), end)
        } else if let Some(mark) = ["::", "{", "}", "(", ")", "[", "]", ",", ";", "#", ">", "*"]
            .into_iter()
            .find(|mark| rest.starts_with(mark))
        {
            (Some(Kind::Symbol(mark)), mark.len())
        } else {
            ((!first.is_whitespace()).then_some(Kind::Other), first.len_utf8())
        };
        tokens.extend(kind.map(|kind| Token { kind, line }));
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of a block comment, which may contain others.
fn comment_length(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Parses a string literal at the beginning: its contents, with escapes as written, and its length.
fn literal(rest: &str) -> Option<(&str, usize)> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|after| {
            after.starts_with('"')
                || (prefix.ends_with('r')
                    && after.trim_start_matches('#').starts_with('"')
                    && after.starts_with('#'))
        })
    })?;
    let after = &rest[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    let start = prefix.len() + hashes + 1;
    let body = &rest[start..];
    let end = if prefix.ends_with('r') {
        body.find(&format!("\"{}", "#".repeat(hashes)))
    } else {
        let mut escaped = false;
        body.find(|c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })
    };
    let end = end.unwrap_or(body.len());
    Some((&body[..end], (start + end + 1 + hashes).min(rest.len())))
}

/// The length of a token that begins with a single quote: a character literal, or the quote of a
/// lifetime.
fn quote_length(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let after = at + escaped.len_utf8();
            rest[after..].find('\'').map_or(rest.len(), |end| after + end + 1)
        }
        (_, Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// All paths of a file; paths into the crate are resolved to begin with `crate`.
pub fn paths(tokens: &[Token], module: &[String]) -> Vec<(Vec<String>, usize)> {
    let mut found = Vec::new();
    let mut blocks: Vec<Option<String>> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.is("{") {
            let inline = word_before(tokens, at, 2) == Some("mod");
            blocks.push(word_before(tokens, at, 1).filter(|_| inline).map(str::to_owned));
        } else if token.is("}") {
            blocks.pop();
        } else if token.word().is_some() && begins_path(tokens, at) {
            let here: Vec<String> =
                module.iter().cloned().chain(blocks.iter().flatten().cloned()).collect();
            let mut written = Vec::new();
            follow(tokens, at, &[], &mut written);
            found.extend(written.into_iter().map(|path| (absolute(path, &here), token.line)));
        }
    }
    found
}

/// The paths of a file's `use` declarations, resolved likewise.
pub fn use_paths(tokens: &[Token], module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for at in 1..tokens.len() {
        if word_before(tokens, at, 1) == Some("use") {
            follow(tokens, at, &[], &mut found);
        }
    }
    found.into_iter().map(|path| absolute(path, module)).collect()
}

fn before(tokens: &[Token], at: usize, back: usize) -> Option<&Token> {
    at.checked_sub(back).and_then(|index| tokens.get(index))
}

fn word_before(tokens: &[Token], at: usize, back: usize) -> Option<&str> {
    before(tokens, at, back).and_then(Token::word)
}

fn begins_path(tokens: &[Token], at: usize) -> bool {
    let before = |back| before(tokens, at, back);
    !before(1).is_some_and(|token| token.is("::"))
        || !before(2).is_some_and(|token| token.word().is_some() || token.is(">"))
}

/// Follows a path or a `use` tree from one of its names; adds the paths found and returns the index
/// of the next token.
fn follow(tokens: &[Token], at: usize, stem: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let Some(token) = tokens.get(at) else { return at };
    if token.is("{") {
        let mut next = at + 1;
        while tokens.get(next).is_some_and(|token| !token.is("}")) {
            next = follow(tokens, next, stem, found).max(next + 1);
            while tokens.get(next).is_some_and(|token| !token.is(",") && !token.is("}")) {
                next += 1; // `as name`
            }
            next += usize::from(tokens.get(next).is_some_and(|token| token.is(",")));
        }
        return next + 1;
    }
    let name = if token.is("*") { Some("*") } else { token.word() };
    let Some(name) = name else { return at };
    let path: Vec<String> = stem.iter().cloned().chain([name.to_owned()]).collect();
    let continues = tokens.get(at + 1).is_some_and(|token| token.is("::"))
        && tokens
            .get(at + 2)
            .is_some_and(|token| token.word().is_some() || token.is("{") || token.is("*"));
    if continues {
        return follow(tokens, at + 2, &path, found);
    }
    found.push(path);
    at + 1
}

/// Resolves a path that begins with `self` or `super`.
fn absolute(path: Vec<String>, here: &[String]) -> Vec<String> {
    let supers = path.iter().take_while(|name| *name == "super").count();
    let from_here = path.first().is_some_and(|name| name == "self");
    if supers == 0 && !from_here {
        return path;
    }
    let parents = here.iter().take(here.len().saturating_sub(supers)).cloned();
    let rest = path.into_iter().skip(supers + usize::from(from_here));
    ["crate".to_owned()].into_iter().chain(parents).chain(rest).collect()
}

/// The tokens without items under `#[cfg(test)]`.
pub fn without_tests(tokens: &[Token]) -> Vec<&Token> {
    let mut outside = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let words = tokens.iter().skip(at).take(7).map(|token| token.word().unwrap_or(""));
        if token.is("#") && words.eq(["", "", "cfg", "", "test", "", ""]) {
            at = item_end(tokens, at + 7);
        } else {
            outside.push(token);
            at += 1;
        }
    }
    outside
}

/// The index after an item: after its closing brace or its semicolon.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        if token.is("{") {
            depth += 1;
        } else if token.is("}") {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 && (token.is("}") || token.is(";")) {
            return at + 1;
        }
    }
    tokens.len()
}
