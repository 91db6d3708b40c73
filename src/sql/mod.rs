//! SQL: names, and the statements made of them. Values are never part of it.

pub mod control;
pub mod ddl;
pub mod lookup;
pub mod merge;
pub mod name;
pub mod render;
pub mod restore;
pub mod statement;
pub mod type_name;
