//! Operator precedence: decides where a rendered expression needs parentheses.

use super::Writer;
use super::ast::{Expr, Literal};

/// Operator precedence, lowest first:
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-PRECEDENCE>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Precedence {
    Lowest,
    Or,
    And,
    Not,
    Is,
    Comparison,
    Membership,
    Operator,
    Sum,
    Product,
    Power,
    AtTimeZone,
    Collate,
    UnarySign,
    Element,
    Cast,
    Primary,
}

fn of_operator(operator: &str) -> Precedence {
    match operator {
        "<" | ">" | "=" | "<=" | ">=" | "<>" => Precedence::Comparison,
        "IS DISTINCT FROM" | "IS NOT DISTINCT FROM" => Precedence::Is,
        "LIKE" | "ILIKE" => Precedence::Membership,
        "+" | "-" => Precedence::Sum,
        "*" | "/" | "%" => Precedence::Product,
        "^" => Precedence::Power,
        "AT TIME ZONE" => Precedence::AtTimeZone,
        _ => Precedence::Operator,
    }
}

impl Writer<'_> {
    /// The precedence of an expression as it is rendered: `OPERATOR()` has the precedence of any
    /// other operator.
    pub(super) fn precedence(&self, expression: &Expr) -> Precedence {
        match expression {
            Expr::Binary(sign, sides) => self.precedence_of_binary(sign, &sides.0, &sides.1),
            Expr::Or(parts) if parts.len() > 1 => Precedence::Or,
            Expr::And(parts) if parts.len() > 1 => Precedence::And,
            Expr::And(parts) | Expr::Or(parts) => {
                parts.first().map_or(Precedence::Primary, |part| self.precedence(part))
            }
            Expr::Not(_) | Expr::In(_, _, true) => Precedence::Not,
            Expr::Is(..) => Precedence::Is,
            Expr::Quantified(sign, ..) => of_operator(sign).min(Precedence::Operator),
            Expr::Between(parts) if self.is_builtin_between(parts) => Precedence::And,
            Expr::In(left, statement, false) if self.are_builtin_in_rows(left, statement) => {
                Precedence::Operator
            }
            Expr::Between(_) | Expr::In(..) => Precedence::Membership,
            Expr::Negative(inner) if self.is_builtin(inner) => Precedence::Operator,
            Expr::Negative(_) | Expr::Literal(Literal::Integer(..0)) => Precedence::UnarySign,
            Expr::Collate(..) => Precedence::Collate,
            Expr::Cast(..) | Expr::Value(_, Some(_)) => Precedence::Cast,
            Expr::Element(_) => Precedence::Element,
            Expr::Named(inner, _) => self.precedence(inner),
            Expr::Ordering(..) => Precedence::Lowest,
            _ => Precedence::Primary,
        }
    }

    pub(super) fn precedence_of_binary(
        &self,
        sign: &'static str,
        left: &Expr,
        right: &Expr,
    ) -> Precedence {
        match sign {
            "AT TIME ZONE" => Precedence::AtTimeZone,
            _ if !self.are_builtin(left, right) => of_operator(sign),
            "IS DISTINCT FROM" | "IS NOT DISTINCT FROM" => Precedence::Primary,
            _ => Precedence::Operator,
        }
    }
}

/// The next higher precedence.
pub(super) fn above(precedence: Precedence) -> Precedence {
    match precedence {
        Precedence::Lowest => Precedence::Or,
        Precedence::Or => Precedence::And,
        Precedence::And => Precedence::Not,
        Precedence::Not => Precedence::Is,
        // Chained comparisons are always parenthesized, as their grouping surprises readers.
        Precedence::Is | Precedence::Comparison | Precedence::Membership => Precedence::Operator,
        Precedence::Operator => Precedence::Sum,
        Precedence::Sum => Precedence::Product,
        Precedence::Product => Precedence::Power,
        Precedence::Power => Precedence::AtTimeZone,
        Precedence::AtTimeZone => Precedence::Collate,
        Precedence::Collate => Precedence::UnarySign,
        Precedence::UnarySign => Precedence::Element,
        Precedence::Element => Precedence::Cast,
        Precedence::Cast | Precedence::Primary => Precedence::Primary,
    }
}
