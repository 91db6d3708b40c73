//! Reads tables and types from the server's catalogs.

use std::collections::HashMap;
use std::pin::Pin;

use postgres_types::{Field, Kind, ToSql, Type};

use crate::copy::plan::{Target, TargetColumn};
use crate::error::{Error, Result};
use crate::session::Client;
use crate::session::internal_query::Row;
use crate::sql::name::TableName;
use crate::sql::render::Storage;
use crate::sql::{catalog_queries, render, replace_table};
use crate::types::{ColumnType, domains, innermost};
use crate::wire::array::{NotAList, elements};
use crate::wire::message::ColumnDescription;

/// A described table.
#[derive(Debug, Clone)]
pub struct Table {
    /// The target of a load, with its columns.
    pub target: Target,
    /// Identity and generated columns.
    pub identity_or_generated: Vec<String>,
    /// Type OIDs and modifiers by column name; domains are not resolved.
    pub stored: HashMap<String, (u32, i32)>,
    /// Whether each statement of a transaction sees what others have committed before it (READ
    /// COMMITTED).
    pub sees_commits: bool,
}

const UNDEFINED_TABLE: &str = "42P01";

/// Describes a table; `None` if it does not exist. Needs one round trip, and more if the table has
/// user-defined types.
pub async fn describe(client: &Client, table: &TableName) -> Result<Option<Table>> {
    let name = table.to_string();
    let rows = if client.keeps_statements() {
        let (lookup, _) = client.prepare(catalog_queries::COLUMNS).await?;
        client.query(&lookup, &[&name]).await?
    } else {
        client.query_typed(catalog_queries::COLUMNS, &[(&name, Type::TEXT)]).await?
    };
    let mut types = Vec::with_capacity(rows.len());
    for row in &rows {
        types.push((row.try_get(0)?, Type::from_oid(row.try_get(5)?), row.try_get(6)?));
    }
    let known: Option<HashMap<String, ColumnType>> = types
        .into_iter()
        .map(|(name, ty, typmod)| Some((name, ColumnType::new(ty?, typmod))))
        .collect();
    if rows.is_empty() && !exists(client, &name).await? {
        return Ok(None);
    }
    let declared = match known.filter(|known| !known.is_empty()) {
        Some(declared) => declared,
        None => match declared(client, table).await? {
            Some(declared) => declared,
            None => return Ok(None),
        },
    };
    let mut described = Table {
        target: Target { table: label(table), columns: Vec::new() },
        identity_or_generated: Vec::new(),
        stored: HashMap::with_capacity(rows.len()),
        sees_commits: false,
    };
    for row in rows {
        described.push(&row, &declared)?;
    }
    Ok(Some(described))
}

