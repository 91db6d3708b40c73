//! Statements and the values of their parameters.

use arrow_array::ArrayRef;
use bytes::{BufMut, BytesMut};
use postgres_types::{IsNull, ToSql, Type, to_sql_checked};

use tokio_postgres::Client;

use crate::catalog::declared_as;
use crate::error::{Error, Result, ValueError};
use crate::session::{Interrupt, Session};
use crate::types::{self, Declared, known};

/// A prepared statement.
pub struct Statement {
    statement: tokio_postgres::Statement,
    columns: Vec<(String, Declared)>,
}

/// A parameter's value in wire form; `None` is NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value(Option<Vec<u8>>);

/// Prepares a statement.
///
/// # Errors
/// What the server says.
pub fn prepare(
    session: &mut Session,
    sql: &str,
    interrupt: &mut Interrupt<'_>,
) -> Result<Statement> {
    session.run(interrupt, async |client| {
        // A label may have been added to an enum since.
        client.clear_type_cache();
        let statement = Client::prepare(&client, sql).await?;
        let mut columns = Vec::with_capacity(statement.columns().len());
        for column in statement.columns() {
            columns.push((column.name().to_owned(), declared_as(&client, column).await?));
        }
        Ok(Statement { statement, columns })
    })
}

/// Runs a statement; gives back how many rows it touched.
///
/// # Errors
/// What the server says.
pub fn execute(
    session: &mut Session,
    statement: &Statement,
    values: &[Value],
    interrupt: &mut Interrupt<'_>,
) -> Result<u64> {
    session.run(interrupt, async |client| {
        Ok(client.execute_raw(&statement.statement, values.iter()).await?)
    })
}

/// Runs a script of statements without parameters.
///
/// # Errors
/// What the server says.
pub fn execute_script(
    session: &mut Session,
    sql: &str,
    interrupt: &mut Interrupt<'_>,
) -> Result<u64> {
    use tokio_postgres::SimpleQueryMessage;
    let messages = session.run(interrupt, async |client| Ok(client.simple_query(sql).await?))?;
    let count = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
        _ => None,
    };
    Ok(messages.iter().rev().find_map(count).unwrap_or(0))
}

impl Statement {
    pub(crate) fn prepared(&self) -> &tokio_postgres::Statement {
        &self.statement
    }

    /// The names and types of the columns.
    #[must_use]
    pub fn columns(&self) -> &[(String, Declared)] {
        &self.columns
    }

    /// The types of the parameters.
    ///
    /// # Errors
    /// When the statement takes another number than `given`.
    pub fn parameters(&self, given: usize) -> Result<Vec<Declared>> {
        let types = self.statement.params();
        if types.len() != given {
            let expected = types.len();
            return Err(Error::Programming(format!(
                "the statement takes {expected} parameters, got {given}"
            )));
        }
        Ok(types.iter().map(|ty| Declared { ty: ty.clone(), typmod: -1 }).collect())
    }
}

impl Value {
    /// Encodes the only value of an array for a parameter, counted from 0.
    ///
    /// # Errors
    /// When the parameter's type is not known, or the value does not fit.
    pub fn new(array: &ArrayRef, declared: &Declared, parameter: usize) -> Result<Self> {
        let pg_type = known(declared).ok_or_else(|| unknown_parameter(declared, parameter))?;
        let cells = types::encode(pg_type, declared, array.as_ref()).map_err(|error| {
            let message = format!("parameter ${}: {}", parameter + 1, error.message);
            Error::Value(Box::new(ValueError { message, ..ValueError::default() }))
        })?;
        Ok(Self(cells.get(0).map(|(prefix, cell)| [prefix, cell].concat())))
    }
}

/// The error of a parameter whose type is not known.
#[must_use]
pub fn unknown_parameter(declared: &Declared, parameter: usize) -> Error {
    let (number, ty) = (parameter + 1, declared.name());
    Error::NotSupported(format!(
        "parameter ${number}: howdah does not know type {ty} yet; cast it, as in ${number}::text::{ty}"
    ))
}

impl ToSql for Value {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match &self.0 {
            None => IsNull::Yes,
            Some(bytes) => {
                out.put_slice(bytes);
                IsNull::No
            }
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
