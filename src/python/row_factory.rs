//! Row factories in Rust: build the objects of tables, and tuples, from the values of rows without running Python code for
//! each row.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyException, PyKeyError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyDict, PyList, PyMemoryView, PyString, PyTuple, PyType};

use super::arguments::Text;
use super::arrow_builders::json::json_class;
use super::codecs::set_attribute;
use super::errors::exception;
use super::gc::untrack_if_acyclic;
use super::gil::from_py_err;
use crate::error::{Error, Result, ValueError};

/// Builds objects of tables from the values of rows.
#[pyclass(frozen, module = "howdah._core", name = "ObjectFactory")]
pub(super) struct ObjectFactory {
    parts: Vec<ObjectPart>,
    /// Values of a row.
    width: usize,
    /// `object.__new__`.
    new: Py<PyAny>,
    /// The factory that [`Self::with_database`] returned last, with its database.
    last_with_database: Mutex<Option<(Arc<str>, Py<Self>)>>,
}

/// The columns of one table in a row.
struct ObjectPart {
    /// The arguments of `object.__new__`: the class.
    class: Py<PyTuple>,
    names: Vec<Py<PyString>>,
    /// Copied as the `__dict__` of each object. It has the keys of all values, and space for the keys of
    /// child objects.
    dict_template: Py<PyDict>,
    /// The columns of its primary key.
    key: Vec<usize>,
    /// The part whose object gets this part's object as an attribute, and the attribute's name.
    parent: Option<(usize, Py<PyString>)>,
    members: EnumMembers,
}

/// For columns with an Enum class or the like: a mapping from the values of rows to the members of the
/// class.
struct EnumMembers(Vec<(usize, Py<PyAny>)>);

type PartArguments<'py> = (
    Bound<'py, PyType>,
    Vec<Bound<'py, PyString>>,
    Vec<usize>,
    Option<usize>,
    Option<Bound<'py, PyString>>,
    Bound<'py, PyDict>,
);

#[pymethods]
impl ObjectFactory {
    #[new]
    fn new(py: Python<'_>, parts: Vec<PartArguments<'_>>) -> PyResult<Self> {
        let new = py.get_type::<PyAny>().getattr(intern!(py, "__new__"))?.unbind();
        let parents: Vec<_> = parts.iter().filter_map(|part| part.3).collect();
        let parts = parts.into_iter().enumerate().map(|(index, part)| {
            ObjectPart::new(part, parents.iter().filter(|parent| **parent == index).count())
        });
        let parts = parts.collect::<PyResult<Vec<_>>>()?;
        let width = parts.iter().map(|part| part.names.len()).sum();
        Ok(Self { parts, width, new, last_with_database: Mutex::default() })
    }
}

impl ObjectPart {
    /// The same part for objects whose attribute `_database` names a database.
    fn with_database(&self, py: Python<'_>, database: &str) -> PyResult<Self> {
        let dict_template = self.dict_template.bind(py).copy()?;
        dict_template.set_item(intern!(py, "_database"), PyString::intern(py, database))?;
        Ok(Self {
            class: self.class.clone_ref(py),
            names: self.names.iter().map(|name| name.clone_ref(py)).collect(),
            dict_template: dict_template.unbind(),
            key: self.key.clone(),
            parent: self.parent.as_ref().map(|(parent, name)| (*parent, name.clone_ref(py))),
            members: self.members.clone_ref(py),
        })
    }

    /// Makes a part whose objects get `children` child objects.
    fn new(
        (class, names, key, parent, attribute, members): PartArguments<'_>,
        children: usize,
    ) -> PyResult<Self> {
        let py = class.py();
        let interned = |name: &Bound<'_, PyString>| {
            Ok::<_, PyErr>(PyString::intern(py, &name.extract::<Text>()?.0).unbind())
        };
        let parent = match (parent, attribute) {
            (Some(parent), Some(attribute)) => Some((parent, interned(&attribute)?)),
            _ => None,
        };
        let names = names.iter().map(interned).collect::<PyResult<Vec<_>>>()?;
        let dict_template = PyDict::new(py);
        for name in &names {
            dict_template.set_item(name.bind(py), py.None())?;
        }
        dict_template.set_item(intern!(py, "_loaded"), py.None())?;
        // A dict does not shrink when keys are deleted, and a copy has the same capacity, so that it need not
        // be resized when child objects are added. Keys that are not str would make the dict slower.
        for index in 0..children {
            dict_template.set_item(index.to_string(), py.None())?;
        }
        for index in 0..children {
            dict_template.del_item(index.to_string())?;
        }
        Ok(Self {
            class: PyTuple::new(py, [class])?.unbind(),
            names,
            dict_template: dict_template.unbind(),
            key,
            parent,
            members: EnumMembers::new(&members)?,
        })
    }
}

