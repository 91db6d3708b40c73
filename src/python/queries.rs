//! `_core.render`: queries as Python's data, read and written as SQL.

use std::collections::HashMap;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyString, PyTuple};

use super::errors::exception;
use crate::sql::name::TableName;
use crate::sql::statement::ast::{
    Body, Bound as End, Call, Case, Compound, Conflict, Cte, Delete, Expr, Frame, Insert, Join,
    Literal, Lock, Over, Query, Rows, Select, Source, SourceId, SourceKind, Statement, Tail,
    Update,
};
use crate::sql::statement::write;

type Node<'a, 'py> = &'a Bound<'py, PyAny>;

/// Writes a statement; gives back its text and the values of its parameters.
#[pyfunction]
pub(super) fn render<'py>(
    py: Python<'py>,
    statement: &Bound<'py, PyDict>,
) -> PyResult<(String, Bound<'py, PyTuple>)> {
    let mut reader = Reader::default();
    let statement = reader.statement(statement.as_any())?;
    let query = Query { statement, sources: reader.sources };
    let written = write(&query).map_err(|error| exception(py, error))?;
    let values = written.params.iter().filter_map(|at| reader.values.get(*at));
    Ok((written.sql, PyTuple::new(py, values.collect::<Vec<_>>())?))
}

/// Writes the statements that make a table for rows on their way into another.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "PyO3 gives values")]
pub(super) fn staging(
    name: &str,
    model: Vec<String>,
    columns: Vec<String>,
    order: &str,
) -> PyResult<Vec<String>> {
    let model = match model.as_slice() {
        [table] => TableName { schema: None, table: table.clone() },
        [schema, table] => TableName { schema: Some(schema.clone()), table: table.clone() },
        _ => return Err(refused("a table of more than two names")),
    };
    Ok(crate::sql::render::staging(name, &model, columns.iter().map(String::as_str), order))
}

/// Reads Python's data.
#[derive(Default)]
struct Reader<'py> {
    sources: Vec<Source>,
    /// The sources by where their objects are.
    known: HashMap<usize, SourceId>,
    values: Vec<Bound<'py, PyAny>>,
    /// Where the node of each value is: the same one has the same parameter.
    places: Vec<usize>,
}

fn refused(what: &str) -> PyErr {
    PyTypeError::new_err(format!("{what}: no such node"))
}

fn address(object: &Bound<'_, PyAny>) -> usize {
    object.as_ptr() as usize
}

fn tuple<'a, 'py>(node: Node<'a, 'py>) -> PyResult<&'a Bound<'py, PyTuple>> {
    node.cast::<PyTuple>()
        .map_err(|_| refused(&format!("{} in the place of a tuple", node.get_type())))
}

fn text(node: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(node.cast::<PyString>()?.to_str()?.to_owned())
}

fn texts(node: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    node.try_iter()?.map(|one| text(&one?)).collect()
}

fn given<'py>(dict: &Bound<'py, PyDict>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(dict.get_item(name)?.filter(|value| !value.is_none()))
}

/// What a dict has under a name, one by one.
fn items<'py>(dict: &Bound<'py, PyDict>, name: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
    given(dict, name)?.map_or(Ok(Vec::new()), |items| items.try_iter()?.collect())
}

fn flag(dict: &Bound<'_, PyDict>, name: &str) -> PyResult<bool> {
    given(dict, name)?.map_or(Ok(false), |value| value.is_truthy())
}

impl<'py> Reader<'py> {
    fn boxed(&mut self, node: Node<'_, 'py>) -> PyResult<Box<Expr>> {
        self.expression(node).map(Box::new)
    }

    fn pair(&mut self, left: Node<'_, 'py>, right: Node<'_, 'py>) -> PyResult<Box<(Expr, Expr)>> {
        Ok(Box::new((self.expression(left)?, self.expression(right)?)))
    }

    fn list(&mut self, nodes: Node<'_, 'py>) -> PyResult<Vec<Expr>> {
        if let Ok(nodes) = nodes.cast::<PyTuple>() {
            return nodes.iter_borrowed().map(|node| self.expression(&node)).collect();
        }
        nodes.try_iter()?.map(|node| self.expression(&node?)).collect()
    }

    fn optional(&mut self, node: Node<'_, 'py>) -> PyResult<Option<Expr>> {
        if node.is_none() { Ok(None) } else { self.expression(node).map(Some) }
    }

