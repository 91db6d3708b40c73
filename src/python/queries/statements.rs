//! Converts the dicts of statements.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};

use super::{Node, NodeReader, flag, items, optional_item, text, texts, tuple, unknown_node};
use crate::sql::statement::ast::{
    Body, Compound, Conflict, Cte, Delete, Expr, Insert, Join, Lock, Rows, Select, Statement, Tail,
    Update,
};

impl<'py> NodeReader<'py> {
    pub(super) fn statement(&mut self, node: Node<'_, 'py>) -> PyResult<Statement> {
        let dict =
            node.cast::<PyDict>().map_err(|_| unknown_node("a statement that is not a dict"))?;
        let mut ctes = Vec::new();
        for cte in items(dict, "ctes")? {
            let (source, recursive, materialized, statement) =
                cte.extract::<(Bound<'py, PyAny>, bool, bool, Bound<'py, PyAny>)>()?;
            let (source, statement) = (self.source(&source)?, self.statement(&statement)?);
            ctes.push(Cte { source, recursive, materialized, statement });
        }
        let explain = match optional_item(dict, "explain")? {
            Some(kind) => Some(text(&kind)? == "analyze"),
            None => None,
        };
        let kind = optional_item(dict, "kind")?
            .ok_or_else(|| unknown_node("a statement without a kind"))?;
        let body = match kind.cast::<PyString>()?.to_str()? {
            "select" => Body::Select(Box::new(self.select(dict)?)),
            "compound" => Body::Compound(Box::new(self.compound(dict)?)),
            "insert" => Body::Insert(Box::new(self.insert(dict)?)),
            "update" => Body::Update(Box::new(Update {
                source: self.required_source(dict, "source")?,
                set: self.assignments(dict, "set")?,
                from: self.optional_source(dict, "from")?,
                conditions: self.optional_list(dict, "where")?,
                returning: self.optional_list(dict, "returning")?,
            })),
            "delete" => Body::Delete(Box::new(Delete {
                source: self.required_source(dict, "source")?,
                using: self.optional_source(dict, "using")?,
                conditions: self.optional_list(dict, "where")?,
                returning: self.optional_list(dict, "returning")?,
            })),
            "values" => Body::Values(self.rows(dict)?.unwrap_or_default()),
            other => return Err(unknown_node(other)),
        };
        Ok(Statement { ctes, body, explain })
    }

