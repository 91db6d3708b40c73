//! The types whose Python values the user converts (`register_type`).

use std::sync::{Arc, PoisonError, RwLock};

use postgres_types::{Kind, Type};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::gil::call;
use crate::error::{Error, Result};
use crate::session::BindingData;
use crate::sql::type_name;

/// The registered types of a database.
#[derive(Default)]
pub(super) struct TypeRegistry(RwLock<Vec<RegisteredType>>);

/// A type, and the user's functions.
struct RegisteredType {
    schema: Option<String>,
    name: String,
    converter: Arc<Converter>,
}

/// The user's functions for a type.
pub(super) struct Converter {
    encode: Option<Py<PyAny>>,
    decode: Option<Py<PyAny>>,
}

/// Other names of built-in types, which the catalog does not have.
const ALIASES: &[(&str, &str)] = &[
    ("bigint", "int8"),
    ("bit varying", "varbit"),
    ("boolean", "bool"),
    ("character varying", "varchar"),
    ("decimal", "numeric"),
    ("double precision", "float8"),
    ("int", "int4"),
    ("integer", "int4"),
    ("real", "float4"),
    ("smallint", "int2"),
    ("time with time zone", "timetz"),
    ("timestamp with time zone", "timestamptz"),
];

impl TypeRegistry {
    /// The registry that a connection's data holds.
    pub fn of(binding: &BindingData) -> Option<Arc<Self>> {
        binding.get()
    }

    /// Registers a type, in place of an earlier registration.
    pub fn register(
        &self,
        name: &str,
        encode: Option<Py<PyAny>>,
        decode: Option<Py<PyAny>>,
    ) -> Result<()> {
        type_name::checked(name)?;
        let mut parts = type_name::parts(name);
        let last = parts.pop().unwrap_or_default();
        let invalid = || {
            Error::Interface(format!(
                "{name:?}: expected the name of a type, or schema.name, without brackets and modifiers"
            ))
        };
        if parts.len() > 1 || name.contains(['[', '(']) {
            return Err(invalid());
        }
        let alias = ALIASES.iter().find(|(alias, _)| *alias == last);
        let registered = RegisteredType {
            schema: parts.pop(),
            name: alias.map_or(last, |(_, name)| (*name).to_owned()),
            converter: Arc::new(Converter { encode, decode }),
        };
        let mut types = self.0.write().unwrap_or_else(PoisonError::into_inner);
        types.retain(|ty| (&ty.schema, &ty.name) != (&registered.schema, &registered.name));
        types.push(registered);
        Ok(())
    }

    /// The functions for a type; of a domain without functions of its own those of its base type.
    pub fn find(&self, ty: &Type) -> Option<Arc<Converter>> {
        let types = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_it = |registered: &&RegisteredType| {
            registered.name == ty.name()
                && registered.schema.as_ref().is_none_or(|schema| schema == ty.schema())
        };
        let found = types.iter().find(is_it).map(|registered| Arc::clone(&registered.converter));
        drop(types);
        match ty.kind() {
            Kind::Domain(base) => found.or_else(|| self.find(base)),
            _ => found,
        }
    }
}

impl Converter {
    /// The value that howdah encodes.
    pub fn encode<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match &self.encode {
            Some(encode) => call(encode.bind(value.py()), &PyTuple::new(value.py(), [value])?),
            None => Ok(value.clone()),
        }
    }

    /// The value that the caller gets.
    pub fn decode<'py>(&self, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match &self.decode {
            Some(decode) => {
                let py = value.py();
                call(decode.bind(py), &PyTuple::new(py, [value])?)
            }
            None => Ok(value),
        }
    }
}