    fn expression(&mut self, node: Node<'_, 'py>) -> PyResult<Expr> {
        let parts = tuple(node)?;
        let tag = parts.get_borrowed_item(0)?;
        let tag = tag.cast::<PyString>()?;
        let tag = tag.to_str()?;
        let at = |index: usize| parts.get_item(index);
        Ok(match tag {
            "column" => Expr::Column(self.source(&at(1)?)?, text(&at(2)?)?),
            "value" => self.value(node, parts)?,
            "literal" => Expr::Literal(literal(&at(1)?)?),
            "binary" => {
                let sign = at(1)?;
                let sign = sign.cast::<PyString>()?.to_str()?;
                Expr::Binary(operator(sign)?, self.pair(&at(2)?, &at(3)?)?)
            }
            "and" => Expr::And(self.list(&at(1)?)?),
            "or" => Expr::Or(self.list(&at(1)?)?),
            "not" => Expr::Not(self.boxed(&at(1)?)?),
            "negative" => Expr::Negative(self.boxed(&at(1)?)?),
            "is_null" => Expr::Is(self.boxed(&at(1)?)?, "NULL"),
            "is_not_null" => Expr::Is(self.boxed(&at(1)?)?, "NOT NULL"),
            "is_true" => Expr::Is(self.boxed(&at(1)?)?, "TRUE"),
            "between" => Expr::Between(Box::new([
                self.expression(&at(1)?)?,
                self.expression(&at(2)?)?,
                self.expression(&at(3)?)?,
            ])),
            "any" | "all" => {
                let which = if tag == "any" { "ANY" } else { "ALL" };
                let sign = at(2)?;
                let sign = operator(sign.cast::<PyString>()?.to_str()?)?;
                Expr::Quantified(sign, which, self.pair(&at(1)?, &at(3)?)?)
            }
            "in" | "not_in" => {
                let left = self.boxed(&at(1)?)?;
                Expr::In(left, Box::new(self.statement(&at(2)?)?), tag == "not_in")
            }
            "exists" => Expr::Subquery("EXISTS ", Box::new(self.statement(&at(1)?)?)),
            "scalar" => Expr::Subquery("", Box::new(self.statement(&at(1)?)?)),
            "array_of" => Expr::Subquery("ARRAY", Box::new(self.statement(&at(1)?)?)),
            "star" => Expr::Star,
            "call" => Expr::Call(Box::new(self.call(parts)?)),
            "cast" => Expr::Cast(self.boxed(&at(1)?)?, text(&at(2)?)?),
            "named" => Expr::Named(self.boxed(&at(1)?)?, text(&at(2)?)?),
            "ordinal" => Expr::Ordinal(at(1)?.extract()?),
            "ordering" => {
                let inner = self.boxed(&at(1)?)?;
                Expr::Ordering(inner, direction(&at(2)?, &at(3)?)?)
            }
            _ => self.rest(tag, parts)?,
        })
    }

    /// Reads the expressions that are seldom.
    fn rest(&mut self, tag: &str, parts: &Bound<'py, PyTuple>) -> PyResult<Expr> {
        let at = |index: usize| parts.get_item(index);
        Ok(match tag {
            "over" => Expr::Over(Box::new(Over {
                call: self.expression(&at(1)?)?,
                partition: self.list(&at(2)?)?,
                order_by: self.list(&at(3)?)?,
                frame: self.frame(&at(4)?)?,
            })),
            "case" => {
                let operand = self.optional(&at(1)?)?;
                let mut branches = Vec::new();
                for branch in at(2)?.try_iter()? {
                    let (when, then) =
                        branch?.extract::<(Bound<'py, PyAny>, Bound<'py, PyAny>)>()?;
                    branches.push((self.expression(&when)?, self.expression(&then)?));
                }
                let otherwise = self.optional(&at(3)?)?;
                Expr::Case(Box::new(Case { operand, branches, otherwise }))
            }
            "extract" => Expr::Extract(text(&at(1)?)?, self.boxed(&at(2)?)?),
            "collate" => Expr::Collate(self.boxed(&at(1)?)?, text(&at(2)?)?),
            "row" => Expr::Row(self.list(&at(1)?)?),
            "array" => {
                let element = at(2)?;
                let element = if element.is_none() { None } else { Some(text(&element)?) };
                Expr::Array(self.list(&at(1)?)?, element)
            }
            "element" => Expr::Element(self.pair(&at(1)?, &at(2)?)?),
            "excluded" => Expr::Excluded(text(&at(1)?)?),
            "grouping" => {
                let kind = match text(&at(1)?)?.as_str() {
                    "rollup" => "ROLLUP",
                    "cube" => "CUBE",
                    "sets" => "GROUPING SETS",
                    other => return Err(refused(other)),
                };
                Expr::Grouping(kind, self.list(&at(2)?)?)
            }
            "whole" => Expr::Whole(self.source(&at(1)?)?),
            "default" => Expr::Default,
            other => return Err(refused(other)),
        })
    }

