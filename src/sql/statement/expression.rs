//! Expressions, written.

use super::Writer;
use super::ast::{Bound, Call, Case, Expr, Literal, Over};
use crate::error::{Error, Result};

/// How strongly an expression holds together, weakest first:
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-PRECEDENCE>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hold {
    Any,
    Or,
    And,
    Not,
    Is,
    Comparison,
    Within,
    Operator,
    Sum,
    Product,
    Power,
    Zone,
    Collate,
    Sign,
    Element,
    Cast,
    Whole,
}

fn operator(operator: &str) -> Hold {
    match operator {
        "<" | ">" | "=" | "<=" | ">=" | "<>" => Hold::Comparison,
        "IS DISTINCT FROM" | "IS NOT DISTINCT FROM" => Hold::Is,
        "LIKE" | "NOT LIKE" | "ILIKE" | "NOT ILIKE" | "SIMILAR TO" => Hold::Within,
        "+" | "-" => Hold::Sum,
        "*" | "/" | "%" => Hold::Product,
        "^" => Hold::Power,
        "AT TIME ZONE" => Hold::Zone,
        _ => Hold::Operator,
    }
}

fn hold(expression: &Expr) -> Hold {
    match expression {
        Expr::Binary(sign, _) => operator(sign),
        Expr::Or(parts) if parts.len() > 1 => Hold::Or,
        Expr::And(parts) if parts.len() > 1 => Hold::And,
        Expr::And(parts) | Expr::Or(parts) => parts.first().map_or(Hold::Whole, hold),
        Expr::Not(_) => Hold::Not,
        Expr::Is(..) => Hold::Is,
        Expr::Quantified(sign, ..) => operator(sign).min(Hold::Operator),
        Expr::Between(_) | Expr::In(..) => Hold::Within,
        Expr::Negative(_) | Expr::Literal(Literal::Integer(..0)) => Hold::Sign,
        Expr::Collate(..) => Hold::Collate,
        Expr::Cast(..) | Expr::Value(_, Some(_)) => Hold::Cast,
        Expr::Element(_) => Hold::Element,
        Expr::Named(inner, _) => hold(inner),
        Expr::Ordering(..) => Hold::Any,
        _ => Hold::Whole,
    }
}