/// Whether the table exists, without failing the transaction if it does not.
async fn exists(client: &Client, name: &String) -> Result<bool> {
    let rows = client.query_typed(catalog_queries::TABLE_EXISTS, &[(name, Type::TEXT)]).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

/// The types of a table's columns, with domains resolved; `None` if the table was dropped.
async fn declared(
    client: &Client,
    table: &TableName,
) -> Result<Option<HashMap<String, ColumnType>>> {
    // A label may have been added to an enum since its type was cached.
    client.forget_types();
    let statement = match client.prepare_once(&render::select_all(table)).await {
        Ok(statement) => statement,
        Err(Error::Server(error)) if error.sqlstate == UNDEFINED_TABLE => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut columns = HashMap::with_capacity(statement.columns().len());
    for column in statement.columns() {
        columns.insert(column.name.clone(), declared_as(client, column).await?);
    }
    Ok(Some(columns))
}

/// Whether a type is built-in, or cached by the client.
#[must_use]
pub fn is_known(client: &Client, oid: u32) -> bool {
    Type::from_oid(oid).is_some() || client.learnt_type(oid).is_some()
}

/// A type by its OID.
pub async fn type_of(client: &Client, oid: u32) -> Result<Type> {
    nested_type(client, oid, 0).await
}

/// The maximum of types nested within each other.
const MAX_NESTING: u32 = 64;

async fn nested_type(client: &Client, oid: u32, depth: u32) -> Result<Type> {
    if depth > MAX_NESTING {
        return Err(Error::Internal(format!("the type with OID {oid} contains itself")));
    }
    if let Some(known) = Type::from_oid(oid).or_else(|| client.learnt_type(oid)) {
        return Ok(known);
    }
    let rows = client.query_typed(catalog_queries::TYPE, &[(&oid, Type::OID)]).await?;
    let missing = || Error::Internal(format!("the type with OID {oid} does not exist"));
    let row = rows.first().ok_or_else(missing)?;
    let (name, schema, kind): (String, String, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let kind = match kind.as_str() {
        "enum" => Kind::Enum(text_elements(row, 4)?),
        "domain" => Kind::Domain(inner_type(client, row.try_get(3)?, depth).await?),
        "array" => Kind::Array(inner_type(client, row.try_get(3)?, depth).await?),
        "range" => Kind::Range(inner_type(client, row.try_get(3)?, depth).await?),
        "multirange" => Kind::Multirange(inner_type(client, row.try_get(3)?, depth).await?),
        "composite" => {
            let (names, types) = (text_elements(row, 4)?, oid_elements(row, 5)?);
            let mut fields = Vec::with_capacity(names.len());
            for (name, oid) in names.into_iter().zip(types) {
                fields.push(Field::new(name, inner_type(client, oid, depth).await?));
            }
            Kind::Composite(fields)
        }
        "pseudo" => Kind::Pseudo,
        _ => Kind::Simple,
    };
    let modifiers = match &kind {
        Kind::Domain(_) => {
            let rows =
                client.query_typed(catalog_queries::DOMAIN_MODIFIER, &[(&oid, Type::OID)]).await?;
            rows.first().map(|row| row.try_get(0)).transpose()?.into_iter().collect()
        }
        Kind::Composite(_) => int4_elements(row, 6)?,
        _ => Vec::new(),
    };
    let known = Type::new(name, oid, kind, schema);
    client.learn_type(known.clone(), modifiers);
    Ok(known)
}

/// Reads an array of text.
fn text_elements(row: &Row, column: usize) -> Result<Vec<String>> {
    let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
    Ok(array_cells(row, column, &Type::TEXT)?.into_iter().map(text).collect())
}

/// Reads an array of OIDs.
fn oid_elements(row: &Row, column: usize) -> Result<Vec<u32>> {
    let oid = |cell: &[u8]| Ok(u32::from_be_bytes(crate::wire::fixed(cell)?));
    array_cells(row, column, &Type::OID)?.into_iter().map(oid).collect()
}

/// Reads an array of int4.
fn int4_elements(row: &Row, column: usize) -> Result<Vec<i32>> {
    let int4 = |cell: &[u8]| Ok(i32::from_be_bytes(crate::wire::fixed(cell)?));
    array_cells(row, column, &Type::INT4)?.into_iter().map(int4).collect()
}

/// Reads the elements of an array, without NULLs.
fn array_cells<'a>(row: &'a Row, column: usize, element: &Type) -> Result<Vec<&'a [u8]>> {
    let mut cells = Vec::new();
    let array = row.cell(column).unwrap_or_default();
    elements(element.oid(), array, &mut cells).map_err(|error| match error {
        NotAList::Malformed(malformed) => Error::from(malformed),
        NotAList::Shape(what) => Error::Internal(what),
    })?;
    Ok(cells.into_iter().flatten().collect())
}

/// Reads a type within another one; boxed, as types are nested to any depth.
fn inner_type(
    client: &Client,
    oid: u32,
    depth: u32,
) -> Pin<Box<dyn Future<Output = Result<Type>> + Send + '_>> {
    Box::pin(nested_type(client, oid, depth + 1))
}

/// A result column's type and modifier. The server reports the base type of a domain.
pub async fn declared_as(client: &Client, column: &ColumnDescription) -> Result<ColumnType> {
    declared_type(client, column.oid, column.typmod).await
}