    fn value(&mut self, node: Node<'_, 'py>, parts: &Bound<'py, PyTuple>) -> PyResult<Expr> {
        let place = address(node);
        let cast = parts.get_item(2)?;
        let cast = if cast.is_none() { None } else { Some(text(&cast)?) };
        let known = self.places.iter().position(|known| *known == place);
        let value = if let Some(value) = known {
            value
        } else {
            self.places.push(place);
            self.values.push(parts.get_item(1)?);
            self.values.len() - 1
        };
        Ok(Expr::Value(value, cast))
    }

    fn call(&mut self, parts: &Bound<'py, PyTuple>) -> PyResult<Call> {
        let name = text(&parts.get_item(1)?)?;
        let args = self.list(&parts.get_item(2)?)?;
        let mut call = Call {
            name,
            args,
            distinct: false,
            filter: None,
            order_by: Vec::new(),
            within: Vec::new(),
        };
        let options = parts.get_item(3)?;
        let options = options.cast::<PyDict>()?;
        if !options.is_empty() {
            call.distinct = flag(options, "distinct")?;
            call.filter =
                given(options, "filter")?.map(|node| self.expression(&node)).transpose()?;
            call.order_by = self.given_list(options, "order_by")?;
            call.within = self.given_list(options, "within")?;
        }
        Ok(call)
    }

    fn given_list(&mut self, dict: &Bound<'py, PyDict>, name: &str) -> PyResult<Vec<Expr>> {
        given(dict, name)?.map_or(Ok(Vec::new()), |nodes| self.list(&nodes))
    }

    fn frame(&mut self, node: Node<'_, 'py>) -> PyResult<Option<Frame>> {
        if node.is_none() {
            return Ok(None);
        }
        let parts = tuple(node)?;
        let unit = match text(&parts.get_item(0)?)?.as_str() {
            "rows" => "ROWS",
            "range" => "RANGE",
            "groups" => "GROUPS",
            other => return Err(refused(other)),
        };
        let start = self.end(&parts.get_item(1)?)?;
        let end = parts.get_item(2)?;
        let end = if end.is_none() { None } else { Some(self.end(&end)?) };
        Ok(Some(Frame { unit, start, end }))
    }

    fn end(&mut self, node: Node<'_, 'py>) -> PyResult<End> {
        let parts = tuple(node)?;
        let words = match text(&parts.get_item(0)?)?.as_str() {
            "unbounded_preceding" => "UNBOUNDED PRECEDING",
            "unbounded_following" => "UNBOUNDED FOLLOWING",
            "current" => "CURRENT ROW",
            "preceding" => "PRECEDING",
            "following" => "FOLLOWING",
            other => return Err(refused(other)),
        };
        let offset =
            if parts.len() > 1 { Some(self.expression(&parts.get_item(1)?)?) } else { None };
        Ok(End { offset, words })
    }

    fn source(&mut self, object: Node<'_, 'py>) -> PyResult<SourceId> {
        let place = address(object);
        if let Some(id) = self.known.get(&place) {
            return Ok(*id);
        }
        let py = object.py();
        let get = |name| object.getattr(name);
        let kind = get(pyo3::intern!(py, "kind"))?;
        let name = texts(&get(pyo3::intern!(py, "name"))?)?;
        // It is known before its parts are read: a recursive query names itself.
        let id = self.sources.len();
        self.known.insert(place, id);
        self.sources.push(Source { kind: SourceKind::Cte(String::new()), columns: Vec::new() });
        let kind = match kind.cast::<PyString>()?.to_str()? {
            "table" => SourceKind::Table(name),
            "reference" => SourceKind::Reference {
                name,
                parent: self.source(&get(pyo3::intern!(py, "parent"))?)?,
                on: get(pyo3::intern!(py, "on"))?.extract()?,
                optional: get(pyo3::intern!(py, "optional"))?.is_truthy()?,
            },
            "cte" => SourceKind::Cte(name.into_iter().next().unwrap_or_default()),
            "query" => {
                let statement = get(pyo3::intern!(py, "statement"))?;
                SourceKind::Query(Box::new(self.statement(&statement)?))
            }
            "function" => SourceKind::Function {
                call: self.boxed(&get(pyo3::intern!(py, "call"))?)?,
                ordinality: !get(pyo3::intern!(py, "ordinality"))?.is_none(),
            },
            other => return Err(refused(other)),
        };
        let columns = get(pyo3::intern!(py, "columns"))?;
        let columns = if columns.is_none() { Vec::new() } else { texts(&columns)? };
        if let Some(source) = self.sources.get_mut(id) {
            *source = Source { kind, columns };
        }
        Ok(id)
    }

