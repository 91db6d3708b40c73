//! The columns of a table that a load creates: requested types, those that a read noted in the
//! source's fields, and else what fits the Arrow types.

use std::collections::{HashMap, HashSet};

use arrow_schema::Schema;
use postgres_types::Type;

use super::{Mode, Request};
use crate::catalog;
use crate::copy::problems::Problems;
use crate::error::{Error, Result};
use crate::session::Client;
use crate::sql::{catalog_queries, render, type_name};
use crate::types::declaration::of_field;
use crate::types::{self, ColumnType};

/// `MaxHeapAttributeNumber` of `src/include/access/htup_details.h`.
const MAX_COLUMNS: usize = 1600;

/// The requested types, checked to be names of types.
///
/// # Errors
/// When one is not, or the mode creates no table.
pub(super) fn checked_types(request: &Request) -> Result<Vec<(&str, String)>> {
    if !request.types.is_empty() && !matches!(request.mode, Mode::Create | Mode::Replace) {
        return Err(Error::Programming(
            "types= is for mode=\"create\" and \"replace\", which make the table; otherwise its columns have types".into(),
        ));
    }
    let mut checked = Vec::with_capacity(request.types.len());
    for (name, ty) in &request.types {
        checked.push((name.as_str(), type_name::checked(ty)?.into_owned()));
    }
    Ok(checked)
}

/// Looks up requested types at the server.
///
/// # Errors
/// When a type does not exist.
pub(super) async fn describe_types(
    client: &Client,
    requested: Vec<(&str, String)>,
) -> Result<HashMap<String, ColumnType>> {
    if requested.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = render::select_nulls(requested.iter().map(|(_, ty)| ty.as_str()));
    let statement = client.prepare_once(&sql).await?;
    let mut described = HashMap::with_capacity(requested.len());
    for ((name, _), column) in requested.into_iter().zip(statement.columns()) {
        described.insert(name.to_owned(), catalog::declared_as(client, column).await?);
    }
    Ok(described)
}

/// The types that a read noted in the source's fields, and which exist in this database.
pub(super) async fn noted_types(client: &Client, schema: &Schema) -> Result<HashSet<String>> {
    let mut exist = HashSet::new();
    for declaration in schema.fields().iter().filter_map(|field| of_field(field)) {
        let Ok(checked) = type_name::checked(declaration) else { continue };
        // The names of others begin with a schema in quotes.
        if exist.contains(declaration) || !declaration.contains("\".\"") {
            exist.insert(declaration.to_owned());
            continue;
        }
        let name = checked.into_owned();
        let rows = client.query_typed(catalog_queries::TYPE_EXISTS, &[(&name, Type::TEXT)]).await?;
        if rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(false) {
            exist.insert(declaration.to_owned());
        }
    }
    Ok(exist)
}

/// The column names and types of a table created from a source's columns; `noted` are the noted
/// types that exist.
pub(super) fn declarations(
    schema: &Schema,
    names: &[String],
    requested: &HashMap<String, String>,
    noted: &HashSet<String>,
) -> Result<Vec<(String, String)>> {
    let mut problems = Problems::default();
    let (mut fields, mut seen) = (Vec::new(), HashSet::new());
    for (field, name) in schema.fields().iter().zip(names) {
        if !seen.insert(name) {
            problems.push(|| format!("column \"{name}\" appears twice"));
        }
        let noted = of_field(field).filter(|declaration| noted.contains(*declaration));
        let declared = requested.get(name).map(String::as_str).or(noted);
        let declared = declared.map(|declared| type_name::checked(declared).map(Into::into));
        match declared.transpose()?.or_else(|| types::ddl_type_for(field)) {
            Some(declaration) => fields.push((name.clone(), declaration)),
            None => problems.push(|| {
                format!(
                    "column \"{name}\": no PostgreSQL type for Arrow's {}; cast it first, or pass types=",
                    types::display_type(field)
                )
            }),
        }
    }
    for name in requested.keys().filter(|name| !seen.contains(name)) {
        problems.push(|| format!("types= names column \"{name}\", which the data does not have"));
    }
    if names.len() > MAX_COLUMNS {
        let count = names.len();
        problems.push(|| format!("{count} columns; a table has at most {MAX_COLUMNS}"));
    }
    if problems.is_empty() { Ok(fields) } else { Err(Error::Programming(problems.to_string())) }
}
