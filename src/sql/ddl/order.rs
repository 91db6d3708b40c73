//! The order of tables: those that others refer to first.

use std::collections::{HashMap, HashSet};

use super::{Rule, Table};

/// A table in its place.
pub(super) struct Place<'a> {
    pub(super) table: &'a Table,
    /// Tables that it refers to and that come later, for they refer to it too.
    pub(super) forward: HashSet<&'a [String]>,
}

/// The tables in the order given, but each after those that it refers to. In a circle, the first one given
/// comes last.
pub(super) fn by_dependency(tables: &[Table]) -> Vec<Place<'_>> {
    let mut sorting = Sorting {
        tables: tables.iter().map(|table| (table.name.as_slice(), table)).collect(),
        done: HashSet::new(),
        begun: HashSet::new(),
        places: Vec::with_capacity(tables.len()),
    };
    for table in tables {
        sorting.visit(table);
    }
    sorting.places
}

struct Sorting<'a> {
    tables: HashMap<&'a [String], &'a Table>,
    done: HashSet<&'a [String]>,
    begun: HashSet<&'a [String]>,
    places: Vec<Place<'a>>,
}

impl<'a> Sorting<'a> {
    fn visit(&mut self, table: &'a Table) {
        if !self.begun.insert(&table.name) {
            return;
        }
        for name in targets(table) {
            if let Some(target) = self.tables.get(name) {
                self.visit(target);
            }
        }
        let later = |name: &&[String]| {
            *name != table.name.as_slice()
                && self.tables.contains_key(name)
                && !self.done.contains(name)
        };
        let forward = targets(table).filter(later).collect();
        self.done.insert(&table.name);
        self.places.push(Place { table, forward });
    }
}

/// The tables that a table refers to.
fn targets(table: &Table) -> impl Iterator<Item = &[String]> {
    let columns = table.columns.iter().filter_map(|column| column.reference.as_ref());
    let constraints = table.constraints.iter().filter_map(|constraint| match &constraint.rule {
        Rule::ForeignKey(_, reference) => Some(reference),
        Rule::Unique(_) | Rule::Check(_) | Rule::Raw(_) => None,
    });
    columns.chain(constraints).map(|reference| reference.table.as_slice())
}
