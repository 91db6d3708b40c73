//! Queries of howdah's own, such as those of the catalog, with Rust values.

use std::ops::Range;
use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::message::frontend::{self, BindError};
use postgres_types::{FromSql, IsNull, ToSql, Type};

use super::client::Client;
use super::statements::Statement;
use crate::error::{Error, Result};
use crate::wire::message::{self, Cells, ColumnDescription, Messages, tag};

/// A row of a result.
pub struct Row {
    reply: Arc<Vec<u8>>,
    cells: Vec<(u32, Option<Range<usize>>)>,
}

/// Parameters, each with its type.
pub type Values<'a> = [(&'a (dyn ToSql + Sync), Type)];

impl Row {
    /// The value of a column, counted from 0; fails if there is no such column, or it has another type.
    pub fn try_get<'a, T: FromSql<'a>>(&'a self, column: usize) -> Result<T> {
        let failed =
            |what: &str| Error::Internal(format!("column {column} of an internal query: {what}"));
        let (oid, cell) =
            self.cells.get(column).ok_or_else(|| failed("there is no such column"))?;
        let ty = Type::from_oid(*oid).unwrap_or(Type::UNKNOWN);
        if !T::accepts(&ty) {
            return Err(failed(&format!("it is of type {ty}")));
        }
        let cell = cell.clone().and_then(|range| self.reply.get(range));
        T::from_sql_nullable(&ty, cell).map_err(|error| failed(&error.to_string()))
    }
}

impl Row {
    /// The bytes of a column, counted from 0; `None` is NULL.
    #[must_use]
    pub fn cell(&self, column: usize) -> Option<&[u8]> {
        self.reply.get(self.cells.get(column)?.1.clone()?)
    }
}

impl Client {
    /// Runs a prepared statement, with parameters of the types that the server has described.
    pub async fn query(
        &self,
        statement: &Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        let types = statement.parameters().iter().map(|oid| Type::from_oid(*oid));
        let values: Vec<_> = values
            .iter()
            .zip(types)
            .map(|(value, ty)| (*value, ty.unwrap_or(Type::UNKNOWN)))
            .collect();
        let reply = self
            .send(|out| {
                bind(statement.name(), &values, out)?;
                Ok(frontend::execute("", 0, out)?)
            })
            .await?;
        rows(reply.collect().await?, statement.columns().to_vec())
    }

    /// Runs a statement that is not prepared, in one round trip.
    pub async fn query_typed(&self, sql: &str, values: &Values<'_>) -> Result<Vec<Row>> {
        let types = values.iter().map(|(_, ty)| ty.oid());
        let reply = self
            .send(|out| {
                frontend::parse("", sql, types, out)?;
                bind("", values, out)?;
                frontend::describe(b'P', "", out)?;
                Ok(frontend::execute("", 0, out)?)
            })
            .await?;
        rows(reply.collect_described().await?, Vec::new())
    }
}

fn bind(statement: &str, values: &Values<'_>, out: &mut BytesMut) -> Result<()> {
    let put = |(value, ty): &(&(dyn ToSql + Sync), Type), out: &mut BytesMut| {
        Ok(match value.to_sql_checked(ty, out)? {
            IsNull::Yes => postgres_protocol::IsNull::Yes,
            IsNull::No => postgres_protocol::IsNull::No,
        })
    };
    frontend::bind("", statement, [1], values, put, [1], out).map_err(|error| match error {
        BindError::Conversion(error) => Error::Internal(error.to_string()),
        BindError::Serialization(error) => error.into(),
    })
}

fn rows(reply: Vec<u8>, mut columns: Vec<ColumnDescription>) -> Result<Vec<Row>> {
    let reply = Arc::new(reply);
    let mut rows = Vec::new();
    for message in Messages(&reply) {
        match message.tag {
            tag::COLUMNS => columns = message::columns(message.body)?,
            tag::ROW => {
                let mut cells = Cells::new(message.body, columns.len())?;
                let place = |cell: &[u8]| {
                    let start = cell.as_ptr().addr() - reply.as_ptr().addr();
                    start..start + cell.len()
                };
                let cell = |column: &ColumnDescription| Ok((column.oid, cells.cell()?.map(place)));
                let row = columns.iter().map(cell).collect::<Result<_>>()?;
                cells.end()?;
                rows.push(Row { reply: Arc::clone(&reply), cells: row });
            }
            _ => {}
        }
    }
    Ok(rows)
}