impl EnumMembers {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        Self(self.0.iter().map(|(index, labels)| (*index, labels.clone_ref(py))).collect())
    }

    fn new(members: &Bound<'_, PyDict>) -> PyResult<Self> {
        let pairs = members.iter().map(|(index, labels)| Ok((index.extract()?, labels.unbind())));
        pairs.collect::<PyResult<_>>().map(Self)
    }

    /// Replaces labels by members.
    fn apply<'py>(
        &self,
        py: Python<'py>,
        values: &mut [Bound<'py, PyAny>],
    ) -> Result<(), UnknownLabel> {
        for (index, labels) in &self.0 {
            if let Some(value) = values.get_mut(*index) {
                let member = member(labels.bind(py), value).map_err(|error| (*index, error))?;
                if let Some(member) = member {
                    *value = member;
                }
            }
        }
        Ok(())
    }
}

/// The index of a column with an unknown label, and the exception of the lookup.
type UnknownLabel = (usize, PyErr);

/// The member for a label, or a list of members for a list of labels; `None` for NULL.
fn member<'py>(
    labels: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if value.is_none() {
        return Ok(None);
    }
    let py = value.py();
    if let Ok(list) = value.cast::<PyList>() {
        let members = PyList::empty(py);
        for label in list.iter() {
            let member = member(labels, &label)?;
            members.append(member.unwrap_or(label))?;
        }
        return Ok(Some(members.into_any()));
    }
    Ok(Some(labels.get_item(value)?))
}

impl ObjectFactory {
    /// A factory for the same objects, whose attribute `_database` names the database that they come from.
    pub fn with_database<'py>(
        factory: &Bound<'py, Self>,
        database: &Arc<str>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = factory.py();
        let this = factory.get();
        if let Some((known, cached)) = &*this.lock_last()
            && known == database
        {
            return Ok(cached.bind(py).clone());
        }
        let parts = this.parts.iter().map(|part| part.with_database(py, database));
        let parts = parts.collect::<PyResult<Vec<_>>>()?;
        let (width, new) = (this.width, this.new.clone_ref(py));
        let with_database =
            Bound::new(py, Self { parts, width, new, last_with_database: Mutex::default() })?;
        let replaced =
            this.lock_last().replace((Arc::clone(database), with_database.clone().unbind()));
        // The lock is released by now: the drop may run Python code.
        drop(replaced);
        Ok(with_database)
    }

    fn lock_last(&self) -> MutexGuard<'_, Option<(Arc<str>, Py<Self>)>> {
        self.last_with_database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Builds the object of a row, with its child objects.
    pub fn build<'py>(
        &self,
        py: Python<'py>,
        mut values: Vec<Bound<'py, PyAny>>,
        column_name: impl Fn(usize) -> String,
    ) -> Result<Bound<'py, PyAny>> {
        if values.len() != self.width {
            return Err(Error::Internal(format!(
                "a row has {} values, its object factory expects {}",
                values.len(),
                self.width
            )));
        }
        // With a single part, the common case, this stays empty and is not allocated.
        let mut dicts: Vec<Option<Bound<'py, PyDict>>> = Vec::new();
        let mut root = None;
        let mut start = 0;
        for part in &self.parts {
            let end = start + part.names.len();
            let part_values = values.get_mut(start..end).unwrap_or_default();
            part.members
                .apply(py, part_values)
                .map_err(|(index, error)| unknown_label(py, column_name(start + index), error))?;
            let is_absent = part.parent.is_some()
                && !part.key.is_empty()
                && part
                    .key
                    .iter()
                    .all(|index| part_values.get(*index).is_some_and(PyAnyMethods::is_none));
            let parent = part.parent.as_ref().map(|(parent, name)| (dicts.get(*parent), name));
            if is_absent {
                if let Some((Some(Some(parent)), name)) = parent {
                    parent.set_item(name.bind(py), py.None()).map_err(from_py_err)?;
                }
                dicts.push(None);
            } else {
                let (object, dict) =
                    self.build_object(py, part, part_values).map_err(from_py_err)?;
                match parent {
                    Some((Some(Some(parent)), name)) => {
                        parent.set_item(name.bind(py), object).map_err(from_py_err)?;
                    }
                    // The parent object is absent.
                    Some(_) => {}
                    None => root = Some(object),
                }
                if self.parts.len() > 1 {
                    dicts.push(Some(dict));
                }
            }
            start = end;
        }
        root.ok_or_else(|| Error::Internal("an object factory has no part without a parent".into()))
    }

    fn build_object<'py>(
        &self,
        py: Python<'py>,
        part: &ObjectPart,
        values: &[Bound<'py, PyAny>],
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyDict>)> {
        let object = self.new.bind(py).call1(part.class.bind(py).clone())?;
        let dict = part.dict_template.bind(py).copy()?;
        for (name, value) in part.names.iter().zip(values) {
            dict.set_item(name.bind(py), value)?;
        }
        let loaded = if values.iter().any(|value| is_mutable(value)) {
            PyTuple::new(py, values.iter().map(deep_copy).collect::<PyResult<Vec<_>>>()?)?
        } else {
            let loaded = PyTuple::new(py, values)?;
            untrack_if_acyclic(&loaded);
            loaded
        };
        dict.set_item(intern!(py, "_loaded"), loaded)?;
        set_attribute(&object, intern!(py, "__dict__"), dict.as_any())?;
        Ok((object, dict))
    }
}

