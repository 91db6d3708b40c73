//! Statements of queries that are data: what they are, and how they are written.
//!
//! Operators and functions are written with `pg_catalog` wherever their operands are of PostgreSQL's own types
//! ([`own`]), so that none is found that another role has made in a schema of the search path.

pub mod ast;
mod expression;
pub(super) mod identifier;
mod own;
mod places;
mod statements;

use ast::{Query, SourceId, SourceKind};
use places::Places;

use crate::error::{Error, Result};
use crate::sql::name::refuse_long;
use crate::sql::type_name;

/// A statement, written.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// The text.
    pub sql: String,
    /// The caller's values in the order of the parameters.
    pub params: Vec<usize>,
}

/// Writes a query. Queries of one shape have one text.
///
/// # Errors
/// A column of a table that is no part of the query; a type that is none.
pub fn write(query: &Query) -> Result<Written> {
    let mut writer = Writer {
        query,
        places: Places::of(query),
        sql: String::with_capacity(256),
        params: Vec::new(),
        scopes: Vec::new(),
        inserted: Vec::new(),
        aliases: 0,
    };
    writer.statement(&query.statement)?;
    Ok(Written { sql: writer.sql, params: writer.params })
}

/// Writes one statement.
struct Writer<'a> {
    query: &'a Query,
    places: Places,
    sql: String,
    params: Vec<usize>,
    /// The sources of the statements around, each with the number of its alias.
    scopes: Vec<Vec<(SourceId, u32)>>,
    /// The tables that rows are being inserted into, the innermost last.
    inserted: Vec<SourceId>,
    aliases: u32,
}

impl Writer<'_> {
    fn push(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    fn name(&mut self, name: &str) -> Result<()> {
        refuse_long("name", name)?;
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
            refuse_long("name", part)?;
        }
        identifier::qualified(parts, &mut self.sql);
        Ok(())
    }

    fn number(&mut self, prefix: char, number: impl std::fmt::Display) {
        use std::fmt::Write;
        // A String takes whatever is written.
        let _ = write!(self.sql, "{prefix}{number}");
    }

    fn type_name(&mut self, name: &str) -> Result<()> {
        self.push(&type_name::written(name)?);
        Ok(())
    }

    /// Takes up the sources of a statement.
    fn enter(&mut self, sources: impl IntoIterator<Item = SourceId>) -> Result<()> {
        let mut scope: Vec<(SourceId, u32)> = Vec::new();
        for id in sources {
            if scope.iter().any(|(known, _)| *known == id) {
                let name = self.label(id);
                return Err(Error::Programming(format!(
                    "{name} is joined twice; give it another place by howdah.alias()"
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
                "{name} is no part of this query; join it, or take its value by a subquery's scalar()"
            )));
        };
        self.number('t', alias);
        Ok(())
    }

    /// What a source is called in messages.
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