impl Writer<'_> {
    /// Writes expressions with commas between them.
    pub fn list(&mut self, expressions: &[Expr]) -> Result<()> {
        for (at, expression) in expressions.iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.expression(expression)?;
        }
        Ok(())
    }

    /// Writes the columns of a result, with their names: nothing else has a place for those.
    pub fn columns(&mut self, columns: &[Expr]) -> Result<()> {
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.expression(column)?;
            if let Expr::Named(_, name) = column {
                self.push(" AS ");
                self.name(name);
            }
        }
        Ok(())
    }

    /// Writes conditions that all must hold.
    pub fn conditions(&mut self, conditions: &[Expr]) -> Result<()> {
        self.chain(conditions, " AND ", Hold::And, "true")
    }

    fn chain(&mut self, parts: &[Expr], between: &str, own: Hold, none: &str) -> Result<()> {
        match parts {
            [] => self.push(none),
            [only] => self.expression(only)?,
            parts => {
                for (at, part) in parts.iter().enumerate() {
                    if at > 0 {
                        self.push(between);
                    }
                    // A chain of the same kind goes on.
                    let enough = if hold(part) == own { own } else { next(own) };
                    self.held(part, enough)?;
                }
            }
        }
        Ok(())
    }

    /// Writes an expression, in parentheses where it holds together less than it must.
    fn held(&mut self, expression: &Expr, least: Hold) -> Result<()> {
        if hold(expression) >= least {
            return self.expression(expression);
        }
        self.push("(");
        self.expression(expression)?;
        self.push(")");
        Ok(())
    }

    /// Writes an expression.
    pub fn expression(&mut self, expression: &Expr) -> Result<()> {
        match expression {
            Expr::Column(id, name) => {
                self.alias(*id)?;
                self.push(".");
                self.name(name);
            }
            Expr::Whole(id) => self.alias(*id)?,
            Expr::Value(value, cast) => {
                let number = self.parameter(*value);
                self.number('$', number);
                if let Some(cast) = cast {
                    self.push("::");
                    self.type_name(cast)?;
                }
            }
            Expr::Literal(literal) => self.literal(literal),
            Expr::Binary(sign, sides) => self.binary(sign, &sides.0, &sides.1)?,
            Expr::And(parts) => self.chain(parts, " AND ", Hold::And, "true")?,
            Expr::Or(parts) => self.chain(parts, " OR ", Hold::Or, "false")?,
            Expr::Not(inner) => {
                self.push("NOT ");
                self.held(inner, Hold::Is)?;
            }
            Expr::Negative(inner) => {
                self.push("- ");
                self.held(inner, Hold::Element)?;
            }
            Expr::Is(inner, what) => {
                self.held(inner, Hold::Comparison)?;
                self.push(" IS ");
                self.push(what);
            }
            Expr::Between(parts) => self.between(parts)?,
            Expr::Quantified(sign, which, sides) => {
                self.held(&sides.0, Hold::Sum)?;
                self.spaced(sign);
                self.push(which);
                self.push(" (");
                self.expression(&sides.1)?;
                self.push(")");
            }
            Expr::In(left, statement, negated) => {
                self.held(left, Hold::Operator)?;
                self.push(if *negated { " NOT IN (" } else { " IN (" });
                self.statement(statement)?;
                self.push(")");
            }
            Expr::Subquery(what, statement) => {
                self.push(what);
                self.push("(");
                self.statement(statement)?;
                self.push(")");
            }
            Expr::Star => self.push("*"),
            Expr::Call(call) => self.call(call)?,
            Expr::Over(over) => self.over(over)?,
            Expr::Case(case) => self.case(case)?,
            Expr::Cast(inner, target) => {
                self.held(inner, Hold::Cast)?;
                self.push("::");
                self.type_name(target)?;
            }
            _ => self.rest(expression)?,
        }
        Ok(())
    }

    /// Writes the expressions that are seldom.
    fn rest(&mut self, expression: &Expr) -> Result<()> {
        match expression {
            Expr::Extract(field, inner) => {
                if !field.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'_') {
                    return Err(Error::Interface(format!("{field:?} is no part of a time")));
                }
                self.push("extract(");
                self.push(field);
                self.push(" FROM ");
                self.expression(inner)?;
                self.push(")");
            }
            Expr::Collate(inner, collation) => {
                self.held(inner, Hold::Collate)?;
                self.push(" COLLATE ");
                self.name(collation);
            }
            Expr::Row(parts) => self.enclosed("ROW(", parts, ")")?,
            Expr::Array(parts, element) => {
                self.enclosed("ARRAY[", parts, "]")?;
                if let Some(element) = element {
                    self.push("::");
                    self.type_name(element)?;
                    self.push("[]");
                }
            }
            Expr::Element(sides) => {
                self.push("(");
                self.expression(&sides.0)?;
                self.push(")[");
                self.expression(&sides.1)?;
                self.push("]");
            }
            Expr::Excluded(name) => {
                self.push("excluded.");
                self.name(name);
            }
            Expr::Ordinal(number) => self.number_alone(*number),
            Expr::Named(inner, _) => self.expression(inner)?,
            Expr::Ordering(inner, direction) => {
                self.expression(inner)?;
                self.push(direction);
            }
            Expr::Grouping(kind, parts) => {
                self.push(kind);
                self.push("(");
                for (at, part) in parts.iter().enumerate() {
                    if at > 0 {
                        self.push(", ");
                    }
                    match part {
                        Expr::Row(keys) => self.enclosed("(", keys, ")")?,
                        key => self.expression(key)?,
                    }
                }
                self.push(")");
            }
            Expr::Default => self.push("DEFAULT"),
            _ => return Err(Error::Internal("an expression that is not written".into())),
        }
        Ok(())
    }

    fn number_alone(&mut self, number: u32) {
        self.push(&number.to_string());
    }

    fn enclosed(&mut self, open: &str, parts: &[Expr], close: &str) -> Result<()> {
        self.push(open);
        self.list(parts)?;
        self.push(close);
        Ok(())
    }

    fn spaced(&mut self, sign: &str) {
        self.push(" ");
        self.push(sign);
        self.push(" ");
    }

    /// The number of a caller's value among the parameters.
    fn parameter(&mut self, value: usize) -> usize {
        let known = self.params.iter().position(|known| *known == value);
        known.map_or_else(
            || {
                self.params.push(value);
                self.params.len()
            },
            |at| at + 1,
        )
    }

    fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::Text(text) => {
                // With a backslash in it, whatever standard_conforming_strings says.
                let marked = text.contains('\\');
                self.push(if marked { " E'" } else { "'" });
                self.push(&text.replace('\'', "''").replace('\\', "\\\\"));
                self.push("'");
            }
            Literal::Integer(number) => self.push(&number.to_string()),
            Literal::Bool(true) => self.push("true"),
            Literal::Bool(false) => self.push("false"),
            Literal::Null => self.push("NULL"),
        }
    }

    fn binary(&mut self, sign: &'static str, left: &Expr, right: &Expr) -> Result<()> {
        let own = operator(sign);
        // Those that group to the left go on as they are; the others are marked.
        let same = matches!(left, Expr::Binary(before, _) if *before == sign);
        let grows = same && matches!(sign, "+" | "-" | "*" | "||");
        self.held(left, if grows { own } else { next(own) })?;
        self.spaced(sign);
        self.held(right, next(own))
    }

    fn between(&mut self, parts: &[Expr; 3]) -> Result<()> {
        let [inner, low, high] = parts;
        self.held(inner, Hold::Operator)?;
        self.push(" BETWEEN ");
        self.held(low, Hold::Operator)?;
        self.push(" AND ");
        self.held(high, Hold::Operator)
    }

    pub fn call(&mut self, call: &Call) -> Result<()> {
        // What looks like a function and is none has a name that must not be quoted.
        if matches!(call.name.as_str(), "coalesce" | "greatest" | "least" | "nullif" | "grouping") {
            self.push(&call.name);
        } else {
            let parts: Vec<String> = call.name.split('.').map(str::to_owned).collect();
            self.qualified(&parts);
        }
        self.push("(");
        if call.distinct {
            self.push("DISTINCT ");
        }
        self.list(&call.args)?;
        if !call.order_by.is_empty() {
            self.push(" ORDER BY ");
            self.list(&call.order_by)?;
        }
        self.push(")");
        if !call.within.is_empty() {
            self.push(" WITHIN GROUP (ORDER BY ");
            self.list(&call.within)?;
            self.push(")");
        }
        if let Some(filter) = &call.filter {
            self.push(" FILTER (WHERE ");
            self.expression(filter)?;
            self.push(")");
        }
        Ok(())
    }

    fn over(&mut self, over: &Over) -> Result<()> {
        self.held(&over.call, Hold::Whole)?;
        self.push(" OVER (");
        let mut between = "";
        if !over.partition.is_empty() {
            self.push("PARTITION BY ");
            self.list(&over.partition)?;
            between = " ";
        }
        if !over.order_by.is_empty() {
            self.push(between);
            self.push("ORDER BY ");
            self.list(&over.order_by)?;
            between = " ";
        }
        if let Some(frame) = &over.frame {
            self.push(between);
            self.push(frame.unit);
            if let Some(end) = &frame.end {
                self.push(" BETWEEN ");
                self.bound(&frame.start)?;
                self.push(" AND ");
                self.bound(end)?;
            } else {
                self.push(" ");
                self.bound(&frame.start)?;
            }
        }
        self.push(")");
        Ok(())
    }

    fn bound(&mut self, bound: &Bound) -> Result<()> {
        if let Some(offset) = &bound.offset {
            self.expression(offset)?;
            self.push(" ");
        }
        self.push(bound.words);
        Ok(())
    }

    fn case(&mut self, case: &Case) -> Result<()> {
        self.push("CASE");
        if let Some(operand) = &case.operand {
            self.push(" ");
            self.expression(operand)?;
        }
        for (when, then) in &case.branches {
            self.push(" WHEN ");
            self.expression(when)?;
            self.push(" THEN ");
            self.expression(then)?;
        }
        if let Some(otherwise) = &case.otherwise {
            self.push(" ELSE ");
            self.expression(otherwise)?;
        }
        self.push(" END");
        Ok(())
    }
}

/// What holds together more than this.
fn next(hold: Hold) -> Hold {
    match hold {
        Hold::Any => Hold::Or,
        Hold::Or => Hold::And,
        Hold::And => Hold::Not,
        Hold::Not => Hold::Is,
        // Comparisons beside one another are read in a way that few expect.
        Hold::Is | Hold::Comparison | Hold::Within => Hold::Operator,
        Hold::Operator => Hold::Sum,
        Hold::Sum => Hold::Product,
        Hold::Product => Hold::Power,
        Hold::Power => Hold::Zone,
        Hold::Zone => Hold::Collate,
        Hold::Collate => Hold::Sign,
        Hold::Sign => Hold::Element,
        Hold::Element => Hold::Cast,
        Hold::Cast | Hold::Whole => Hold::Whole,
    }
}