    fn given_source(
        &mut self,
        dict: &Bound<'py, PyDict>,
        name: &str,
    ) -> PyResult<Option<SourceId>> {
        given(dict, name)?.map(|source| self.source(&source)).transpose()
    }

    fn wanted_source(&mut self, dict: &Bound<'py, PyDict>, name: &str) -> PyResult<SourceId> {
        self.given_source(dict, name)?
            .ok_or_else(|| refused(&format!("a statement without {name}")))
    }

    fn statement(&mut self, node: Node<'_, 'py>) -> PyResult<Statement> {
        let dict = node.cast::<PyDict>().map_err(|_| refused("a statement that is no dict"))?;
        let mut ctes = Vec::new();
        for cte in items(dict, "ctes")? {
            let (source, recursive, statement): (Bound<'py, PyAny>, bool, Bound<'py, PyAny>) =
                cte.extract()?;
            let source = self.source(&source)?;
            ctes.push(Cte { source, recursive, statement: self.statement(&statement)? });
        }
        let explain = match given(dict, "explain")? {
            Some(kind) => Some(text(&kind)? == "analyze"),
            None => None,
        };
        let kind = given(dict, "kind")?.ok_or_else(|| refused("a statement without a kind"))?;
        let body = match kind.cast::<PyString>()?.to_str()? {
            "select" => Body::Select(Box::new(self.select(dict)?)),
            "compound" => Body::Compound(Box::new(self.compound(dict)?)),
            "insert" => Body::Insert(Box::new(self.insert(dict)?)),
            "update" => Body::Update(Box::new(Update {
                source: self.wanted_source(dict, "source")?,
                set: self.assignments(dict, "set")?,
                from: self.given_source(dict, "from")?,
                conditions: self.given_list(dict, "where")?,
                returning: self.given_list(dict, "returning")?,
            })),
            "delete" => Body::Delete(Box::new(Delete {
                source: self.wanted_source(dict, "source")?,
                using: self.given_source(dict, "using")?,
                conditions: self.given_list(dict, "where")?,
                returning: self.given_list(dict, "returning")?,
            })),
            "values" => Body::Values(self.rows(dict)?.unwrap_or_default()),
            other => return Err(refused(other)),
        };
        Ok(Statement { ctes, body, explain })
    }

    fn select(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Select> {
        let mut select = Select {
            distinct: match given(dict, "distinct")? {
                Some(keys) if keys.is_instance_of::<PyBool>() => Some(Vec::new()),
                Some(keys) => Some(self.list(&keys)?),
                None => None,
            },
            columns: self.given_list(dict, "columns")?,
            from: self.given_source(dict, "from")?,
            conditions: self.given_list(dict, "where")?,
            group_by: self.given_list(dict, "group_by")?,
            having: self.given_list(dict, "having")?,
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
                other => return Err(refused(other)),
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
            order_by: self.given_list(dict, "order_by")?,
            limit: given(dict, "limit")?.map(|node| self.expression(&node)).transpose()?,
            offset: given(dict, "offset")?.map(|node| self.expression(&node)).transpose()?,
        })
    }