fn is_mutable(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>() || value.is_instance_of::<PyDict>()
}

/// Nesting of lists and dicts beyond which a value is taken for one that contains itself.
const MAX_DEPTH: usize = 1000;

/// Copies a value with all mutable values in it.
pub(super) fn deep_copy<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    deep_copy_within(value, 0)
}

fn deep_copy_within<'py>(value: &Bound<'py, PyAny>, depth: usize) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    if depth > MAX_DEPTH {
        let message = format!(
            "expected lists and dicts nested at most {MAX_DEPTH} levels deep, got more, or one that contains itself"
        );
        let error = ValueError { message, ..ValueError::default() };
        return Err(exception(py, Error::Value(Box::new(error))));
    }
    let inner = |item: Bound<'py, PyAny>| deep_copy_within(&item, depth + 1);
    if let Ok(list) = value.cast::<PyList>() {
        let items = list.iter().map(inner).collect::<PyResult<Vec<_>>>()?;
        return Ok(PyList::new(py, items)?.into_any());
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        let copy = PyDict::new(py);
        for (key, item) in dict.iter() {
            copy.set_item(key, inner(item)?)?;
        }
        return Ok(copy.into_any());
    }
    if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        let items = tuple.iter().map(inner).collect::<PyResult<Vec<_>>>()?;
        return Ok(PyTuple::new(py, items)?.into_any());
    }
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        return Ok(PyByteArray::new(py, &bytes.to_vec()).into_any());
    }
    if let Ok(view) = value.cast::<PyMemoryView>() {
        let copy = view.call_method0(intern!(py, "tobytes"))?;
        return Ok(PyMemoryView::from(&copy)?.into_any());
    }
    if value.is_exact_instance(json_class(py)?) {
        return json_class(py)?.call1((inner(value.getattr(intern!(py, "value"))?)?,));
    }
    Ok(value.clone())
}

/// Builds tuples from the values of rows.
#[pyclass(frozen, module = "howdah._core", name = "TupleFactory")]
pub(super) struct TupleFactory(EnumMembers);

#[pymethods]
impl TupleFactory {
    #[new]
    fn new(members: &Bound<'_, PyDict>) -> PyResult<Self> {
        EnumMembers::new(members).map(Self)
    }
}

impl TupleFactory {
    /// Builds the tuple of a row.
    pub fn build<'py>(
        &self,
        py: Python<'py>,
        mut values: Vec<Bound<'py, PyAny>>,
        column_name: impl Fn(usize) -> String,
    ) -> Result<Bound<'py, PyAny>> {
        self.0
            .apply(py, &mut values)
            .map_err(|(index, error)| unknown_label(py, column_name(index), error))?;
        Ok(PyTuple::new(py, values).map_err(from_py_err)?.into_any())
    }
}

/// The error for a value that its Enum class does not have.
fn unknown_label(py: Python<'_>, column: String, error: PyErr) -> Error {
    if !error.is_instance_of::<PyException>(py) {
        return from_py_err(error);
    }
    let message = if error.is_instance_of::<PyKeyError>(py) {
        format!("the label {} belongs to no member of the Enum class", error.value(py))
    } else {
        error.value(py).to_string()
    };
    let column = Some(column);
    Error::Value(Box::new(ValueError { table: None, column, row: None, message, wrong_type: true }))
}
