//! Statements, and the types of their parameters and columns.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use crate::catalog;
use crate::error::{Error, Result};
use crate::session::{Client, Reply, Statement};
use crate::types::Declared;

/// What is known of a statement's types.
pub struct Typed {
    /// The parameters.
    pub parameters: Vec<Declared>,
    /// The columns, by name.
    pub columns: Vec<(String, Declared)>,
    /// Numbers in JSON that are no integers are to be decimals.
    pub json_decimals: bool,
    /// What the edge makes of them.
    edge: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Typed {
    /// What the edge makes of the types, made once.
    ///
    /// # Errors
    /// When another edge has made something else of them.
    pub fn edge<T: Send + Sync + 'static>(&self, make: impl Fn() -> T) -> Result<&T> {
        let edge = self.edge.get_or_init(|| Box::new(make()));
        edge.downcast_ref().ok_or_else(|| Error::Internal("a statement of two edges".into()))
    }

    /// Checks how many values are given.
    ///
    /// # Errors
    /// When the statement takes another number.
    pub fn expect(&self, given: usize) -> Result<()> {
        let expected = self.parameters.len();
        if expected == given {
            return Ok(());
        }
        let s = if expected == 1 { "" } else { "s" };
        Err(Error::Programming(format!("the statement takes {expected} parameter{s}, got {given}")))
    }
}

/// Describes a statement's types.
///
/// # Errors
/// What the server says.
pub async fn describe(client: &Client, statement: &Statement) -> Result<Typed> {
    let mut parameters = Vec::with_capacity(statement.parameters().len());
    for oid in statement.parameters() {
        parameters.push(catalog::declared_type(client, *oid, -1).await?);
    }
    let mut columns = Vec::with_capacity(statement.columns().len());
    for column in statement.columns() {
        columns.push((column.name.clone(), catalog::declared_as(client, column).await?));
    }
    let json_decimals = client.json_decimals();
    Ok(Typed { parameters, columns, json_decimals, edge: OnceLock::new() })
}

/// Whether a statement's types are known without asking.
fn is_known(client: &Client, statement: &Statement) -> bool {
    let columns = statement.columns().iter().map(|column| column.oid);
    statement.parameters().iter().copied().chain(columns).all(|oid| catalog::is_known(client, oid))
}

/// A statement that is ready to be run.
pub struct Ready {
    /// The statement.
    pub statement: Arc<Statement>,
    /// It was prepared before, and may be stale.
    pub kept: bool,
    /// Its request, where it has no name and none may come between.
    open: Option<Reply>,
}

/// Prepares a statement: one that is kept, or where none are, one without a name.
///
/// # Errors
/// What the server says.
pub async fn prepare(client: &Client, sql: &str) -> Result<Ready> {
    if client.keeps_statements() {
        let (statement, kept) = client.prepare(sql).await?;
        if statement.known::<Typed>().is_none() {
            statement.learn(describe(client, &statement).await?);
        }
        return Ok(Ready { statement, kept, open: None });
    }
    loop {
        let (statement, reply) = client.prepare_unnamed(sql).await?;
        if is_known(client, &statement) {
            statement.learn(describe(client, &statement).await?);
            return Ok(Ready { statement, kept: false, open: Some(reply) });
        }
        // Its types are asked for in requests of their own, and then all is known.
        reply.give_up().await?;
        describe(client, &statement).await?;
    }
}

/// What is known of a statement's types.
///
/// # Errors
/// When it was never described.
pub fn typed(statement: &Statement) -> Result<&Typed> {
    let unknown = || Error::Internal("a statement that was not described".into());
    statement.known().ok_or_else(unknown)
}

impl Ready {
    /// Runs it with these messages: Binds, Executes and the like.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn run(self, client: &Client, messages: &[u8]) -> Result<Reply> {
        let write = |out: &mut BytesMut| {
            out.extend_from_slice(messages);
            Ok(())
        };
        match self.open {
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
    /// Begins a request of many Binds and Executes, which a Sync ends.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn begin(self, client: &Client) -> Result<(Arc<Statement>, Reply)> {
        let reply = match self.open {
            Some(reply) => reply,
            None => client.send_open().await?,
        };
        Ok((self.statement, reply))
    }
}

/// Writes the Execute of the unnamed portal, for all its rows.
///
/// # Errors
/// Never.
pub fn execute_all(out: &mut BytesMut) -> Result<()> {
    Ok(frontend::execute("", 0, out)?)
}
