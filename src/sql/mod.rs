//! SQL text: identifiers, and statements built from them. Values are never part of the text.

pub mod catalog_queries;
pub mod control;
pub mod ddl;
pub mod merge;
pub mod name;
pub mod render;
pub mod replace_table;
pub mod staging;
pub mod statement;
pub mod type_name;
