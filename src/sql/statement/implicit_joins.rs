//! Finds the implicit joins: using a column of a referenced table joins that table.

use std::collections::HashMap;

use super::ast::{
    Body, Call, Cte, Expr, Query, Rows, Select, SourceId, SourceKind, Statement, Tail,
};

/// The implicit joins of each SELECT, by its address.
#[derive(Debug, Default)]
pub(super) struct ImplicitJoins(HashMap<usize, Joined>);

/// The implicit joins of a SELECT, because their columns are used.
#[derive(Debug, Default, Clone)]
pub(super) struct Joined {
    /// The sources, each after its parent.
    pub sources: Vec<SourceId>,
    /// Pairs of an explicit join's index and a source that its condition uses.
    used_by_join: Vec<(usize, SourceId)>,
}

impl Joined {
    /// Whether an explicit join's condition uses a source.
    pub fn is_needed(&self, join: usize, id: SourceId) -> bool {
        self.used_by_join.contains(&(join, id))
    }
}

impl ImplicitJoins {
    /// Finds the implicit joins of a query.
    pub fn of(query: &Query) -> Self {
        let mut resolver = Resolver { query, frames: Vec::new(), found: Self::default() };
        // Most queries have no references, which saves the traversal.
        let is_reference = |kind: &SourceKind| matches!(kind, SourceKind::Reference { .. });
        if query.sources.iter().any(|source| is_reference(&source.kind)) {
            resolver.statement(&query.statement);
        }
        resolver.found
    }

    /// The implicit joins of a SELECT.
    pub fn joined_by(&self, select: &Select) -> Joined {
        self.0.get(&address(select)).cloned().unwrap_or_default()
    }
}

fn address(select: &Select) -> usize {
    std::ptr::from_ref(select) as usize
}

/// The scope of a statement.
#[derive(Default)]
struct Frame {
    declared: Vec<SourceId>,
    /// Its implicit joins; `None` for statements other than SELECT, which cannot have any.
    joined: Option<Joined>,
    /// The explicit join that is being traversed.
    join: Option<usize>,
}

struct Resolver<'a> {
    query: &'a Query,
    frames: Vec<Frame>,
    found: ImplicitJoins,
}

