//! The columns that Python's data is converted for: those of a load, or those of a COPY without a connection.

use std::sync::Arc;

use super::arrow_builders::ColumnBuilder;
use super::type_registry::TypeRegistry;
use crate::copy::plan::Target;
use crate::error::Result;
use crate::load::{Layout, PreparedLoad};
use crate::session::BindingData;
use crate::types::{ColumnType, load_codec_for};

/// The columns that rows are converted for.
pub(super) trait Destination {
    /// The columns of rows without names; `None` if there is no table yet.
    fn columns_in_order(&self) -> Option<Vec<String>>;

    /// The target column names of source columns.
    fn renamed(&self, source: &[String]) -> Result<Vec<String>>;

    /// The target columns with these names.
    fn layout(&self, names: &[String]) -> Result<Layout<'_>>;

    /// Data of the database's, if the columns are of one.
    fn binding(&self) -> Option<&BindingData>;
}

impl Destination for PreparedLoad<'_> {
    fn columns_in_order(&self) -> Option<Vec<String>> {
        self.columns_in_order()
    }

    fn renamed(&self, source: &[String]) -> Result<Vec<String>> {
        self.renamed(source)
    }

    fn layout(&self, names: &[String]) -> Result<Layout<'_>> {
        self.layout(names)
    }

    fn binding(&self) -> Option<&BindingData> {
        Some(self.binding())
    }
}

impl Destination for Target {
    fn columns_in_order(&self) -> Option<Vec<String>> {
        Some(self.columns.iter().map(|column| column.name.clone()).collect())
    }

    fn renamed(&self, source: &[String]) -> Result<Vec<String>> {
        Ok(source.to_vec())
    }

    fn layout(&self, names: &[String]) -> Result<Layout<'_>> {
        Ok(Layout::Existing(self.select(names)?))
    }

    fn binding(&self) -> Option<&BindingData> {
        None
    }
}

/// The builder of a column of the target.
pub(super) fn builder_for(
    target: &dyn Destination,
    column_type: &ColumnType,
) -> Result<ColumnBuilder> {
    let pg_type = load_codec_for(column_type);
    let field = Arc::new(pg_type.python_arrow_type(column_type));
    let mut builder = ColumnBuilder::new(field, column_type.name())?;
    if let Some(registry) = target.binding().and_then(TypeRegistry::of) {
        builder.register(column_type, &registry);
    }
    Ok(builder)
}