/// A type with its modifier. Without one, a domain's modifier is used if the type, its elements or
/// its bounds are of a domain.
pub async fn declared_type(client: &Client, oid: u32, typmod: i32) -> Result<ColumnType> {
    Ok(with_modifiers(client, type_of(client, oid).await?, typmod))
}

/// A type that was looked up, with the modifiers that were found meanwhile.
fn with_modifiers(client: &Client, ty: Type, typmod: i32) -> ColumnType {
    let of_domain =
        |domain: &Type| client.learnt_modifiers(domain.oid()).first().copied().unwrap_or(-1);
    let mut modifiers = domains(&ty).into_iter().map(of_domain);
    let typmod = match typmod {
        -1 => modifiers.find(|typmod| *typmod != -1).unwrap_or(-1),
        typmod => typmod,
    };
    let fields = match innermost(&ty).kind() {
        Kind::Composite(fields) => {
            let modifiers = client.learnt_modifiers(innermost(&ty).oid());
            let modifiers = modifiers.iter().copied().chain(std::iter::repeat(-1));
            let with_modifier = |(field, typmod): (&Field, i32)| {
                with_modifiers(client, field.type_().clone(), typmod)
            };
            fields.iter().zip(modifiers).map(with_modifier).collect()
        }
        _ => Vec::new(),
    };
    ColumnType { ty, typmod, fields }
}

impl Table {
    fn push(&mut self, row: &Row, declared: &HashMap<String, ColumnType>) -> Result<()> {
        let name: String = row.try_get(0)?;
        let declared = declared.get(&name).cloned().ok_or_else(|| {
            let table = &self.target.table;
            Error::Programming(format!(
                "table \"{table}\" was changed while the load was prepared; try again"
            ))
        })?;
        let (not_null, has_default): (bool, bool) = (row.try_get(1)?, row.try_get(2)?);
        let (identity, generated): (String, String) = (row.try_get(3)?, row.try_get(4)?);
        self.stored.insert(name.clone(), (row.try_get(5)?, row.try_get(6)?));
        self.sees_commits = row.try_get(7)?;
        if !identity.is_empty() || !generated.is_empty() {
            self.identity_or_generated.push(name.clone());
        }
        self.target.columns.push(TargetColumn {
            name,
            declared,
            required: not_null && !has_default && identity.is_empty() && generated.is_empty(),
            generated: !generated.is_empty(),
            identity_always: identity == "a",
        });
        Ok(())
    }
}

/// A table's name for error messages, without quotes.
#[must_use]
pub fn label(table: &TableName) -> String {
    match &table.schema {
        Some(schema) => format!("{schema}.{}", table.table),
        None => table.table.clone(),
    }
}

/// The properties of a table and its key columns that decide how an upsert is run.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is true or not whatever the others are")]
pub struct UpsertTarget {
    /// It has a BEFORE INSERT row trigger.
    pub has_row_trigger: bool,
    /// It is an ordinary table, whose rows have `xmax`.
    pub is_ordinary: bool,
    /// A key column is nullable.
    pub has_nullable_key: bool,
    /// The unique index is NULLS NOT DISTINCT.
    pub nulls_not_distinct: bool,
    /// The unique constraint is deferrable.
    pub is_deferrable: bool,
}

/// Reads the properties that decide how an upsert is run.
///
/// # Errors
/// When the table does not exist, or the server reports an error.
pub async fn upsert_target(
    client: &Client,
    table: &TableName,
    key: &[String],
) -> Result<UpsertTarget> {
    let (name, mut key) = (table.to_string(), key.to_vec());
    key.sort();
    key.dedup();
    let params: [(&(dyn ToSql + Sync), Type); 2] = [(&name, Type::TEXT), (&key, Type::TEXT_ARRAY)];
    let rows = client.query_typed(catalog_queries::UPSERT, &params).await?;
    let missing = || Error::Programming(format!("table {table} does not exist any more"));
    let row = rows.first().ok_or_else(missing)?;
    Ok(UpsertTarget {
        has_row_trigger: row.try_get(0)?,
        is_ordinary: row.try_get(1)?,
        has_nullable_key: row.try_get(2)?,
        nulls_not_distinct: row.try_get(3)?,
        is_deferrable: row.try_get(4)?,
    })
}

