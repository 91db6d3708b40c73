//! What the server says of a table: its columns, their types, and how they fill themselves.

use std::collections::HashMap;
use std::pin::Pin;

use postgres_types::{Field, Kind, ToSql, Type};

use crate::copy::plan::{Target, TargetColumn};
use crate::error::{Error, Result};
use crate::session::Client;
use crate::session::query::Row;
use crate::sql::name::TableName;
use crate::sql::render::Storage;
use crate::sql::{lookup, render, restore};
use crate::types::{Declared, domains};
use crate::wire::array::{NotAList, elements};
use crate::wire::message::ColumnDescription;

/// A table as it stands.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its columns, as a load sees them.
    pub target: Target,
    /// The columns that fill themselves: identities and generated ones.
    pub automatic: Vec<String>,
    /// Types and modifiers by the columns' names, domains as they are declared.
    pub stored: HashMap<String, (u32, i32)>,
    /// Whether each statement of a transaction that begins now sees what others have committed
    /// before it.
    pub sees_commits: bool,
}

const UNDEFINED_TABLE: &str = "42P01";

/// Describes a table; `None` if there is none of that name. One round trip, and another where
/// the table has types of its own making.
///
/// # Errors
/// What the server says.
pub async fn describe(client: &Client, table: &TableName) -> Result<Option<Table>> {
    let name = table.to_string();
    let rows = if client.keeps_statements() {
        let (lookup, _) = client.prepare(lookup::COLUMNS).await?;
        client.query(&lookup, &[&name]).await?
    } else {
        client.query_typed(lookup::COLUMNS, &[(&name, Type::TEXT)]).await?
    };
    let mut types = Vec::with_capacity(rows.len());
    for row in &rows {
        types.push((row.try_get(0)?, Type::from_oid(row.try_get(5)?), row.try_get(6)?));
    }
    let known: Option<HashMap<String, Declared>> = types
        .into_iter()
        .map(|(name, ty, typmod)| Some((name, Declared { ty: ty?, typmod })))
        .collect();
    if rows.is_empty() && !is_there(client, &name).await? {
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
        automatic: Vec::new(),
        stored: HashMap::with_capacity(rows.len()),
        sees_commits: false,
    };
    for row in rows {
        described.push(&row, &declared)?;
    }
    Ok(Some(described))
}

/// Whether there is a table of that name; asking does no harm to a transaction.
async fn is_there(client: &Client, name: &String) -> Result<bool> {
    let rows = client.query_typed(lookup::IS_THERE, &[(name, Type::TEXT)]).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

/// The types of a table's columns, domains resolved; `None` if it is gone meanwhile.
async fn declared(client: &Client, table: &TableName) -> Result<Option<HashMap<String, Declared>>> {
    // A label may have been added to an enum since.
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

/// Whether a type is PostgreSQL's own, or has been learnt.
#[must_use]
pub fn is_known(client: &Client, oid: u32) -> bool {
    Type::from_oid(oid).is_some() || client.learnt_type(oid).is_some()
}

/// A type by its OID.
///
/// # Errors
/// What the server says.
pub async fn type_of(client: &Client, oid: u32) -> Result<Type> {
    nested_type(client, oid, 0).await
}

/// Types are made of others so many times over, and not without end.
const DEEPEST: u32 = 64;

async fn nested_type(client: &Client, oid: u32, depth: u32) -> Result<Type> {
    if depth > DEEPEST {
        return Err(Error::Internal(format!("the type with OID {oid} is made of itself")));
    }
    if let Some(known) = Type::from_oid(oid).or_else(|| client.learnt_type(oid)) {
        return Ok(known);
    }
    let rows = client.query_typed(lookup::TYPE, &[(&oid, Type::OID)]).await?;
    let gone = || Error::Internal(format!("the type with OID {oid} is gone"));
    let row = rows.first().ok_or_else(gone)?;
    let (name, schema, kind): (String, String, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let kind = match kind.as_str() {
        "enum" => Kind::Enum(texts_of(row, 4)?),
        "domain" => Kind::Domain(inner_type(client, row.try_get(3)?, depth).await?),
        "array" => Kind::Array(inner_type(client, row.try_get(3)?, depth).await?),
        "range" => Kind::Range(inner_type(client, row.try_get(3)?, depth).await?),
        "multirange" => Kind::Multirange(inner_type(client, row.try_get(3)?, depth).await?),
        "composite" => {
            let (names, types) = (texts_of(row, 4)?, oids_of(row, 5)?);
            let mut fields = Vec::with_capacity(names.len());
            for (name, oid) in names.into_iter().zip(types) {
                fields.push(Field::new(name, inner_type(client, oid, depth).await?));
            }
            Kind::Composite(fields)
        }
        "pseudo" => Kind::Pseudo,
        _ => Kind::Simple,
    };
    let mut typmod = -1;
    if matches!(kind, Kind::Domain(_)) {
        let rows = client.query_typed(lookup::DOMAIN_MODIFIER, &[(&oid, Type::OID)]).await?;
        typmod = rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(-1);
    }
    let known = Type::new(name, oid, kind, schema);
    client.learn_type(known.clone(), typmod);
    Ok(known)
}

/// The texts of an array.
fn texts_of(row: &Row, column: usize) -> Result<Vec<String>> {
    let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
    Ok(cells_of(row, column, &Type::TEXT)?.into_iter().map(text).collect())
}

/// The OIDs of an array.
fn oids_of(row: &Row, column: usize) -> Result<Vec<u32>> {
    let oid = |cell: &[u8]| Ok(u32::from_be_bytes(crate::wire::fixed(cell)?));
    cells_of(row, column, &Type::OID)?.into_iter().map(oid).collect()
}

/// The elements of an array, as many as there are, whatever it says.
fn cells_of<'a>(row: &'a Row, column: usize, element: &Type) -> Result<Vec<&'a [u8]>> {
    let mut cells = Vec::new();
    let array = row.cell(column).unwrap_or_default();
    elements(element.oid(), array, &mut cells).map_err(|error| match error {
        NotAList::Malformed(malformed) => Error::from(malformed),
        NotAList::Shape(what) => Error::Internal(what),
    })?;
    Ok(cells.into_iter().flatten().collect())
}

/// A type that another is made of: domains are of domains, arrays of composites.
fn inner_type(
    client: &Client,
    oid: u32,
    depth: u32,
) -> Pin<Box<dyn Future<Output = Result<Type>> + Send + '_>> {
    Box::pin(nested_type(client, oid, depth + 1))
}

