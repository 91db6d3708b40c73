//! Converts the nested tuples of expressions.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyString, PyTuple};

use super::super::arguments::Text;
use super::{Node, NodeReader, address, flag, optional_item, text, tuple, unknown_node};
use crate::sql::statement::ast::{Call, Case, Expr, Frame, FrameBound, Literal, Namer, Over};

impl<'py> NodeReader<'py> {
    pub(super) fn boxed(&mut self, node: Node<'_, 'py>) -> PyResult<Box<Expr>> {
        self.expression(node).map(Box::new)
    }

    pub(super) fn pair(
        &mut self,
        left: Node<'_, 'py>,
        right: Node<'_, 'py>,
    ) -> PyResult<Box<(Expr, Expr)>> {
        Ok(Box::new((self.expression(left)?, self.expression(right)?)))
    }

    pub(super) fn list(&mut self, nodes: Node<'_, 'py>) -> PyResult<Vec<Expr>> {
        if let Ok(nodes) = nodes.cast::<PyTuple>() {
            return nodes.iter_borrowed().map(|node| self.expression(&node)).collect();
        }
        nodes.try_iter()?.map(|node| self.expression(&node?)).collect()
    }

    pub(super) fn optional(&mut self, node: Node<'_, 'py>) -> PyResult<Option<Expr>> {
        if node.is_none() { Ok(None) } else { self.expression(node).map(Some) }
    }

    pub(super) fn expression(&mut self, node: Node<'_, 'py>) -> PyResult<Expr> {
        self.nested(|reader| reader.expression_of_tag(node))
    }

    fn expression_of_tag(&mut self, node: Node<'_, 'py>) -> PyResult<Expr> {
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
                let symbol = at(1)?;
                let symbol = symbol.cast::<PyString>()?.to_str()?;
                Expr::Binary(operator(symbol)?, self.pair(&at(2)?, &at(3)?)?)
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
                let symbol = at(2)?;
                let symbol = operator(symbol.cast::<PyString>()?.to_str()?)?;
                Expr::Quantified(symbol, which, self.pair(&at(1)?, &at(3)?)?)
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
            _ => self.rare_expression(tag, parts)?,
        })
    }

    /// Converts the less common expressions.
    fn rare_expression(&mut self, tag: &str, parts: &Bound<'py, PyTuple>) -> PyResult<Expr> {
        let at = |index: usize| parts.get_item(index);
        Ok(match tag {
            "over" => Expr::Over(Box::new(Over {
                call: self.expression(&at(1)?)?,
                partition: self.list(&at(2)?)?,
                order_by: self.list(&at(3)?)?,
                frame: self.frame(&at(4)?)?,
            })),
            "case" => {
                let mut branches = Vec::new();
                for branch in at(1)?.try_iter()? {
                    let (when, then) =
                        branch?.extract::<(Bound<'py, PyAny>, Bound<'py, PyAny>)>()?;
                    branches.push((self.expression(&when)?, self.expression(&then)?));
                }
                let otherwise = self.optional(&at(2)?)?;
                Expr::Case(Box::new(Case { branches, otherwise }))
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
                    other => return Err(unknown_node(other)),
                };
                Expr::Grouping(kind, self.list(&at(2)?)?)
            }
            "whole" => Expr::Whole(self.source(&at(1)?)?),
            "default" => Expr::Default,
            other => return Err(unknown_node(other)),
        })
    }

    fn value(&mut self, node: Node<'_, 'py>, parts: &Bound<'py, PyTuple>) -> PyResult<Expr> {
        let address = address(node);
        let cast = parts.get_item(2)?;
        let cast = if cast.is_none() { None } else { Some(text(&cast)?) };
        let existing = self.value_addresses.iter().position(|known| *known == address);
        let value = if let Some(value) = existing {
            value
        } else {
            self.value_addresses.push(address);
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
            by: Namer::Howdah,
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
                optional_item(options, "filter")?.map(|node| self.expression(&node)).transpose()?;
            call.order_by = self.optional_list(options, "order_by")?;
            call.within = self.optional_list(options, "within")?;
            if options.contains("as")? {
                call.by = Namer::Author(
                    optional_item(options, "as")?.map(|kind| text(&kind)).transpose()?,
                );
            }
        }
        Ok(call)
    }

    pub(super) fn optional_list(
        &mut self,
        dict: &Bound<'py, PyDict>,
        name: &str,
    ) -> PyResult<Vec<Expr>> {
        optional_item(dict, name)?.map_or(Ok(Vec::new()), |nodes| self.list(&nodes))
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
            other => return Err(unknown_node(other)),
        };
        let start = self.frame_bound(&parts.get_item(1)?)?;
        let end = parts.get_item(2)?;
        let end = if end.is_none() { None } else { Some(self.frame_bound(&end)?) };
        Ok(Some(Frame { unit, start, end }))
    }

    fn frame_bound(&mut self, node: Node<'_, 'py>) -> PyResult<FrameBound> {
        let parts = tuple(node)?;
        let words = match text(&parts.get_item(0)?)?.as_str() {
            "unbounded_preceding" => "UNBOUNDED PRECEDING",
            "unbounded_following" => "UNBOUNDED FOLLOWING",
            "current" => "CURRENT ROW",
            "preceding" => "PRECEDING",
            "following" => "FOLLOWING",
            other => return Err(unknown_node(other)),
        };
        let offset =
            if parts.len() > 1 { Some(self.expression(&parts.get_item(1)?)?) } else { None };
        Ok(FrameBound { offset, words })
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
        Literal::Text(value.extract::<Text>()?.0)
    } else {
        return Err(PyTypeError::new_err("expected a literal of type str, int, bool or None"));
    })
}

pub(super) fn direction(
    order: &Bound<'_, PyAny>,
    nulls: &Bound<'_, PyAny>,
) -> PyResult<&'static str> {
    let order = order.cast::<PyString>()?.to_str()?;
    let nulls = if nulls.is_none() { "" } else { nulls.cast::<PyString>()?.to_str()? };
    Ok(match (order, nulls) {
        ("asc", "") => "",
        ("desc", "") => " DESC",
        ("asc", "first") => " NULLS FIRST",
        ("asc", "last") => " NULLS LAST",
        ("desc", "first") => " DESC NULLS FIRST",
        ("desc", "last") => " DESC NULLS LAST",
        _ => return Err(unknown_node("an ordering")),
    })
}

/// The operators that a query may have.
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
    "ILIKE",
    "~",
    "~*",
    "!~",
    "!~*",
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

fn operator(symbol: &str) -> PyResult<&'static str> {
    let known = OPERATORS.iter().copied().find(|known| *known == symbol);
    known.ok_or_else(|| unknown_node(&format!("the operator {symbol:?}")))
}
