//! `_core.Maker` and `_core.Tuples`: rows made natively, without a call of Python's for each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyException, PyKeyError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyDict, PyList, PyMemoryView, PyString, PyTuple, PyType};

use super::arguments::Text;
use super::errors::exception;
use super::gather::json::wrapper;
use super::gil::raised;
use super::pause::pass_over;
use super::values::set_attribute;
use crate::error::{Error, Result, ValueError};

/// Makes objects of tables out of rows.
#[pyclass(frozen, module = "howdah._core", name = "Maker")]
pub(super) struct Maker {
    parts: Vec<Part>,
    width: usize,
    /// `object.__new__`.
    new: Py<PyAny>,
    /// The same for objects that note the database that they come from: the one that was asked last.
    of_database: Mutex<Option<(Arc<str>, Py<Self>)>>,
}

/// The columns of one table in a row.
struct Part {
    /// What `object.__new__` takes: the class.
    class: Py<PyTuple>,
    names: Vec<Py<PyString>>,
    /// What an object's `__dict__` begins as: it has a place for each value already, and room for the
    /// objects that it is to hold.
    blank: Py<PyDict>,
    /// The columns of its primary key.
    key: Vec<usize>,
    /// The part whose object has this one's, and under which name.
    place: Option<(usize, Py<PyString>)>,
    members: Members,
}

/// What has the values of Enum classes and the like by those of rows, for the columns that have
/// them.
struct Members(Vec<(usize, Py<PyAny>)>);

type Given<'py> = (
    Bound<'py, PyType>,
    Vec<Bound<'py, PyString>>,
    Vec<usize>,
    Option<usize>,
    Option<Bound<'py, PyString>>,
    Bound<'py, PyDict>,
);

#[pymethods]
impl Maker {
    #[new]
    fn new(py: Python<'_>, parts: Vec<Given<'_>>) -> PyResult<Self> {
        let new = py.get_type::<PyAny>().getattr(intern!(py, "__new__"))?.unbind();
        let parents: Vec<_> = parts.iter().filter_map(|given| given.3).collect();
        let made = parts.into_iter().enumerate().map(|(at, given)| {
            Part::new(given, parents.iter().filter(|parent| **parent == at).count())
        });
        let parts = made.collect::<PyResult<Vec<_>>>()?;
        let width = parts.iter().map(|part| part.names.len()).sum();
        Ok(Self { parts, width, new, of_database: Mutex::default() })
    }
}

impl Part {
    /// The same for objects that note a database.
    fn of_database(&self, py: Python<'_>, database: &str) -> PyResult<Self> {
        let blank = self.blank.bind(py).copy()?;
        blank.set_item(intern!(py, "_database"), PyString::intern(py, database))?;
        Ok(Self {
            class: self.class.clone_ref(py),
            names: self.names.iter().map(|name| name.clone_ref(py)).collect(),
            blank: blank.unbind(),
            key: self.key.clone(),
            place: self.place.as_ref().map(|(parent, name)| (*parent, name.clone_ref(py))),
            members: self.members.clone_ref(py),
        })
    }

    /// Its objects are to hold so many others.
    fn new(
        (class, names, key, parent, attribute, members): Given<'_>,
        held: usize,
    ) -> PyResult<Self> {
        let py = class.py();
        let interned = |name: &Bound<'_, PyString>| {
            Ok::<_, PyErr>(PyString::intern(py, &name.extract::<Text>()?.0).unbind())
        };
        let place = match (parent, attribute) {
            (Some(parent), Some(attribute)) => Some((parent, interned(&attribute)?)),
            _ => None,
        };
        let names = names.iter().map(interned).collect::<PyResult<Vec<_>>>()?;
        let blank = PyDict::new(py);
        for name in &names {
            blank.set_item(name.bind(py), py.None())?;
        }
        blank.set_item(intern!(py, "_loaded"), py.None())?;
        // A dict keeps the room of what was taken out of it, and so does its copy, which then need not
        // grow for the objects that are put there. Keys that are no texts would make it slower.
        for at in 0..held {
            blank.set_item(at.to_string(), py.None())?;
        }
        for at in 0..held {
            blank.del_item(at.to_string())?;
        }
        Ok(Self {
            class: PyTuple::new(py, [class])?.unbind(),
            names,
            blank: blank.unbind(),
            key,
            place,
            members: Members::new(&members)?,
        })
    }
}

impl Members {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        Self(self.0.iter().map(|(at, labels)| (*at, labels.clone_ref(py))).collect())
    }

    fn new(members: &Bound<'_, PyDict>) -> PyResult<Self> {
        let pairs = members.iter().map(|(at, labels)| Ok((at.extract()?, labels.unbind())));
        pairs.collect::<PyResult<_>>().map(Self)
    }

    /// Puts members into the places of labels.
    fn apply<'py>(&self, py: Python<'py>, values: &mut [Bound<'py, PyAny>]) -> Result<(), Unknown> {
        for (at, labels) in &self.0 {
            if let Some(value) = values.get_mut(*at) {
                let found = member(labels.bind(py), value).map_err(|error| (*at, error))?;
                if let Some(found) = found {
                    *value = found;
                }
            }
        }
        Ok(())
    }
}

/// The column of a label that is none, and what the lookup raised.
type Unknown = (usize, PyErr);

/// The member that a label stands for; `None` for NULL.
fn member<'py>(
    labels: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if value.is_none() {
        return Ok(None);
    }
    let py = value.py();
    if let Ok(list) = value.cast::<PyList>() {
        let found = PyList::empty(py);
        for one in list.iter() {
            let label = member(labels, &one)?;
            found.append(label.unwrap_or(one))?;
        }
        return Ok(Some(found.into_any()));
    }
    Ok(Some(labels.get_item(value)?))
}