/// A column's type and modifier. The server resolves a column's domain.
///
/// # Errors
/// What the server says.
pub async fn declared_as(client: &Client, column: &ColumnDescription) -> Result<Declared> {
    declared_type(client, column.oid, column.typmod).await
}

/// A type with its modifier: where there is none, that of a domain which the type is made of, as an
/// array's elements or a range's ends.
///
/// # Errors
/// What the server says.
pub async fn declared_type(client: &Client, oid: u32, typmod: i32) -> Result<Declared> {
    let mut declared = Declared { ty: type_of(client, oid).await?, typmod };
    if typmod != -1 {
        return Ok(declared);
    }
    let modifiers = domains(&declared.ty).into_iter();
    let mut modifiers = modifiers.map(|domain| client.learnt_modifier(domain.oid()));
    declared.typmod = modifiers.find(|typmod| *typmod != -1).unwrap_or(-1);
    Ok(declared)
}

impl Table {
    fn push(&mut self, row: &Row, declared: &HashMap<String, Declared>) -> Result<()> {
        let name: String = row.try_get(0)?;
        let declared = declared.get(&name).cloned().ok_or_else(|| {
            let table = &self.target.table;
            Error::Programming(format!("table \"{table}\" was changed meanwhile; try again"))
        })?;
        let (not_null, has_default): (bool, bool) = (row.try_get(1)?, row.try_get(2)?);
        let (identity, generated): (String, String) = (row.try_get(3)?, row.try_get(4)?);
        self.stored.insert(name.clone(), (row.try_get(5)?, row.try_get(6)?));
        self.sees_commits = row.try_get(7)?;
        if !identity.is_empty() || !generated.is_empty() {
            self.automatic.push(name.clone());
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

/// A table's name for messages: as one would write it, without quotes.
#[must_use]
pub fn label(table: &TableName) -> String {
    match &table.schema {
        Some(schema) => format!("{schema}.{}", table.table),
        None => table.table.clone(),
    }
}

/// What an upsert has to know of its table and of the columns that tell rows apart.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is true or not whatever the others are")]
pub struct UpsertTarget {
    /// A trigger sees rows before they are inserted.
    pub has_row_trigger: bool,
    /// It is a plain table, in whose rows `xmax` can be seen.
    pub is_plain: bool,
    /// One of the columns may be NULL.
    pub has_nullable_key: bool,
    /// The unique index takes NULLs for the same.
    pub nulls_same: bool,
    /// The constraint is checked at the end of a statement or transaction.
    pub is_deferrable: bool,
}

/// What an upsert has to know of its table.
///
/// # Errors
/// What the server says; that the table is gone.
pub async fn upsert_target(
    client: &Client,
    table: &TableName,
    key: &[String],
) -> Result<UpsertTarget> {
    let (name, mut key) = (table.to_string(), key.to_vec());
    key.sort();
    key.dedup();
    let params: [(&(dyn ToSql + Sync), Type); 2] = [(&name, Type::TEXT), (&key, Type::TEXT_ARRAY)];
    let rows = client.query_typed(lookup::UPSERT, &params).await?;
    let gone = || Error::Programming(format!("table {table} is gone"));
    let row = rows.first().ok_or_else(gone)?;
    Ok(UpsertTarget {
        has_row_trigger: row.try_get(0)?,
        is_plain: row.try_get(1)?,
        has_nullable_key: row.try_get(2)?,
        nulls_same: row.try_get(3)?,
        is_deferrable: row.try_get(4)?,
    })
}

/// Whether a process of the server has a lock on a table, or on one under it.
///
/// # Errors
/// What the server says.
pub async fn is_held_by(client: &Client, table: &TableName, process: i32) -> Result<bool> {
    let name = table.to_string();
    let params: [(&(dyn ToSql + Sync), Type); 2] = [(&name, Type::TEXT), (&process, Type::INT4)];
    let rows = client.query_typed(lookup::IS_HELD_BY, &params).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

/// Where a table is, and what it takes to make another like it.
#[derive(Debug, Clone)]
pub struct Place {
    /// The schema it is in.
    pub schema: String,
    /// The role it belongs to.
    pub owner: String,
    /// Whether it goes with the session.
    pub temporary: bool,
    /// How its rows are kept.
    pub storage: Storage,
}

/// Finds a table's place.
///
/// # Errors
/// What the server says; that the table is gone.
pub async fn place(client: &Client, table: &TableName) -> Result<Place> {
    let rows = client.query_typed(lookup::PLACE, &[(&table.to_string(), Type::TEXT)]).await?;
    let gone = || Error::Programming(format!("table {table} is gone"));
    let row = rows.first().ok_or_else(gone)?;
    let persistence: String = row.try_get(2)?;
    let storage = Storage {
        unlogged: persistence == "u",
        method: row.try_get(3)?,
        tablespace: row.try_get(4)?,
    };
    let temporary = persistence == "t";
    Ok(Place { schema: row.try_get(0)?, owner: row.try_get(1)?, temporary, storage })
}

/// The triggers of a table that inserted rows, or the emptying of the table, would fire.
///
/// # Errors
/// What the server says.
pub async fn fired_triggers(client: &Client, table: &TableName) -> Result<Vec<String>> {
    texts(client, lookup::FIRED_TRIGGERS, table, None).await
}

/// What a new table in the place of this one would lack.
///
/// # Errors
/// What the server says.
pub async fn lost_by_swap(client: &Client, table: &TableName) -> Result<Vec<String>> {
    texts(client, lookup::LOST_BY_SWAP, table, None).await
}

/// The statements that give the new table what the old one had; with `whole`, what hangs on its
/// columns too.
///
/// # Errors
/// What the server says.
pub async fn restore(client: &Client, table: &TableName, whole: bool) -> Result<Vec<String>> {
    texts(client, &restore::restore(), table, Some(whole)).await
}

async fn texts(
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

/// Hands the sequences of a table's columns to the table that takes its place. Gives back the
/// statements that give those of identities their old names, once these are free.
///
/// # Errors
/// What the server says.
pub async fn hand_over_sequences(
    client: &Client,
    old: &TableName,
    new: &TableName,
) -> Result<Vec<String>> {
    let rows = client.query_typed(lookup::SEQUENCES, &[(&old.to_string(), Type::TEXT)]).await?;
    let mut renames = Vec::new();
    for row in rows {
        let (sequence, column): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if row.try_get(2)? {
            let sql = lookup::continue_identity(&sequence);
            let new = new.to_string();
            let heir =
                client.query_typed(&sql, &[(&new, Type::TEXT), (&column, Type::TEXT)]).await?;
            let heir = heir.first().map(|row| row.try_get::<String>(0)).transpose()?;
            let name: String = row.try_get(3)?;
            renames.extend(heir.map(|heir| render::rename_sequence(&heir, &name)));
        } else {
            client.batch(&render::own_sequence(&sequence, new, &column)).await?;
        }
    }
    Ok(renames)
}
