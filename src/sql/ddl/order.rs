//! Sorts tables so that referenced ones come first.

use std::collections::{HashMap, HashSet};

use super::{Rule, Table};

/// A table, and its references to tables that come later.
pub(super) struct OrderedTable<'a> {
    pub(super) table: &'a Table,
    /// Referenced tables that come later, as they also reference this one.
    pub(super) forward: HashSet<&'a [String]>,
}

/// Sorts tables so that each follows those that it references, and otherwise keeps the given order.
/// In a reference cycle the first given table comes last.
pub(super) fn by_dependency(tables: &[Table]) -> Vec<OrderedTable<'_>> {
    let mut sorting = Sorting {
        tables: tables.iter().map(|table| (table.name.as_slice(), table)).collect(),
        done: HashSet::new(),
        started: HashSet::new(),
        ordered: Vec::with_capacity(tables.len()),
    };
    for table in tables {
        sorting.visit(table);
    }
    sorting.ordered
}

struct Sorting<'a> {
    tables: HashMap<&'a [String], &'a Table>,
    done: HashSet<&'a [String]>,
    started: HashSet<&'a [String]>,
    ordered: Vec<OrderedTable<'a>>,
}

impl<'a> Sorting<'a> {
    fn visit(&mut self, table: &'a Table) {
        if !self.started.insert(&table.name) {
            return;
        }
        for name in referenced_tables(table) {
            if let Some(target) = self.tables.get(name) {
                self.visit(target);
            }
        }
        let later = |name: &&[String]| {
            *name != table.name.as_slice()
                && self.tables.contains_key(name)
                && !self.done.contains(name)
        };
        let forward = referenced_tables(table).filter(later).collect();
        self.done.insert(&table.name);
        self.ordered.push(OrderedTable { table, forward });
    }
}

/// The tables that a table references.
fn referenced_tables(table: &Table) -> impl Iterator<Item = &[String]> {
    let columns = table.columns.iter().filter_map(|column| column.reference.as_ref());
    let constraints = table.constraints.iter().filter_map(|constraint| match &constraint.rule {
        Rule::ForeignKey(_, reference) => Some(reference),
        Rule::Unique(_) | Rule::Check(_) | Rule::Raw(_) => None,
    });
    columns.chain(constraints).map(|reference| reference.table.as_slice())
}
