//! Renders statements.

use super::Writer;
use super::ast::{
    Body, Compound, Conflict, Cte, Delete, Expr, Insert, Join, Lock, Rows, Select, SourceId,
    SourceKind, Statement, Tail, Update,
};
use super::implicit_joins::Joined;
use crate::error::{Error, Result};

impl Writer<'_> {
    /// Renders a statement.
    pub fn statement(&mut self, statement: &Statement) -> Result<()> {
        match statement.explain {
            Some(true) => self.push("EXPLAIN (ANALYZE) "),
            Some(false) => self.push("EXPLAIN "),
            None => {}
        }
        self.with(&statement.ctes)?;
        match &statement.body {
            Body::Select(select) => self.select(select),
            Body::Compound(compound) => self.compound(compound),
            Body::Insert(insert) => self.insert(insert),
            Body::Update(update) => self.update(update),
            Body::Delete(delete) => self.delete(delete),
            Body::Values(rows) => self.values(rows),
        }
    }

    fn with(&mut self, ctes: &[Cte]) -> Result<()> {
        for (at, cte) in ctes.iter().enumerate() {
            let recursive = ctes.iter().any(|cte| cte.recursive);
            self.push(match at {
                0 if recursive => "WITH RECURSIVE ",
                0 => "WITH ",
                _ => ", ",
            });
            let source = self.query.sources.get(cte.source);
            if let Some(source) = source
                && let SourceKind::Cte(name) = &source.kind
            {
                self.name(name)?;
                self.column_names(&source.columns)?;
            }
            self.push(if cte.materialized { " AS MATERIALIZED (" } else { " AS (" });
            self.statement(&cte.statement)?;
            self.push(")");
        }
        if !ctes.is_empty() {
            self.push(" ");
        }
        Ok(())
    }

    fn column_names(&mut self, names: &[String]) -> Result<()> {
        if !names.is_empty() {
            self.push(" (");
            self.names(names)?;
            self.push(")");
        }
        Ok(())
    }

    fn select(&mut self, select: &Select) -> Result<()> {
        let joined = self.joins.joined_by(select);
        let explicit = select.joins.iter().map(|join| join.source);
        self.enter(select.from.into_iter().chain(explicit).chain(joined.sources.iter().copied()))?;
        self.push("SELECT ");
        match &select.distinct {
            Some(keys) if keys.is_empty() => self.push("DISTINCT "),
            Some(keys) => {
                self.push("DISTINCT ON (");
                self.list(keys)?;
                self.push(") ");
            }
            None => {}
        }
        self.columns(&select.columns)?;
        if let Some(from) = select.from {
            self.push(" FROM ");
            self.source(from)?;
        }
        self.joins(&select.joins, &joined)?;
        self.clause(" WHERE ", &select.conditions)?;
        if !select.group_by.is_empty() {
            self.push(" GROUP BY ");
            self.list(&select.group_by)?;
        }
        self.clause(" HAVING ", &select.having)?;
        self.tail(&select.tail)?;
        if let Some(lock) = &select.lock {
            self.lock(lock)?;
        }
        self.leave();
        Ok(())
    }

    fn clause(&mut self, word: &str, conditions: &[Expr]) -> Result<()> {
        if conditions.is_empty() {
            return Ok(());
        }
        self.push(word);
        self.conditions(conditions)
    }

    fn tail(&mut self, tail: &Tail) -> Result<()> {
        if !tail.order_by.is_empty() {
            self.push(" ORDER BY ");
            self.list(&tail.order_by)?;
        }
        for (word, end) in [(" LIMIT ", &tail.limit), (" OFFSET ", &tail.offset)] {
            if let Some(end) = end {
                self.push(word);
                self.expression(end)?;
            }
        }
        Ok(())
    }

    fn lock(&mut self, lock: &Lock) -> Result<()> {
        self.push(" FOR ");
        self.push(lock.strength);
        for (at, id) in lock.of.iter().enumerate() {
            self.push(if at == 0 { " OF " } else { ", " });
            self.alias(*id)?;
        }
        self.push(lock.otherwise);
        Ok(())
    }

    /// Renders a source with its alias.
    fn source(&mut self, id: SourceId) -> Result<()> {
        let Some(source) = self.query.sources.get(id) else {
            return Err(Error::Internal("a source index that does not exist".into()));
        };
        let mut numbered = false;
        match &source.kind {
            SourceKind::Table(name) | SourceKind::Reference { name, .. } => self.qualified(name)?,
            SourceKind::Cte(name) => self.name(name)?,
            SourceKind::Query(statement) => {
                self.push("(");
                self.statement(statement)?;
                self.push(")");
            }
            SourceKind::Function { call, ordinality } => {
                self.expression(call)?;
                numbered = *ordinality;
            }
        }
        self.push(if numbered { " WITH ORDINALITY AS " } else { " AS " });
        self.alias(id)?;
        if !matches!(source.kind, SourceKind::Cte(_)) {
            self.column_names(&source.columns)?;
        }
        Ok(())
    }

    /// Renders the explicit and the implicit joins.
    fn joins(&mut self, joins: &[Join], joined: &Joined) -> Result<()> {
        let mut rest = joined.sources.clone();
        for (at, join) in joins.iter().enumerate() {
            let (needed, others): (Vec<_>, Vec<_>) =
                rest.iter().partition(|id| joined.is_needed(at, **id));
            // Implicit joins that the condition uses are nested with the joined table if they
            // depend on it; all others come before it.
            let (nested, before): (Vec<_>, Vec<_>) =
                needed.into_iter().partition(|id| self.base(*id, joins) == join.source);
            for id in before {
                self.reference(id, self.is_optional(id, joins))?;
            }
            self.join(join, &nested)?;
            rest = others;
        }
        for id in rest {
            self.reference(id, self.is_optional(id, joins))?;
        }
        Ok(())
    }

    fn join(&mut self, join: &Join, nested: &[SourceId]) -> Result<()> {
        self.push(join.how);
        if !nested.is_empty() {
            self.push("(");
        }
        if join.lateral {
            self.push("LATERAL ");
        }
        self.source(join.source)?;
        for id in nested {
            // Within the parentheses the joined table always has a row.
            let alone = Join { how: " JOIN ", source: join.source, on: None, lateral: false };
            self.reference(*id, self.is_optional(*id, &[alone]))?;
        }
        if !nested.is_empty() {
            self.push(")");
        }
        if let Some(on) = &join.on {
            self.push(" ON ");
            self.expression(on)?;
        }
        Ok(())
    }

    /// Renders an implicit join.
    fn reference(&mut self, id: SourceId, optional: bool) -> Result<()> {
        self.push(if optional { " LEFT JOIN " } else { " JOIN " });
        self.source(id)?;
        let Some(SourceKind::Reference { parent, on, .. }) =
            self.query.sources.get(id).map(|source| &source.kind)
        else {
            return Ok(());
        };
        for (at, (theirs, own)) in on.iter().enumerate() {
            self.push(if at == 0 { " ON " } else { " AND " });
            let is_builtin =
                self.is_builtin_column(id, own) && self.is_builtin_column(*parent, theirs);
            self.alias(id)?;
            self.push(".");
            self.name(own)?;
            self.push(if is_builtin { " OPERATOR(pg_catalog.=) " } else { " = " });
            self.alias(*parent)?;
            self.push(".");
            self.name(theirs)?;
        }
        Ok(())
    }

    /// The source at which the path of references to a source begins: an explicitly joined one, or
    /// the root.
    fn base(&self, id: SourceId, joins: &[Join]) -> SourceId {
        let mut at = id;
        while !joins.iter().any(|join| join.source == at)
            && let Some(SourceKind::Reference { parent, .. }) =
                self.query.sources.get(at).map(|source| &source.kind)
        {
            at = *parent;
        }
        at
    }

    /// Whether an implicit join may have no row: a reference on the path may be NULL, or an outer
    /// join may leave its base out.
    fn is_optional(&self, id: SourceId, joins: &[Join]) -> bool {
        let base = self.base(id, joins);
        let mut at = id;
        while at != base
            && let Some(SourceKind::Reference { parent, optional, .. }) =
                self.query.sources.get(at).map(|source| &source.kind)
        {
            if *optional {
                return true;
            }
            at = *parent;
        }
        // If an outer join leaves a row out, its references have none either; a full join may leave
        // out rows of all sources before it.
        let own = joins.iter().position(|join| join.source == base);
        let outer = own
            .and_then(|own| joins.get(own))
            .is_some_and(|join| matches!(join.how, " LEFT JOIN " | " FULL JOIN "));
        let after = own.map_or(0, |own| own + 1);
        outer || joins.iter().skip(after).any(|join| join.how == " FULL JOIN ")
    }

    fn compound(&mut self, compound: &Compound) -> Result<()> {
        for (at, part) in compound.parts.iter().enumerate() {
            if at > 0 {
                self.push(" ");
                self.push(compound.operator);
                self.push(" ");
            }
            self.push("(");
            self.statement(part)?;
            self.push(")");
        }
        self.tail(&compound.tail)
    }

    fn values(&mut self, rows: &[Vec<Expr>]) -> Result<()> {
        self.push("VALUES ");
        for (at, row) in rows.iter().enumerate() {
            self.push(if at == 0 { "(" } else { ", (" });
            self.list(row)?;
            self.push(")");
        }
        Ok(())
    }

    fn insert(&mut self, insert: &Insert) -> Result<()> {
        self.enter([insert.into])?;
        self.push("INSERT INTO ");
        self.source(insert.into)?;
        self.column_names(&insert.columns)?;
        self.push(" ");
        match &insert.rows {
            Rows::Default => self.push("DEFAULT VALUES"),
            Rows::Values(rows) => self.values(rows)?,
            Rows::Select(statement) => self.statement(statement)?,
        }
        if let Some(conflict) = &insert.conflict {
            self.inserted.push(insert.into);
            self.conflict(conflict)?;
            self.inserted.pop();
        }
        self.returning(&insert.returning)?;
        self.leave();
        Ok(())
    }

    fn conflict(&mut self, conflict: &Conflict) -> Result<()> {
        self.push(" ON CONFLICT");
        self.column_names(&conflict.on)?;
        self.clause(" WHERE ", &conflict.index_where)?;
        if conflict.set.is_empty() {
            self.push(" DO NOTHING");
            return Ok(());
        }
        self.push(" DO UPDATE SET ");
        self.assignments(&conflict.set)?;
        self.clause(" WHERE ", &conflict.set_where)
    }

    fn assignments(&mut self, pairs: &[(String, Expr)]) -> Result<()> {
        for (at, (name, value)) in pairs.iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.name(name)?;
            self.push(" = ");
            self.expression(value)?;
        }
        Ok(())
    }

    fn returning(&mut self, columns: &[Expr]) -> Result<()> {
        if columns.is_empty() {
            return Ok(());
        }
        self.push(" RETURNING ");
        self.columns(columns)
    }

    fn update(&mut self, update: &Update) -> Result<()> {
        self.enter([Some(update.source), update.from].into_iter().flatten())?;
        self.push("UPDATE ");
        self.source(update.source)?;
        self.push(" SET ");
        self.assignments(&update.set)?;
        if let Some(from) = update.from {
            self.push(" FROM ");
            self.source(from)?;
        }
        self.clause(" WHERE ", &update.conditions)?;
        self.returning(&update.returning)?;
        self.leave();
        Ok(())
    }

    fn delete(&mut self, delete: &Delete) -> Result<()> {
        self.enter([Some(delete.source), delete.using].into_iter().flatten())?;
        self.push("DELETE FROM ");
        self.source(delete.source)?;
        if let Some(using) = delete.using {
            self.push(" USING ");
            self.source(using)?;
        }
        self.clause(" WHERE ", &delete.conditions)?;
        self.returning(&delete.returning)?;
        self.leave();
        Ok(())
    }
}