impl Maker {
    /// Gives what makes the same objects, which note the database that they come from.
    pub fn of_database<'py>(
        maker: &Bound<'py, Self>,
        database: &Arc<str>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = maker.py();
        let own = maker.get();
        if let Some((known, made)) = &*own.last_of_database()
            && known == database
        {
            return Ok(made.bind(py).clone());
        }
        let parts = own.parts.iter().map(|part| part.of_database(py, database));
        let parts = parts.collect::<PyResult<Vec<_>>>()?;
        let (width, new) = (own.width, own.new.clone_ref(py));
        let made = Bound::new(py, Self { parts, width, new, of_database: Mutex::default() })?;
        let before = own.last_of_database().replace((Arc::clone(database), made.clone().unbind()));
        // Not while it is locked: what is dropped may run Python's code.
        drop(before);
        Ok(made)
    }

    fn last_of_database(&self) -> MutexGuard<'_, Option<(Arc<str>, Py<Self>)>> {
        self.of_database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the object of a row.
    pub fn make<'py>(
        &self,
        py: Python<'py>,
        mut values: Vec<Bound<'py, PyAny>>,
        name: impl Fn(usize) -> String,
    ) -> Result<Bound<'py, PyAny>> {
        if values.len() != self.width {
            return Err(Error::Internal(format!(
                "{} columns for objects of {}",
                values.len(),
                self.width
            )));
        }
        // One part is the common case, and needs no list of those before.
        let mut made: Vec<Option<Bound<'py, PyDict>>> = Vec::new();
        let mut root = None;
        let mut from = 0;
        for part in &self.parts {
            let end = from + part.names.len();
            let own = values.get_mut(from..end).unwrap_or_default();
            part.members
                .apply(py, own)
                .map_err(|(at, error)| unknown(py, name(from + at), error))?;
            let absent = part.place.is_some()
                && !part.key.is_empty()
                && part.key.iter().all(|at| own.get(*at).is_some_and(PyAnyMethods::is_none));
            let holder = part.place.as_ref().map(|(parent, name)| (made.get(*parent), name));
            if absent {
                if let Some((Some(Some(holder)), name)) = holder {
                    holder.set_item(name.bind(py), py.None()).map_err(raised)?;
                }
                made.push(None);
            } else {
                let (object, dict) = self.object(py, part, own).map_err(raised)?;
                match holder {
                    Some((Some(Some(holder)), name)) => {
                        holder.set_item(name.bind(py), object).map_err(raised)?;
                    }
                    // What it belongs to is not there.
                    Some(_) => {}
                    None => root = Some(object),
                }
                if self.parts.len() > 1 {
                    made.push(Some(dict));
                }
            }
            from = end;
        }
        root.ok_or_else(|| Error::Internal("objects without a root".into()))
    }

    fn object<'py>(
        &self,
        py: Python<'py>,
        part: &Part,
        values: &[Bound<'py, PyAny>],
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyDict>)> {
        let object = self.new.bind(py).call1(part.class.bind(py).clone())?;
        let dict = part.blank.bind(py).copy()?;
        for (name, value) in part.names.iter().zip(values) {
            dict.set_item(name.bind(py), value)?;
        }
        let loaded = if values.iter().any(|value| is_mutable(value)) {
            PyTuple::new(py, values.iter().map(own).collect::<PyResult<Vec<_>>>()?)?
        } else {
            let loaded = PyTuple::new(py, values)?;
            pass_over(&loaded);
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

/// Lists and dicts inside each other, beyond which one may have itself inside.
const DEEPEST: usize = 1000;

/// A value that nobody else changes.
pub(super) fn own<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    owned(value, 0)
}

fn owned<'py>(value: &Bound<'py, PyAny>, depth: usize) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    if depth > DEEPEST {
        let message = format!(
            "expected lists and dicts of at most {DEEPEST} inside each other, got more, or one that has itself inside"
        );
        let error = ValueError { message, ..ValueError::default() };
        return Err(exception(py, Error::Value(Box::new(error))));
    }
    let inner = |item: Bound<'py, PyAny>| owned(&item, depth + 1);
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
    if value.is_exact_instance(wrapper(py)?) {
        return wrapper(py)?.call1((inner(value.getattr(intern!(py, "value"))?)?,));
    }
    Ok(value.clone())
}

/// Makes tuples of rows.
#[pyclass(frozen, module = "howdah._core", name = "Tuples")]
pub(super) struct Tuples(Members);

#[pymethods]
impl Tuples {
    #[new]
    fn new(members: &Bound<'_, PyDict>) -> PyResult<Self> {
        Members::new(members).map(Self)
    }
}

impl Tuples {
    /// Makes the tuple of a row.
    pub fn make<'py>(
        &self,
        py: Python<'py>,
        mut values: Vec<Bound<'py, PyAny>>,
        name: impl Fn(usize) -> String,
    ) -> Result<Bound<'py, PyAny>> {
        self.0.apply(py, &mut values).map_err(|(at, error)| unknown(py, name(at), error))?;
        Ok(PyTuple::new(py, values).map_err(raised)?.into_any())
    }
}

/// The error of a value that its class does not have.
fn unknown(py: Python<'_>, column: String, error: PyErr) -> Error {
    if !error.is_instance_of::<PyException>(py) {
        return raised(error);
    }
    let message = if error.is_instance_of::<PyKeyError>(py) {
        format!("the label {} is of no member of the Enum class", error.value(py))
    } else {
        error.value(py).to_string()
    };
    let column = Some(column);
    Error::Value(Box::new(ValueError { table: None, column, row: None, message, wrong_type: true }))
}