impl Resolver<'_> {
    /// Records that a source is used.
    fn record_use(&mut self, id: SourceId) {
        // The innermost enclosing statement with this source takes precedence.
        let mut frames = self.frames.iter().enumerate().rev();
        let found = frames.find_map(|(at, frame)| Some((at, self.path(frame, id)?)));
        let Some((depth, path)) = found else { return };
        let Some(frame) = self.frames.get_mut(depth) else { return };
        let Some(joined) = frame.joined.as_mut() else { return };
        for id in path.into_iter().rev() {
            if !joined.sources.contains(&id) {
                joined.sources.push(id);
            }
            if let Some(join) = frame.join {
                joined.used_by_join.push((join, id));
            }
        }
    }

    /// The path of references from a source up to one that the statement declares, the source
    /// first; `None` if there is no such path.
    fn path(&self, frame: &Frame, id: SourceId) -> Option<Vec<SourceId>> {
        let mut path = Vec::new();
        let mut last = id;
        while !frame.declared.contains(&last) {
            path.push(last);
            match self.query.sources.get(last).map(|source| &source.kind) {
                Some(SourceKind::Reference { parent, .. }) => last = *parent,
                _ => return None,
            }
        }
        Some(path)
    }

    fn statement(&mut self, statement: &Statement) {
        for Cte { statement, .. } in &statement.ctes {
            self.statement(statement);
        }
        match &statement.body {
            Body::Select(select) => self.select(select),
            Body::Compound(compound) => {
                compound.parts.iter().for_each(|part| self.statement(part));
                self.frames.push(Frame::default());
                self.tail(&compound.tail);
                self.frames.pop();
            }
            Body::Insert(insert) => {
                if let Rows::Select(select) = &insert.rows {
                    self.statement(select);
                }
                self.within([Some(insert.into), None], |resolver| {
                    if let Rows::Values(rows) = &insert.rows {
                        for row in rows {
                            resolver.all(row);
                        }
                    }
                    if let Some(conflict) = &insert.conflict {
                        conflict.set.iter().for_each(|(_, value)| resolver.expression(value));
                        resolver.all(&conflict.set_where);
                    }
                    resolver.all(&insert.returning);
                });
            }
            Body::Update(update) => self.within([Some(update.source), update.from], |resolver| {
                update.set.iter().for_each(|(_, value)| resolver.expression(value));
                resolver.all(&update.conditions);
                resolver.all(&update.returning);
            }),
            Body::Delete(delete) => self.within([Some(delete.source), delete.using], |resolver| {
                resolver.all(&delete.conditions);
                resolver.all(&delete.returning);
            }),
            Body::Values(rows) => rows.iter().for_each(|row| self.all(row)),
        }
    }

    fn within(&mut self, declared: [Option<SourceId>; 2], traverse: impl FnOnce(&mut Self)) {
        let declared = declared.into_iter().flatten().collect();
        self.frames.push(Frame { declared, joined: None, join: None });
        traverse(self);
        self.frames.pop();
    }

    fn select(&mut self, select: &Select) {
        let joins = select.joins.iter().map(|join| join.source);
        let declared: Vec<SourceId> = select.from.into_iter().chain(joins).collect();
        self.frames.push(Frame { declared, joined: Some(Joined::default()), join: None });
        select.from.iter().for_each(|id| self.source(*id));
        for (at, join) in select.joins.iter().enumerate() {
            self.set_current_join(Some(at));
            self.source(join.source);
        }
        self.set_current_join(None);
        self.all(&select.columns);
        for (at, join) in select.joins.iter().enumerate() {
            self.set_current_join(Some(at));
            join.on.iter().for_each(|on| self.expression(on));
        }
        self.set_current_join(None);
        select.distinct.iter().for_each(|keys| self.all(keys));
        self.all(&select.conditions);
        self.all(&select.group_by);
        self.all(&select.having);
        self.tail(&select.tail);
        if let Some(joined) = self.frames.pop().and_then(|frame| frame.joined)
            && !joined.sources.is_empty()
        {
            self.found.0.insert(address(select), joined);
        }
    }

    /// Sets the explicit join of the innermost SELECT that is being traversed.
    fn set_current_join(&mut self, join: Option<usize>) {
        if let Some(frame) = self.frames.last_mut() {
            frame.join = join;
        }
    }

    /// Traverses a FROM item.
    fn source(&mut self, id: SourceId) {
        match self.query.sources.get(id).map(|source| &source.kind) {
            Some(SourceKind::Query(statement)) => self.statement(statement),
            Some(SourceKind::Function { call, .. }) => self.expression(call),
            _ => {}
        }
    }

    fn tail(&mut self, tail: &Tail) {
        self.all(&tail.order_by);
        tail.limit.iter().chain(&tail.offset).for_each(|end| self.expression(end));
    }

    fn all(&mut self, expressions: &[Expr]) {
        for expression in expressions {
            self.expression(expression);
        }
    }

    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::Column(id, _) | Expr::Whole(id) => self.record_use(*id),
            Expr::Value(..)
            | Expr::Literal(_)
            | Expr::Star
            | Expr::Excluded(_)
            | Expr::Ordinal(_)
            | Expr::Default => {}
            Expr::Binary(_, sides) | Expr::Quantified(_, _, sides) | Expr::Element(sides) => {
                self.expression(&sides.0);
                self.expression(&sides.1);
            }
            Expr::And(parts)
            | Expr::Or(parts)
            | Expr::Row(parts)
            | Expr::Array(parts, _)
            | Expr::Grouping(_, parts) => self.all(parts),
            Expr::Not(inner)
            | Expr::Negative(inner)
            | Expr::Is(inner, _)
            | Expr::Cast(inner, _)
            | Expr::Extract(_, inner)
            | Expr::Collate(inner, _)
            | Expr::Named(inner, _)
            | Expr::Ordering(inner, _) => self.expression(inner),
            Expr::Between(parts) => self.all(&**parts),
            Expr::In(left, statement, _) => {
                self.expression(left);
                self.statement(statement);
            }
            Expr::Subquery(_, statement) => self.statement(statement),
            Expr::Call(call) => self.call(call),
            Expr::Over(over) => {
                self.expression(&over.call);
                self.all(&over.partition);
                self.all(&over.order_by);
            }
            Expr::Case(case) => {
                case.otherwise.iter().for_each(|part| self.expression(part));
                for (when, then) in &case.branches {
                    self.expression(when);
                    self.expression(then);
                }
            }
        }
    }

    fn call(&mut self, call: &Call) {
        self.all(&call.args);
        call.filter.iter().for_each(|filter| self.expression(filter));
        self.all(&call.order_by);
        self.all(&call.within);
    }
}
