//! Prepares statements with the types of their parameters and columns, and runs them.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use crate::catalog;
use crate::error::{Error, Result};
use crate::session::{Client, Reply, Statement, ValueOptions};
use crate::types::ColumnType;

/// The types of a statement.
pub struct Typed {
    /// The parameters.
    pub parameters: Vec<ColumnType>,
    /// The columns, by name.
    pub columns: Vec<(String, ColumnType)>,
    /// How values are converted.
    pub values: ValueOptions,
    /// The language binding's codecs for these types, created once.
    codecs: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Typed {
    /// Returns the language binding's codecs for these types, creating them on first use.
    ///
    /// # Errors
    /// When they were created with another type `T`.
    pub fn codecs<T: Send + Sync + 'static>(&self, make: impl Fn() -> T) -> Result<&T> {
        let codecs = self.codecs.get_or_init(|| Box::new(make()));
        codecs.downcast_ref().ok_or_else(|| {
            Error::Internal("a statement's codecs were created for another language binding".into())
        })
    }

    /// Checks the number of parameter values.
    pub fn expect(&self, given: usize) -> Result<()> {
        let expected = self.parameters.len();
        if expected == given {
            return Ok(());
        }
        let s = if expected == 1 { "" } else { "s" };
        Err(Error::Programming(format!("the statement takes {expected} parameter{s}, got {given}")))
    }
}

/// Reads a statement's types from the catalog.
pub async fn describe(client: &Client, statement: &Statement) -> Result<Typed> {
    let mut parameters = Vec::with_capacity(statement.parameters().len());
    for oid in statement.parameters() {
        parameters.push(catalog::declared_type(client, *oid, -1).await?);
    }
    let mut columns = Vec::with_capacity(statement.columns().len());
    for column in statement.columns() {
        columns.push((column.name.clone(), catalog::declared_as(client, column).await?));
    }
    let values = client.values().clone();
    Ok(Typed { parameters, columns, values, codecs: OnceLock::new() })
}

/// Whether a statement's types are known without a query.
fn is_known(client: &Client, statement: &Statement) -> bool {
    let columns = statement.columns().iter().map(|column| column.oid);
    statement.parameters().iter().copied().chain(columns).all(|oid| catalog::is_known(client, oid))
}

/// A prepared statement, ready to run.
pub struct Ready {
    /// The statement.
    pub statement: Arc<Statement>,
    /// Whether it comes from the statement cache, and so may be stale.
    pub was_cached: bool,
    /// The open request of an unnamed statement, between whose messages no other request may come.
    open_request: Option<Reply>,
}

/// Prepares a statement: a cached one, or an unnamed one if statements are not cached.
pub async fn prepare(client: &Client, sql: &str) -> Result<Ready> {
    if client.keeps_statements() {
        let (statement, was_cached) = client.prepare(sql).await?;
        if statement.known::<Typed>().is_none() {
            statement.learn(describe(client, &statement).await?);
        }
        return Ok(Ready { statement, was_cached, open_request: None });
    }
    loop {
        let (statement, reply) = client.prepare_unnamed(sql).await?;
        if is_known(client, &statement) {
            statement.learn(describe(client, &statement).await?);
            return Ok(Ready { statement, was_cached: false, open_request: Some(reply) });
        }
        // Its types need queries of their own; afterwards all of them are known.
        reply.end_early().await?;
        describe(client, &statement).await?;
    }
}

/// The types of a statement.
///
/// # Errors
/// When it was not described.
pub fn typed(statement: &Statement) -> Result<&Typed> {
    let unknown = || Error::Internal("a statement that was not described".into());
    statement.known().ok_or_else(unknown)
}

impl Ready {
    /// Runs it with these messages, such as Bind and Execute.
    pub async fn run(self, client: &Client, messages: &[u8]) -> Result<Reply> {
        let write = |out: &mut BytesMut| {
            out.extend_from_slice(messages);
            Ok(())
        };
        match self.open_request {
            None => client.send_for(&self.statement, write).await,
            Some(mut reply) => {
                reply.send_more(write)?;
                reply.sync();
                Ok(reply)
            }
        }
    }
}

impl Ready {
    /// Begins a request of many Bind and Execute messages, which the caller ends with Sync.
    pub async fn begin(self, client: &Client) -> Result<(Arc<Statement>, Reply)> {
        let reply = match self.open_request {
            Some(reply) => reply,
            None => client.send_open(&self.statement).await?,
        };
        Ok((self.statement, reply))
    }
}

/// Writes Execute for all rows of the unnamed portal.
pub fn execute_all(out: &mut BytesMut) -> Result<()> {
    Ok(frontend::execute("", 0, out)?)
}