    fn select(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Select> {
        let mut select = Select {
            distinct: match optional_item(dict, "distinct")? {
                Some(keys) if keys.is_instance_of::<PyBool>() => Some(Vec::new()),
                Some(keys) => Some(self.list(&keys)?),
                None => None,
            },
            columns: self.optional_list(dict, "columns")?,
            from: self.optional_source(dict, "from")?,
            conditions: self.optional_list(dict, "where")?,
            group_by: self.optional_list(dict, "group_by")?,
            having: self.optional_list(dict, "having")?,
            tail: self.tail(dict)?,
            lock: self.lock(dict)?,
            ..Select::default()
        };
        for join in items(dict, "joins")? {
            let parts = tuple(&join)?;
            let how = match text(&parts.get_item(0)?)?.as_str() {
                "inner" => " JOIN ",
                "left" => " LEFT JOIN ",
                "full" => " FULL JOIN ",
                "cross" => " CROSS JOIN ",
                other => return Err(unknown_node(other)),
            };
            let source = self.source(&parts.get_item(1)?)?;
            let on = self.optional(&parts.get_item(2)?)?;
            let lateral = parts.get_item(3)?.is_truthy()?;
            select.joins.push(Join { how, source, on, lateral });
        }
        Ok(select)
    }

    fn tail(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Tail> {
        Ok(Tail {
            order_by: self.optional_list(dict, "order_by")?,
            limit: optional_item(dict, "limit")?.map(|node| self.expression(&node)).transpose()?,
            offset: optional_item(dict, "offset")?
                .map(|node| self.expression(&node))
                .transpose()?,
        })
    }

    fn lock(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Option<Lock>> {
        let Some(lock) = optional_item(dict, "lock")? else { return Ok(None) };
        let lock = lock.cast::<PyDict>()?;
        let strength = optional_item(lock, "strength")?
            .ok_or_else(|| unknown_node("a lock without a strength"))?;
        let strength = match strength.cast::<PyString>()?.to_str()? {
            "update" => "UPDATE",
            "no key update" => "NO KEY UPDATE",
            "share" => "SHARE",
            "key share" => "KEY SHARE",
            other => return Err(unknown_node(other)),
        };
        let mut of = Vec::new();
        for source in items(lock, "of")? {
            of.push(self.source(&source)?);
        }
        let otherwise = match (flag(lock, "skip_locked")?, flag(lock, "nowait")?) {
            (true, true) => return Err(unknown_node("skip_locked and nowait together")),
            (true, false) => " SKIP LOCKED",
            (false, true) => " NOWAIT",
            (false, false) => "",
        };
        Ok(Some(Lock { strength, of, otherwise }))
    }

    fn compound(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Compound> {
        let operator =
            optional_item(dict, "op")?.ok_or_else(|| unknown_node("a union without op"))?;
        let operator = match operator.cast::<PyString>()?.to_str()? {
            "union" => "UNION",
            "union all" => "UNION ALL",
            "intersect" => "INTERSECT",
            "intersect all" => "INTERSECT ALL",
            "except" => "EXCEPT",
            "except all" => "EXCEPT ALL",
            other => return Err(unknown_node(other)),
        };
        let parts =
            optional_item(dict, "parts")?.ok_or_else(|| unknown_node("a union without parts"))?;
        let parts =
            parts.try_iter()?.map(|part| self.statement(&part?)).collect::<PyResult<Vec<_>>>()?;
        Ok(Compound { operator, parts, tail: self.tail(dict)? })
    }

    fn insert(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Insert> {
        let into = self.required_source(dict, "into")?;
        let columns =
            optional_item(dict, "columns")?.map_or(Ok(Vec::new()), |names| texts(&names))?;
        let rows = match (self.rows(dict)?, optional_item(dict, "select")?) {
            (Some(rows), _) => Rows::Values(rows),
            (None, Some(statement)) => Rows::Select(self.statement(&statement)?),
            (None, None) => Rows::Default,
        };
        let conflict = optional_item(dict, "conflict")?
            .map(|conflict| self.conflict(&conflict))
            .transpose()?;
        Ok(Insert {
            into,
            columns,
            rows,
            conflict,
            returning: self.optional_list(dict, "returning")?,
        })
    }

    fn conflict(&mut self, node: Node<'_, 'py>) -> PyResult<Conflict> {
        let dict = node.cast::<PyDict>()?;
        Ok(Conflict {
            on: optional_item(dict, "on")?.map_or(Ok(Vec::new()), |names| texts(&names))?,
            index_where: self.optional_list(dict, "where")?,
            set: self.assignments(dict, "set")?,
            set_where: self.optional_list(dict, "set_where")?,
        })
    }

    fn rows(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Option<Vec<Vec<Expr>>>> {
        let Some(rows) = optional_item(dict, "rows")? else { return Ok(None) };
        rows.try_iter()?.map(|row| self.list(&row?)).collect::<PyResult<_>>().map(Some)
    }

    fn assignments(
        &mut self,
        dict: &Bound<'py, PyDict>,
        name: &str,
    ) -> PyResult<Vec<(String, Expr)>> {
        let mut pairs = Vec::new();
        for pair in items(dict, name)? {
            let pair = tuple(&pair)?;
            pairs.push((text(&pair.get_item(0)?)?, self.expression(&pair.get_item(1)?)?));
        }
        Ok(pairs)
    }
}
