//! Renders expressions.

use super::Writer;
use super::ast::{Call, Case, Expr, FrameBound, Literal, Over, Statement};
use super::builtin;
use super::precedence::{Precedence, above};
use crate::error::{Error, Result};

impl Writer<'_> {
    /// Renders a comma-separated list.
    pub fn list(&mut self, expressions: &[Expr]) -> Result<()> {
        for (at, expression) in expressions.iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.expression(expression)?;
        }
        Ok(())
    }

    /// Renders a select list, the only place where names of expressions are written.
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
                // The column name that the server would give NULLIF, which is rendered as CASE.
                Expr::Call(call) if call.name == "nullif" => self.push(" AS nullif"),
                _ => {}
            }
        }
        Ok(())
    }

    /// Renders conditions, joined by AND.
    pub fn conditions(&mut self, conditions: &[Expr]) -> Result<()> {
        self.chain(conditions, " AND ", Precedence::And, "true")
    }

    fn chain(&mut self, parts: &[Expr], between: &str, own: Precedence, none: &str) -> Result<()> {
        match parts {
            [] => self.push(none),
            [only] => self.expression(only)?,
            parts => {
                for (at, part) in parts.iter().enumerate() {
                    if at > 0 {
                        self.push(between);
                    }
                    // A nested chain of the same operator needs no parentheses.
                    let least = if self.precedence(part) == own { own } else { above(own) };
                    self.parenthesized(part, least)?;
                }
            }
        }
        Ok(())
    }

    /// Renders an expression, in parentheses if its precedence is below `least`.
    fn parenthesized(&mut self, expression: &Expr, least: Precedence) -> Result<()> {
        if self.precedence(expression) >= least {
            return self.expression(expression);
        }
        self.push("(");
        self.expression(expression)?;
        self.push(")");
        Ok(())
    }

    /// Renders an expression.
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
            Expr::And(parts) => self.chain(parts, " AND ", Precedence::And, "true")?,
            Expr::Or(parts) => self.chain(parts, " OR ", Precedence::Or, "false")?,
            Expr::Not(inner) => {
                self.push("NOT ");
                self.parenthesized(inner, Precedence::Is)?;
            }
            Expr::Negative(inner) => {
                self.push(if self.is_builtin(inner) { "OPERATOR(pg_catalog.-) " } else { "- " });
                self.parenthesized(inner, Precedence::Element)?;
            }
            Expr::Is(inner, what) => {
                self.parenthesized(inner, Precedence::Comparison)?;
                self.push(" IS ");
                self.push(what);
            }
            Expr::Between(parts) => self.between(parts)?,
            Expr::Quantified(sign, which, sides) => {
                let is_builtin = self.are_builtin_in_array(&sides.0, &sides.1);
                self.parenthesized(&sides.0, Precedence::Sum)?;
                self.spaced(&builtin::operator(sign, is_builtin));
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
                self.parenthesized(inner, Precedence::Cast)?;
                self.push("::");
                self.type_name(target)?;
            }
            _ => self.uncommon_expression(expression)?,
        }
        Ok(())
    }

    /// Renders the less common expressions.
    fn uncommon_expression(&mut self, expression: &Expr) -> Result<()> {
        match expression {
            Expr::Extract(field, inner) => {
                if !field.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'_') {
                    return Err(Error::Interface(format!("{field:?} is not a field of EXTRACT")));
                }
                self.push("extract(");
                self.push(field);
                self.push(" FROM ");
                self.expression(inner)?;
                self.push(")");
            }
            Expr::Collate(inner, collation) => {
                self.parenthesized(inner, Precedence::Collate)?;
                self.push(" COLLATE ");
                if builtin::is_builtin_collation(collation) {
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
            Expr::Ordinal(number) => self.integer(*number),
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
            _ => return Err(Error::Internal("an expression that cannot be rendered here".into())),
        }
        Ok(())
    }

    fn integer(&mut self, number: u32) {
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

    /// The parameter number of a caller's value; equal indexes share a parameter.
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
                // A backslash needs an escape string, whose meaning does not depend on
                // standard_conforming_strings.
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
        let is_builtin = self.are_builtin(left, right);
        match sign {
            "IS DISTINCT FROM" if is_builtin => {
                return self.distinct("<>", " IS NOT NULL OR ", left, right);
            }
            "IS NOT DISTINCT FROM" if is_builtin => {
                return self.distinct("=", " IS NULL AND ", left, right);
            }
            _ => {}
        }
        let own = self.precedence_of_binary(sign, left, right);
        // Left-associative chains of the same operator need no parentheses.
        let same = matches!(left, Expr::Binary(before, _) if *before == sign)
            && self.precedence(left) == own;
        let is_chain = same && matches!(sign, "+" | "-" | "*" | "||");
        self.parenthesized(left, if is_chain { own } else { above(own) })?;
        self.spaced(&builtin::operator(sign, is_builtin));
        self.parenthesized(right, above(own))
    }

    /// IS [NOT] DISTINCT FROM, written with `=` or `<>`: the operator returns NULL if an operand is
    /// NULL.
    fn distinct(
        &mut self,
        sign: &'static str,
        between: &str,
        left: &Expr,
        right: &Expr,
    ) -> Result<()> {
        self.push("coalesce(");
        self.parenthesized(left, Precedence::Sum)?;
        self.spaced(&builtin::operator(sign, true));
        self.parenthesized(right, Precedence::Sum)?;
        self.push(", ");
        self.parenthesized(left, Precedence::Operator)?;
        self.push(between);
        self.parenthesized(right, Precedence::Operator)?;
        self.push(if sign == "=" { " IS NULL)" } else { " IS NOT NULL)" });
        Ok(())
    }

    fn within(&mut self, left: &Expr, statement: &Statement, negated: bool) -> Result<()> {
        if negated {
            self.push("NOT ");
        }
        if self.are_builtin_in_rows(left, statement) {
            self.parenthesized(left, Precedence::Sum)?;
            self.push(" OPERATOR(pg_catalog.=) ANY (");
        } else {
            self.parenthesized(left, Precedence::Operator)?;
            self.push(" IN (");
        }
        self.statement(statement)?;
        self.push(")");
        Ok(())
    }

    pub(super) fn is_builtin_between(&self, parts: &[Expr; 3]) -> bool {
        let [inner, low, high] = parts;
        self.are_builtin(inner, low) && self.are_builtin(inner, high)
    }

    fn between(&mut self, parts: &[Expr; 3]) -> Result<()> {
        let [inner, low, high] = parts;
        if self.is_builtin_between(parts) {
            self.binary(">=", inner, low)?;
            self.push(" AND ");
            return self.binary("<=", inner, high);
        }
        self.parenthesized(inner, Precedence::Operator)?;
        self.push(" BETWEEN ");
        self.parenthesized(low, Precedence::Operator)?;
        self.push(" AND ");
        self.parenthesized(high, Precedence::Operator)
    }

    pub fn call(&mut self, call: &Call) -> Result<()> {
        if let ("nullif", [value, other]) = (call.name.as_str(), call.args.as_slice())
            && self.are_builtin(value, other)
        {
            return self.nullif(value, other);
        }
        if builtin::CONSTRUCTS.contains(&call.name.as_str()) {
            self.push(&call.name);
        } else {
            if self.is_builtin_function(call) {
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
        self.parenthesized(&over.call, Precedence::Primary)?;
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

    fn bound(&mut self, bound: &FrameBound) -> Result<()> {
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