/// Whether a server process has a lock on a table or on one that inherits from it.
pub async fn is_locked_by(client: &Client, table: &TableName, process: i32) -> Result<bool> {
    let name = table.to_string();
    let params: [(&(dyn ToSql + Sync), Type); 2] = [(&name, Type::TEXT), (&process, Type::INT4)];
    let rows = client.query_typed(catalog_queries::IS_LOCKED_BY, &params).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

/// The properties of a table that another one like it must have.
#[derive(Debug, Clone)]
pub struct TableProperties {
    /// Its schema.
    pub schema: String,
    /// Its owner.
    pub owner: String,
    /// Whether it is a temporary table.
    pub temporary: bool,
    /// Its storage properties.
    pub storage: Storage,
}

/// Reads a table's properties.
///
/// # Errors
/// When the table does not exist, or the server reports an error.
pub async fn table_properties(client: &Client, table: &TableName) -> Result<TableProperties> {
    let rows = client
        .query_typed(catalog_queries::TABLE_PROPERTIES, &[(&table.to_string(), Type::TEXT)])
        .await?;
    let missing = || Error::Programming(format!("table {table} does not exist any more"));
    let row = rows.first().ok_or_else(missing)?;
    let persistence: String = row.try_get(2)?;
    let storage = Storage {
        unlogged: persistence == "u",
        method: row.try_get(3)?,
        tablespace: row.try_get(4)?,
    };
    let temporary = persistence == "t";
    Ok(TableProperties { schema: row.try_get(0)?, owner: row.try_get(1)?, temporary, storage })
}

/// The triggers of a table that INSERT or TRUNCATE would fire.
pub async fn fired_triggers(client: &Client, table: &TableName) -> Result<Vec<String>> {
    query_texts(client, catalog_queries::FIRED_TRIGGERS, table, None).await
}

/// The dependent objects and properties that would be lost if a new table replaced this one.
pub async fn lost_by_replacement(client: &Client, table: &TableName) -> Result<Vec<String>> {
    query_texts(client, catalog_queries::LOST_BY_REPLACEMENT, table, None).await
}

/// The statements that restore the old table's properties on the new one; with `whole`, also those
/// that depend on its columns.
pub async fn restore_statements(
    client: &Client,
    table: &TableName,
    whole: bool,
) -> Result<Vec<String>> {
    query_texts(client, &replace_table::restore_statements(), table, Some(whole)).await
}

async fn query_texts(
    client: &Client,
    sql: &str,
    table: &TableName,
    whole: Option<bool>,
) -> Result<Vec<String>> {
    let name = table.to_string();
    let mut params: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&name, Type::TEXT)];
    if let Some(whole) = &whole {
        params.push((whole, Type::BOOL));
    }
    let rows = client.query_typed(sql, &params).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Transfers the sequences of a table's columns to the table that replaces it. Returns the
/// statements that give identity sequences their old names, which are to run once the old table is
/// dropped.
pub async fn transfer_sequences(
    client: &Client,
    old: &TableName,
    new: &TableName,
) -> Result<Vec<String>> {
    let rows =
        client.query_typed(catalog_queries::SEQUENCES, &[(&old.to_string(), Type::TEXT)]).await?;
    let mut renames = Vec::new();
    for row in rows {
        let (sequence, column): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if row.try_get(2)? {
            let sql = catalog_queries::continue_identity(&sequence);
            let new = new.to_string();
            let new_sequence =
                client.query_typed(&sql, &[(&new, Type::TEXT), (&column, Type::TEXT)]).await?;
            let new_sequence =
                new_sequence.first().map(|row| row.try_get::<String>(0)).transpose()?;
            let name: String = row.try_get(3)?;
            renames.extend(
                new_sequence.map(|new_sequence| render::rename_sequence(&new_sequence, &name)),
            );
        } else {
            client.batch(&render::set_sequence_owner(&sequence, new, &column)).await?;
        }
    }
    Ok(renames)
}
