//! Whether the columns are still what they were when the load was planned. They were read before
//! anything was locked, and the first rows may have come much later; the server would take the bytes
//! of a type for those of another that is as long.

use postgres_protocol::message::frontend;

use crate::catalog::Table;
use crate::copy::plan::Plan;
use crate::error::{Error, Result};
use crate::session::{Client, Reply};
use crate::sql::name::TableName;
use crate::sql::render;
use crate::types::{Declared, domains};
use crate::wire::message::{self, ColumnDescription, Messages, tag};

/// How a COPY learns that its columns have changed. Either way what is looked at is locked until the
/// transaction ends.
pub(super) enum Check {
    /// The table was made by this transaction, from the data.
    Needless,
    /// By a statement in the COPY's own script, which fails where they have: the script is a
    /// transaction of its own. Its snapshot has to be newer than the lock.
    Within(String),
    /// By the description of this statement, asked for in the same flight, in a transaction that is
    /// committed later. It is made without a snapshot, and a description needs no grant.
    Beside(String),
}

/// What a plan takes its columns for.
pub(super) struct Columns {
    table: String,
    names: Vec<String>,
    types: Vec<Declared>,
}

/// A description that was asked for.
pub(super) struct Asked(Reply);

impl Check {
    /// The check of a script that is a transaction of its own.
    pub fn within(table: &TableName, described: &Table, plan: &Plan) -> Self {
        let stored = |name| described.stored.get(name).copied().unwrap_or_default();
        let expected = |name| (name, stored(name).0, stored(name).1);
        Self::Within(render::unless_changed(table, &plan.names().map(expected).collect::<Vec<_>>()))
    }

    /// The script of a COPY that is short, and checked when it is over.
    pub fn after(&self, copy: &str) -> String {
        match self {
            Self::Within(check) => format!("{copy}; {check}"),
            Self::Needless | Self::Beside(_) => copy.to_owned(),
        }
    }

    /// The script of a long COPY: what has changed already is told before rows are sent for nothing.
    pub fn around(&self, copy: &str) -> String {
        match self {
            Self::Within(check) => format!("{check}; {copy}; {check}"),
            Self::Needless | Self::Beside(_) => copy.to_owned(),
        }
    }

    /// Asks for the description, if it is by one.
    pub async fn ask(&self, client: &Client) -> Result<Option<Asked>> {
        let Self::Beside(sql) = self else { return Ok(None) };
        let reply = client
            .send(|out| {
                frontend::parse("", sql, [], out)?;
                Ok(frontend::describe(b'S', "", out)?)
            })
            .await?;
        Ok(Some(Asked(reply)))
    }
}

impl Asked {
    /// Whether the columns are what they were.
    ///
    /// # Errors
    /// When they are not; what the server says.
    pub async fn compare(self, columns: &Columns) -> Result<()> {
        let arrived = self.0.whole().await?;
        let mut described = Vec::new();
        for message in Messages(&arrived.bytes) {
            if message.tag == tag::COLUMNS {
                described = message::columns(message.body)?;
            }
        }
        if described.len() != columns.types.len() {
            return Err(Error::Internal("the server did not describe a statement".into()));
        }
        let expected = columns.names.iter().zip(&columns.types);
        for ((name, expected), found) in expected.zip(&described) {
            if !is_still(expected, found) {
                return Err(columns.changed(name));
            }
        }
        Ok(())
    }
}

impl Columns {
    pub fn of(plan: &Plan) -> Self {
        Self {
            table: plan.table().to_owned(),
            names: plan.names().map(str::to_owned).collect(),
            types: plan.types().cloned().collect(),
        }
    }

    /// The server's error, in our words where it is that of a check.
    pub fn told(&self, error: Error) -> Error {
        match &error {
            Error::Server(server) if server.sqlstate == NO_NUMBER => {
                let said = server.message.split_once(render::CHANGED).map(|(_, column)| column);
                // Quotes follow, which are those of the server's language.
                let is_it = |name: &&String| said.is_some_and(|said| said.starts_with(*name));
                let column = self.names.iter().filter(is_it).max_by_key(|name| name.len());
                column.map_or(error, |column| self.changed(column))
            }
            _ => error,
        }
    }

    fn changed(&self, column: &str) -> Error {
        let place = self.names.iter().position(|name| name == column);
        let was = place.and_then(|place| self.types.get(place)).map(Declared::name);
        let (table, was) = (&self.table, was.unwrap_or_default());
        Error::Programming(format!(
            "table \"{table}\": column \"{column}\" is no longer declared as it was when the load began, then of type {was}; load again"
        ))
    }
}

/// `invalid_text_representation`.
const NO_NUMBER: &str = "22P02";

/// Whether a column is described as it was. That of an array or a range of a domain does not tell the
/// domain's modifier, which goes with its type.
fn is_still(expected: &Declared, found: &ColumnDescription) -> bool {
    let of_domain = found.typmod == -1 && !domains(&expected.ty).is_empty();
    expected.ty.oid() == found.oid && (expected.typmod == found.typmod || of_domain)
}
