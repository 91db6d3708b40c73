//! Detects columns that changed after a load was planned. The plan is made before the table is
//! locked, and the first rows may come much later; the server would silently store the bytes of one
//! type as another of the same length.

use postgres_protocol::message::frontend;

use crate::catalog::Table;
use crate::copy::plan::Plan;
use crate::error::{Error, Result};
use crate::session::{Client, Reply};
use crate::sql::name::TableName;
use crate::sql::render;
use crate::types::{ColumnType, domains};
use crate::wire::message::{self, ColumnDescription, Messages, tag};

/// How a COPY detects that its columns have changed. Each way locks the table until the transaction
/// ends.
pub(super) enum SchemaGuard {
    /// Not needed: this transaction created the table.
    None,
    /// By a statement in the COPY's script that fails if columns have changed. The script is its
    /// own transaction, whose snapshot must be newer than the lock.
    InScript(String),
    /// By describing this statement in the same round trip, for a transaction that is committed
    /// later. Describe needs neither a snapshot nor a privilege.
    Described(String),
}

/// The columns that a plan expects.
pub(super) struct ExpectedColumns {
    table: String,
    names: Vec<String>,
    types: Vec<ColumnType>,
}

/// A pending response to Describe.
pub(super) struct PendingDescription(Reply);

impl SchemaGuard {
    /// The guard of a script that is its own transaction.
    pub fn in_script(table: &TableName, described: &Table, plan: &Plan) -> Self {
        let stored = |name| described.stored.get(name).copied().unwrap_or_default();
        let expected = |name| (name, stored(name).0, stored(name).1);
        Self::InScript(render::assert_unchanged(
            table,
            &plan.names().map(expected).collect::<Vec<_>>(),
        ))
    }

    /// The script of a small COPY, checked after it.
    pub fn script_after(&self, copy: &str) -> String {
        match self {
            Self::InScript(check) => format!("{copy}; {check}"),
            Self::None | Self::Described(_) => copy.to_owned(),
        }
    }

    /// The script of a long COPY, checked before it too, so that no rows are sent if columns have
    /// changed already.
    pub fn script_around(&self, copy: &str) -> String {
        match self {
            Self::InScript(check) => format!("{check}; {copy}; {check}"),
            Self::None | Self::Described(_) => copy.to_owned(),
        }
    }

    /// Requests the description, if the guard uses one.
    pub async fn request_description(&self, client: &Client) -> Result<Option<PendingDescription>> {
        let Self::Described(sql) = self else { return Ok(None) };
        let reply = client
            .send(|out| {
                frontend::parse("", sql, [], out)?;
                Ok(frontend::describe(b'S', "", out)?)
            })
            .await?;
        Ok(Some(PendingDescription(reply)))
    }
}

impl PendingDescription {
    /// Waits for the description and compares it with the expected columns.
    ///
    /// # Errors
    /// When a column has changed, or the server reports an error.
    pub async fn compare(self, columns: &ExpectedColumns) -> Result<()> {
        let arrived = self.0.complete().await?;
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
            if !is_unchanged(expected, found) {
                return Err(columns.changed(name));
            }
        }
        Ok(())
    }
}

impl ExpectedColumns {
    pub fn of(plan: &Plan) -> Self {
        Self {
            table: plan.table().to_owned(),
            names: plan.names().map(str::to_owned).collect(),
            types: plan.types().cloned().collect(),
        }
    }

    /// Replaces the server error that the script's check raises by one that names the changed
    /// column.
    pub fn translate(&self, error: Error) -> Error {
        match &error {
            Error::Server(server) if server.sqlstate == INVALID_TEXT => {
                let text =
                    server.message.split_once(render::CHANGED_MARKER).map(|(_, column)| column);
                // The column's name is followed by a quotation mark of the server's language.
                let is_it = |name: &&String| text.is_some_and(|text| text.starts_with(*name));
                let column = self.names.iter().filter(is_it).max_by_key(|name| name.len());
                column.map_or(error, |column| self.changed(column))
            }
            _ => error,
        }
    }

    fn changed(&self, column: &str) -> Error {
        let index = self.names.iter().position(|name| name == column);
        let was = index.and_then(|index| self.types.get(index)).map(ColumnType::name);
        let (table, was) = (&self.table, was.unwrap_or_default());
        Error::Programming(format!(
            "table \"{table}\": column \"{column}\" is no longer declared as it was when the load began, then of type {was}; load again"
        ))
    }
}

/// `invalid_text_representation`.
const INVALID_TEXT: &str = "22P02";

/// Whether a column has the expected type. The description of an array or a range over a domain
/// does not include the domain's modifier, which is part of its type.
fn is_unchanged(expected: &ColumnType, found: &ColumnDescription) -> bool {
    let of_domain = found.typmod == -1 && !domains(&expected.ty).is_empty();
    expected.ty.oid() == found.oid && (expected.typmod == found.typmod || of_domain)
}
