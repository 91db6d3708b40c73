//! Copies rows into a table, through a staging table if it has columns that the server has to cast
//! from text, because their types have no codec.

use postgres_types::{Kind, Type};

use super::PreparedLoad;
use super::copy_in::{CopyStatement, CopyStats, Observer, Source, copy};
use super::schema_guard::SchemaGuard;
use crate::copy::plan::Plan;
use crate::error::{Error, Result, ValueError};
use crate::session::Client;
use crate::sql::name::{Quoted, TableName};
use crate::sql::render;
use crate::sql::staging::{Cast, Staged, copy_into_staging, drop_staging};

/// The first PostgreSQL version with `pg_input_is_valid`.
const TESTS_INPUT: u32 = 16;
const BEGIN: &str = "SAVEPOINT _howdah_cast";
const UNDO: &str = "ROLLBACK TO SAVEPOINT _howdah_cast";

impl PreparedLoad<'_> {
    /// Copies the rows into a table, within the load's transaction.
    pub(super) fn fill(
        &self,
        table: &TableName,
        guard: SchemaGuard,
        plan: Plan,
        source: &mut dyn Source,
        observer: &mut dyn Observer,
    ) -> Result<CopyStats> {
        let casts = casts(&plan);
        if casts.is_empty() {
            let statement = CopyStatement { copy: render::copy_in(table, plan.names()), guard };
            return copy(self.session, &statement, plan, source, observer);
        }
        let names: Vec<String> = plan.names().map(str::to_owned).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let staged = Staged { names: &names, casts: &casts };
        self.session.batch(&mut || observer.check(), &staged.create(table))?;
        // The staging table was made of the target, which stays locked: the guard is about both.
        let statement = CopyStatement { copy: copy_into_staging(plan.names()), guard };
        let copied = copy(self.session, &statement, plan, source, observer)?;
        let insert = staged.insert(table, self.overrides(&names));
        let version = self.session.server_version();
        let rows = self.session.run(&mut || observer.check(), async |client| {
            let inserted = with_invalid_row(client, version, staged, async |client| {
                client.batch(&insert).await
            });
            let inserted = inserted.await?;
            client.batch(&drop_staging()).await?;
            Ok(inserted)
        })?;
        Ok(CopyStats { rows, ..copied })
    }

    /// Whether an INSERT of these columns needs OVERRIDING SYSTEM VALUE.
    fn overrides(&self, names: &[&str]) -> bool {
        let columns = self.table.iter().flat_map(|table| &table.target.columns);
        columns.into_iter().any(|c| c.identity_always && names.contains(&c.name.as_str()))
    }
}

/// The columns that the server casts from text.
pub(super) fn casts(plan: &Plan) -> Vec<Cast> {
    let cast = |(name, ty): (&str, &Type)| Cast { name: name.to_owned(), to: sql_name(ty) };
    plan.casts().map(cast).collect()
}

/// The name of a type in SQL, with its schema.
fn sql_name(ty: &Type) -> String {
    match ty.kind() {
        Kind::Array(element) => format!("{}[]", sql_name(element)),
        _ => format!("{}.{}", Quoted(ty.schema()), Quoted(ty.name())),
    }
}

/// Runs a statement that casts the rows of the staging table. If it fails because of a text, the
/// error gets the row and column where the server can tell it.
pub(super) async fn with_invalid_row<T>(
    client: &Client,
    version: u32,
    staged: Staged<'_>,
    run: impl AsyncFnOnce(&Client) -> Result<T>,
) -> Result<T> {
    if staged.casts.is_empty() {
        return run(client).await;
    }
    client.batch(BEGIN).await?;
    let mut server = match run(client).await {
        // `data_exception` and `syntax_error_or_access_rule_violation`: what input functions report.
        Err(Error::Server(server))
            if ["22", "42"].contains(&server.sqlstate.get(..2).unwrap_or("")) =>
        {
            server
        }
        result => return result,
    };
    if version >= TESTS_INPUT {
        client.batch(UNDO).await?;
        let rows = client.query_typed(&staged.find_invalid(), &[]).await?;
        if let Some(found) = rows.first() {
            let row = Some(found.try_get::<i64>(0)?.unsigned_abs());
            let column = Some(found.try_get(1)?);
            // Some input functions report a syntax error, as of a statement.
            if server.sqlstate.starts_with("42") {
                let (table, message) = (server.table, server.message);
                let value = ValueError { table, column, row, message, wrong_type: false };
                return Err(Error::Value(Box::new(value)));
            }
            (server.row, server.column) = (row, column);
        }
    }
    Err(Error::Server(server))
}
