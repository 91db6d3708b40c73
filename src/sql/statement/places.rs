//! Which statement names which source: columns of tables that others refer to bring their joins.

use std::collections::HashMap;

use super::ast::{
    Body, Call, Cte, Expr, Query, Rows, Select, SourceId, SourceKind, Statement, Tail,
};

/// The sources that each SELECT joins by itself, in the order in which they are joined.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<usize, Vec<SourceId>>);

impl Places {
    /// Looks through a query.
    pub fn of(query: &Query) -> Self {
        let mut finder = Finder { query, frames: Vec::new(), found: Self::default() };
        // Most queries refer to nothing, and need no look.
        let refers = |kind: &SourceKind| matches!(kind, SourceKind::Reference { .. });
        if query.sources.iter().any(|source| refers(&source.kind)) {
            finder.statement(&query.statement);
        }
        finder.found
    }

    /// What a SELECT joins by itself.
    pub fn joined_by(&self, select: &Select) -> &[SourceId] {
        self.0.get(&address(select)).map(Vec::as_slice).unwrap_or_default()
    }
}

fn address(select: &Select) -> usize {
    std::ptr::from_ref(select) as usize
}

/// The sources of a statement.
#[derive(Default)]
struct Frame {
    declared: Vec<SourceId>,
    /// Those that it joins by itself; others than SELECT cannot.
    joined: Option<Vec<SourceId>>,
}

impl Frame {
    fn has(&self, id: SourceId) -> bool {
        self.declared.contains(&id)
            || self.joined.as_ref().is_some_and(|joined| joined.contains(&id))
    }
}

struct Finder<'a> {
    query: &'a Query,
    frames: Vec<Frame>,
    found: Places,
}

impl Finder<'_> {
    /// Takes note that a source is used.
    fn uses(&mut self, id: SourceId) {
        // The way from the source up to what is declared somewhere, the source first.
        let mut way = vec![id];
        let place = loop {
            let Some(&last) = way.last() else { return };
            if let Some(place) = self.frames.iter().rposition(|frame| frame.has(last)) {
                break place;
            }
            match self.query.sources.get(last).map(|source| &source.kind) {
                Some(SourceKind::Reference { parent, .. }) => way.push(*parent),
                _ => return,
            }
        };
        way.pop();
        if let Some(joined) = self.frames.get_mut(place).and_then(|frame| frame.joined.as_mut()) {
            joined.extend(way.into_iter().rev());
        }
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
                self.within([Some(insert.into), None], |finder| {
                    if let Rows::Values(rows) = &insert.rows {
                        for row in rows {
                            finder.all(row);
                        }
                    }
                    if let Some(conflict) = &insert.conflict {
                        conflict.set.iter().for_each(|(_, value)| finder.expression(value));
                        finder.all(&conflict.set_where);
                    }
                    finder.all(&insert.returning);
                });
            }
            Body::Update(update) => self.within([Some(update.source), update.from], |finder| {
                update.set.iter().for_each(|(_, value)| finder.expression(value));
                finder.all(&update.conditions);
                finder.all(&update.returning);
            }),
            Body::Delete(delete) => self.within([Some(delete.source), delete.using], |finder| {
                finder.all(&delete.conditions);
                finder.all(&delete.returning);
            }),
            Body::Values(rows) => rows.iter().for_each(|row| self.all(row)),
        }
    }

    fn within(&mut self, declared: [Option<SourceId>; 2], look: impl FnOnce(&mut Self)) {
        let declared = declared.into_iter().flatten().collect();
        self.frames.push(Frame { declared, joined: None });
        look(self);
        self.frames.pop();
    }

    fn select(&mut self, select: &Select) {
        let joins = select.joins.iter().map(|join| join.source);
        let declared: Vec<SourceId> = select.from.into_iter().chain(joins).collect();
        self.frames.push(Frame { declared: declared.clone(), joined: Some(Vec::new()) });
        for id in declared {
            match self.query.sources.get(id).map(|source| &source.kind) {
                Some(SourceKind::Query(statement)) => self.statement(statement),
                Some(SourceKind::Function { call, .. }) => self.expression(call),
                _ => {}
            }
        }
        self.all(&select.columns);
        select.joins.iter().filter_map(|join| join.on.as_ref()).for_each(|on| self.expression(on));
        select.distinct.iter().for_each(|keys| self.all(keys));
        self.all(&select.conditions);
        self.all(&select.group_by);
        self.all(&select.having);
        self.tail(&select.tail);
        if let Some(joined) = self.frames.pop().and_then(|frame| frame.joined)
            && !joined.is_empty()
        {
            self.found.0.insert(address(select), joined);
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
            Expr::Column(id, _) | Expr::Whole(id) => self.uses(*id),
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
                case.operand.iter().chain(&case.otherwise).for_each(|part| self.expression(part));
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
