//! Expressions, written.

use super::Writer;
use super::ast::{Bound, Call, Case, Expr, Literal, Over, Statement};
use super::own;
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
        "LIKE" | "ILIKE" => Hold::Within,
        "+" | "-" => Hold::Sum,
        "*" | "/" | "%" => Hold::Product,
        "^" => Hold::Power,
        "AT TIME ZONE" => Hold::Zone,
        _ => Hold::Operator,
    }
}

impl Writer<'_> {
    /// How strongly an expression holds together as it is written: what stands in `OPERATOR()` binds like any operator of
    /// no special precedence.
    fn hold(&self, expression: &Expr) -> Hold {
        match expression {
            Expr::Binary(sign, sides) => self.hold_of_binary(sign, &sides.0, &sides.1),
            Expr::Or(parts) if parts.len() > 1 => Hold::Or,
            Expr::And(parts) if parts.len() > 1 => Hold::And,
            Expr::And(parts) | Expr::Or(parts) => {
                parts.first().map_or(Hold::Whole, |part| self.hold(part))
            }
            Expr::Not(_) | Expr::In(_, _, true) => Hold::Not,
            Expr::Is(..) => Hold::Is,
            Expr::Quantified(sign, ..) => operator(sign).min(Hold::Operator),
            Expr::Between(parts) if self.is_own_between(parts) => Hold::And,
            Expr::In(left, statement, false) if self.are_own_in(left, statement) => Hold::Operator,
            Expr::Between(_) | Expr::In(..) => Hold::Within,
            Expr::Negative(inner) if self.is_own(inner) => Hold::Operator,
            Expr::Negative(_) | Expr::Literal(Literal::Integer(..0)) => Hold::Sign,
            Expr::Collate(..) => Hold::Collate,
            Expr::Cast(..) | Expr::Value(_, Some(_)) => Hold::Cast,
            Expr::Element(_) => Hold::Element,
            Expr::Named(inner, _) => self.hold(inner),
            Expr::Ordering(..) => Hold::Any,
            _ => Hold::Whole,
        }
    }

    fn hold_of_binary(&self, sign: &'static str, left: &Expr, right: &Expr) -> Hold {
        match sign {
            "AT TIME ZONE" => Hold::Zone,
            _ if !self.are_own(left, right) => operator(sign),
            "IS DISTINCT FROM" | "IS NOT DISTINCT FROM" => Hold::Whole,
            _ => Hold::Operator,
        }
    }

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
            match column {
                Expr::Named(_, name) => {
                    self.push(" AS ");
                    self.name(name)?;
                }
                // The name that the server gives to what is written as CASE here.
                Expr::Call(call) if call.name == "nullif" => self.push(" AS nullif"),
                _ => {}
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
                    let enough = if self.hold(part) == own { own } else { next(own) };
                    self.held(part, enough)?;
                }
            }
        }
        Ok(())
    }

    /// Writes an expression, in parentheses where it holds together less than it must.
    fn held(&mut self, expression: &Expr, least: Hold) -> Result<()> {
        if self.hold(expression) >= least {
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
                self.name(name)?;
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
                self.push(if self.is_own(inner) { "OPERATOR(pg_catalog.-) " } else { "- " });
                self.held(inner, Hold::Element)?;
            }
            Expr::Is(inner, what) => {
                self.held(inner, Hold::Comparison)?;
                self.push(" IS ");
                self.push(what);
            }
            Expr::Between(parts) => self.between(parts)?,
            Expr::Quantified(sign, which, sides) => {
                let is_own = self.are_own_within(&sides.0, &sides.1);
                self.held(&sides.0, Hold::Sum)?;
                self.spaced(&own::operator(sign, is_own));
                self.push(which);
                self.push(" (");
                self.expression(&sides.1)?;
                self.push(")");
            }
            Expr::In(left, statement, negated) => self.within(left, statement, *negated)?,
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
                if own::is_own_collation(collation) {
                    self.push("pg_catalog.");
                }
                self.name(collation)?;
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
                self.name(name)?;
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
        let is_own = self.are_own(left, right);
        match sign {
            "IS DISTINCT FROM" if is_own => {
                return self.distinct("<>", " IS NOT NULL OR ", left, right);
            }
            "IS NOT DISTINCT FROM" if is_own => {
                return self.distinct("=", " IS NULL AND ", left, right);
            }
            _ => {}
        }
        let own = self.hold_of_binary(sign, left, right);
        // Those that group to the left go on as they are; the others are marked.
        let same =
            matches!(left, Expr::Binary(before, _) if *before == sign) && self.hold(left) == own;
        let grows = same && matches!(sign, "+" | "-" | "*" | "||");
        self.held(left, if grows { own } else { next(own) })?;
        self.spaced(&own::operator(sign, is_own));
        self.held(right, next(own))
    }

    /// Compares with NULL being a value like others: where one side is NULL, so is what the operator gives.
    fn distinct(
        &mut self,
        sign: &'static str,
        between: &str,
        left: &Expr,
        right: &Expr,
    ) -> Result<()> {
        self.push("coalesce(");
        self.held(left, Hold::Sum)?;
        self.spaced(&own::operator(sign, true));
        self.held(right, Hold::Sum)?;
        self.push(", ");
        self.held(left, Hold::Operator)?;
        self.push(between);
        self.held(right, Hold::Operator)?;
        self.push(if sign == "=" { " IS NULL)" } else { " IS NOT NULL)" });
        Ok(())
    }

    fn within(&mut self, left: &Expr, statement: &Statement, negated: bool) -> Result<()> {
        if negated {
            self.push("NOT ");
        }
        if self.are_own_in(left, statement) {
            self.held(left, Hold::Sum)?;
            self.push(" OPERATOR(pg_catalog.=) ANY (");
        } else {
            self.held(left, Hold::Operator)?;
            self.push(" IN (");
        }
        self.statement(statement)?;
        self.push(")");
        Ok(())
    }

    fn is_own_between(&self, parts: &[Expr; 3]) -> bool {
        let [inner, low, high] = parts;
        self.are_own(inner, low) && self.are_own(inner, high)
    }

    fn between(&mut self, parts: &[Expr; 3]) -> Result<()> {
        let [inner, low, high] = parts;
        if self.is_own_between(parts) {
            self.binary(">=", inner, low)?;
            self.push(" AND ");
            return self.binary("<=", inner, high);
        }
        self.held(inner, Hold::Operator)?;
        self.push(" BETWEEN ");
        self.held(low, Hold::Operator)?;
        self.push(" AND ");
        self.held(high, Hold::Operator)
    }

    pub fn call(&mut self, call: &Call) -> Result<()> {
        if let ("nullif", [value, other]) = (call.name.as_str(), call.args.as_slice())
            && self.are_own(value, other)
        {
            return self.nullif(value, other);
        }
        if own::CONSTRUCTS.contains(&call.name.as_str()) {
            self.push(&call.name);
        } else {
            if self.is_own_function(call) {
                self.push("pg_catalog.");
            }
            let parts: Vec<String> = call.name.split('.').map(str::to_owned).collect();
            self.qualified(&parts)?;
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

    fn nullif(&mut self, value: &Expr, other: &Expr) -> Result<()> {
        self.push("CASE WHEN ");
        self.binary("=", value, other)?;
        self.push(" THEN NULL ELSE ");
        self.expression(value)?;
        self.push(" END");
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
