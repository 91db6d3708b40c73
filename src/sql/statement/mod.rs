//! Renders queries, given as syntax trees ([`ast`]), to SQL.
//!
//! Operators and functions are qualified with `pg_catalog` wherever their operands have built-in
//! types ([`builtin`]), so that none is found that another role has created in a schema of the
//! search path.

pub mod ast;
mod builtin;
mod expression;
pub(super) mod identifier;
mod implicit_joins;
mod precedence;
mod statements;

use ast::{Query, SourceId, SourceKind};
use implicit_joins::ImplicitJoins;

use crate::error::{Error, Result};
use crate::sql::name::check_length;
use crate::sql::type_name;

/// A rendered query.
#[derive(Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The SQL text.
    pub sql: String,
    /// The indexes of the caller's values, in the order of the parameters.
    pub params: Vec<usize>,
}

/// Renders a query. Queries that differ only in their values have the same text.
///
/// # Errors
/// When a column's table is not part of the query, or a type name or an identifier is invalid.
pub fn write(query: &Query) -> Result<Rendered> {
    let mut writer = Writer {
        query,
        joins: ImplicitJoins::of(query),
        sql: String::with_capacity(256),
        params: Vec::new(),
        scopes: Vec::new(),
        inserted: Vec::new(),
        aliases: 0,
    };
    writer.statement(&query.statement)?;
    Ok(Rendered { sql: writer.sql, params: writer.params })
}

/// The state of rendering a query.
struct Writer<'a> {
    query: &'a Query,
    joins: ImplicitJoins,
    sql: String,
    params: Vec<usize>,
    /// For each enclosing statement, its sources with the numbers of their aliases.
    scopes: Vec<Vec<(SourceId, u32)>>,
    /// The targets of the enclosing INSERTs, for `excluded`; the innermost is last.
    inserted: Vec<SourceId>,
    aliases: u32,
}

impl Writer<'_> {
    fn push(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    fn name(&mut self, name: &str) -> Result<()> {
        check_length("name", name)?;
        identifier::identifier(name, &mut self.sql);
        Ok(())
    }

    fn names<'b>(&mut self, names: impl IntoIterator<Item = &'b String>) -> Result<()> {
        for (at, name) in names.into_iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.name(name)?;
        }
        Ok(())
    }

    fn qualified(&mut self, parts: &[String]) -> Result<()> {
        for part in parts {
            check_length("name", part)?;
        }
        identifier::qualified(parts, &mut self.sql);
        Ok(())
    }

    fn number(&mut self, prefix: char, number: impl std::fmt::Display) {
        use std::fmt::Write;
        // Writing to a String cannot fail.
        let _ = write!(self.sql, "{prefix}{number}");
    }

    fn type_name(&mut self, name: &str) -> Result<()> {
        self.push(&type_name::checked(name)?);
        Ok(())
    }

    /// Adds a scope with the sources of a statement, and gives them aliases.
    fn enter(&mut self, sources: impl IntoIterator<Item = SourceId>) -> Result<()> {
        let mut scope: Vec<(SourceId, u32)> = Vec::new();
        for id in sources {
            if scope.iter().any(|(known, _)| *known == id) {
                let name = self.label(id);
                return Err(Error::Programming(format!(
                    "{name} is joined twice; give one of the two an alias with howdah.alias()"
                )));
            }
            scope.push((id, self.aliases));
            self.aliases += 1;
        }
        self.scopes.push(scope);
        Ok(())
    }

    fn leave(&mut self) {
        self.scopes.pop();
    }

    fn alias(&mut self, id: SourceId) -> Result<()> {
        let here = |scope: &Vec<(SourceId, u32)>| {
            scope.iter().find(|(known, _)| *known == id).map(|(_, alias)| *alias)
        };
        let Some(alias) = self.scopes.iter().rev().find_map(here) else {
            let name = self.label(id);
            return Err(Error::Programming(format!(
                "{name} is not part of this query; join it, or select its value with a subquery's scalar()"
            )));
        };
        self.number('t', alias);
        Ok(())
    }

    /// A source's name in error messages.
    fn label(&self, id: SourceId) -> String {
        match self.query.sources.get(id).map(|source| &source.kind) {
            Some(SourceKind::Table(name) | SourceKind::Reference { name, .. }) => name.join("."),
            Some(SourceKind::Cte(name)) => name.clone(),
            Some(SourceKind::Query(_)) => "a subquery".into(),
            Some(SourceKind::Function { .. }) => "a function".into(),
            None => "a table".into(),
        }
    }
}

#[cfg(test)]
mod tests;
