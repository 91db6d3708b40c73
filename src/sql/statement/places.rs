//! Which statement names which source: columns of tables that others refer to bring their joins.

use std::collections::HashMap;

use super::ast::{
    Body, Call, Cte, Expr, Query, Rows, Select, SourceId, SourceKind, Statement, Tail,
};

/// What each SELECT joins by itself.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<usize, Joined>);

/// What a SELECT joins by itself, because columns of it are used.
#[derive(Debug, Default, Clone)]
pub(super) struct Joined {
    /// The sources, each after those that refer to it.
    pub sources: Vec<SourceId>,
    /// Those that one of the joins that are asked for uses itself, after the number of that join.
    needs: Vec<(usize, SourceId)>,
}

impl Joined {
    /// Whether a join that is asked for uses a source.
    pub fn is_needed(&self, join: usize, id: SourceId) -> bool {
        self.needs.contains(&(join, id))
    }
}

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
    pub fn joined_by(&self, select: &Select) -> Joined {
        self.0.get(&address(select)).cloned().unwrap_or_default()
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
    joined: Option<Joined>,
    /// The join that is being looked through.
    join: Option<usize>,
}

struct Finder<'a> {
    query: &'a Query,
    frames: Vec<Frame>,
    found: Places,
}

impl Finder<'_> {
    /// Takes note that a source is used.
    fn uses(&mut self, id: SourceId) {
        // The statement around that is nearest hides those farther out.
        let mut frames = self.frames.iter().enumerate().rev();
        let found = frames.find_map(|(at, frame)| Some((at, self.way(frame, id)?)));
        let Some((place, way)) = found else { return };
        let Some(frame) = self.frames.get_mut(place) else { return };
        let Some(joined) = frame.joined.as_mut() else { return };
        for id in way.into_iter().rev() {
            if !joined.sources.contains(&id) {
                joined.sources.push(id);
            }
            if let Some(join) = frame.join {
                joined.needs.push((join, id));
            }
        }
    }

    /// The way from a source up to what a statement declares, the source first.
    fn way(&self, frame: &Frame, id: SourceId) -> Option<Vec<SourceId>> {
        let mut way = Vec::new();
        let mut last = id;
        while !frame.declared.contains(&last) {
            way.push(last);
            match self.query.sources.get(last).map(|source| &source.kind) {
                Some(SourceKind::Reference { parent, .. }) => last = *parent,
                _ => return None,
            }
        }
        Some(way)
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
        self.frames.push(Frame { declared, joined: None, join: None });
        look(self);
        self.frames.pop();
    }

    fn select(&mut self, select: &Select) {
        let joins = select.joins.iter().map(|join| join.source);
        let declared: Vec<SourceId> = select.from.into_iter().chain(joins).collect();
        self.frames.push(Frame { declared, joined: Some(Joined::default()), join: None });
        select.from.iter().for_each(|id| self.source(*id));
        for (at, join) in select.joins.iter().enumerate() {
            self.look_at(Some(at));
            self.source(join.source);
        }
        self.look_at(None);
        self.all(&select.columns);
        for (at, join) in select.joins.iter().enumerate() {
            self.look_at(Some(at));
            join.on.iter().for_each(|on| self.expression(on));
        }
        self.look_at(None);
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

    /// Begins or ends with a join of the innermost SELECT.
    fn look_at(&mut self, join: Option<usize>) {
        if let Some(frame) = self.frames.last_mut() {
            frame.join = join;
        }
    }

    /// Looks through what a row of FROM is made of.
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