    fn lock(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Option<Lock>> {
        let Some(lock) = given(dict, "lock")? else { return Ok(None) };
        let lock = lock.cast::<PyDict>()?;
        let strength = given(lock, "strength")?.ok_or_else(|| refused("a lock"))?;
        let strength = match strength.cast::<PyString>()?.to_str()? {
            "update" => "UPDATE",
            "no key update" => "NO KEY UPDATE",
            "share" => "SHARE",
            "key share" => "KEY SHARE",
            other => return Err(refused(other)),
        };
        let mut of = Vec::new();
        for source in items(lock, "of")? {
            of.push(self.source(&source)?);
        }
        let otherwise = match (flag(lock, "skip_locked")?, flag(lock, "nowait")?) {
            (true, true) => return Err(refused("skip_locked and nowait together")),
            (true, false) => " SKIP LOCKED",
            (false, true) => " NOWAIT",
            (false, false) => "",
        };
        Ok(Some(Lock { strength, of, otherwise }))
    }

    fn compound(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Compound> {
        let operator = given(dict, "op")?.ok_or_else(|| refused("a union without op"))?;
        let operator = match operator.cast::<PyString>()?.to_str()? {
            "union" => "UNION",
            "union all" => "UNION ALL",
            "intersect" => "INTERSECT",
            "intersect all" => "INTERSECT ALL",
            "except" => "EXCEPT",
            "except all" => "EXCEPT ALL",
            other => return Err(refused(other)),
        };
        let parts = given(dict, "parts")?.ok_or_else(|| refused("a union without parts"))?;
        let parts =
            parts.try_iter()?.map(|part| self.statement(&part?)).collect::<PyResult<Vec<_>>>()?;
        Ok(Compound { operator, parts, tail: self.tail(dict)? })
    }

    fn insert(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Insert> {
        let into = self.wanted_source(dict, "into")?;
        let columns = given(dict, "columns")?.map_or(Ok(Vec::new()), |names| texts(&names))?;
        let rows = match (self.rows(dict)?, given(dict, "select")?) {
            (Some(rows), _) => Rows::Values(rows),
            (None, Some(statement)) => Rows::Select(self.statement(&statement)?),
            (None, None) => Rows::Default,
        };
        let conflict =
            given(dict, "conflict")?.map(|conflict| self.conflict(&conflict)).transpose()?;
        Ok(Insert { into, columns, rows, conflict, returning: self.given_list(dict, "returning")? })
    }

    fn conflict(&mut self, node: Node<'_, 'py>) -> PyResult<Conflict> {
        let dict = node.cast::<PyDict>()?;
        Ok(Conflict {
            on: given(dict, "on")?.map_or(Ok(Vec::new()), |names| texts(&names))?,
            index_where: self.given_list(dict, "where")?,
            set: self.assignments(dict, "set")?,
            set_where: self.given_list(dict, "set_where")?,
        })
    }

    fn rows(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Option<Vec<Vec<Expr>>>> {
        let Some(rows) = given(dict, "rows")? else { return Ok(None) };
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

fn literal(value: &Bound<'_, PyAny>) -> PyResult<Literal> {
    Ok(if value.is_none() {
        Literal::Null
    } else if let Ok(value) = value.cast::<PyBool>() {
        Literal::Bool(value.is_true())
    } else if let Ok(value) = value.cast::<PyInt>() {
        Literal::Integer(value.extract()?)
    } else if let Ok(value) = value.cast::<PyString>() {
        Literal::Text(value.to_str()?.to_owned())
    } else {
        return Err(PyTypeError::new_err("a literal is text, a whole number or a bool"));
    })
}

fn direction(way: &Bound<'_, PyAny>, nulls: &Bound<'_, PyAny>) -> PyResult<&'static str> {
    let way = way.cast::<PyString>()?.to_str()?;
    let nulls = if nulls.is_none() { "" } else { nulls.cast::<PyString>()?.to_str()? };
    Ok(match (way, nulls) {
        ("asc", "") => "",
        ("desc", "") => " DESC",
        ("asc", "first") => " NULLS FIRST",
        ("asc", "last") => " NULLS LAST",
        ("desc", "first") => " DESC NULLS FIRST",
        ("desc", "last") => " DESC NULLS LAST",
        _ => return Err(refused("an order")),
    })
}

/// Every operator that a query may have.
const OPERATORS: &[&str] = &[
    "=",
    "<>",
    "<",
    ">",
    "<=",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "||",
    "LIKE",
    "NOT LIKE",
    "ILIKE",
    "NOT ILIKE",
    "~",
    "~*",
    "!~",
    "!~*",
    "SIMILAR TO",
    "@>",
    "<@",
    "&&",
    "?",
    "?|",
    "?&",
    "->",
    "->>",
    "#>",
    "#>>",
    "@?",
    "@@",
    "<<",
    ">>",
    "&<",
    "&>",
    "-|-",
    "<->",
    "<#>",
    "<=>",
    "<+>",
    "IS DISTINCT FROM",
    "IS NOT DISTINCT FROM",
    "AT TIME ZONE",
    "&",
    "|",
    "#",
];

fn operator(sign: &str) -> PyResult<&'static str> {
    let known = OPERATORS.iter().copied().find(|known| *known == sign);
    known.ok_or_else(|| refused(&format!("the operator {sign:?}")))
}
