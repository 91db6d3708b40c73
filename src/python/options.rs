//! Turns the arguments of `Database` and `AsyncDatabase` into a connection pool.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::gil::from_py_err;
use super::hooks::{PoolHooks, ask_password as password_callback};
use super::session::log_notices_attached;
use super::type_registry::TypeRegistry;
use crate::error::{Error, Result};
use crate::session::config::{BindingData, Config, Options, Secret};
use crate::session::pool::{Limits, Pool};
use crate::session::set_notice_handler;
use crate::session::state::Reset;
use crate::sql::render;

/// Makes a pool. `keywords` has every keyword argument of the classes.
pub(super) fn pool(
    url: Option<&str>,
    keywords: &Bound<'_, PyDict>,
    is_async: bool,
) -> Result<Arc<Pool>> {
    set_notice_handler(log_notices_attached);
    let timeout: Option<f64> = keyword(keywords, "statement_timeout_s")?;
    let hooks: Option<Bound<'_, PyAny>> = keyword(keywords, "hooks")?;
    let has_password = |hooks: &Bound<'_, PyAny>| {
        hooks.getattr("password").is_ok_and(|password| !password.is_none())
    };
    let ask_password = hooks.as_ref().filter(|hooks| has_password(hooks));
    let options = Options {
        password: keyword::<Option<String>>(keywords, "password")?.map(Secret::new),
        ask_password: ask_password.map(|hooks| password_callback(hooks.clone().unbind())),
        connect_timeout: seconds(keywords, "connect_timeout_s")?,
        statement_timeout: timeout.map(|s| duration(s, "statement_timeout_s")).transpose()?,
        application_name: keyword(keywords, "application_name")?,
        statement_cache_size: keyword(keywords, "statement_cache_size")?,
        busy_wait: seconds(keywords, "busy_wait_s")?,
        json_decimals: keyword(keywords, "json_decimals")?,
        binding: BindingData(Some(Arc::new(TypeRegistry::default()))),
    };
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config = Config::new(url, &options, variables)?;
    let (min_size, max_size) = (keyword(keywords, "min_size")?, keyword(keywords, "max_size")?);
    if max_size == 0 || min_size > max_size {
        return Err(Error::Interface(format!(
            "min_size={min_size}, max_size={max_size}: expected max_size to be 1 or more, and min_size at most max_size"
        )));
    }
    let limits = Limits {
        min_size,
        max_size,
        acquire_timeout: seconds(keywords, "acquire_timeout_s")?,
        max_idle: seconds(keywords, "max_idle_s")?,
        max_lifetime: seconds(keywords, "max_lifetime_s")?,
        multiplex: is_async && keyword(keywords, "multiplex")?,
        reset: reset(keyword::<Option<String>>(keywords, "reset")?.as_deref())?,
    };
    let pool = Pool::new(config, limits);
    if let Some(hooks) = hooks {
        pool.set_hooks(Box::new(PoolHooks::new(&hooks, is_async).map_err(from_py_err)?));
    }
    Ok(pool)
}

/// How a session's state is reset when its connection returns to the pool.
fn reset(word: Option<&str>) -> Result<Option<Reset>> {
    let always = match word {
        None => return Ok(None),
        Some("auto") => false,
        Some("discard all") => true,
        Some(other) => {
            return Err(Error::Interface(format!(
                "reset={other:?}: expected \"auto\", \"discard all\" or None"
            )));
        }
    };
    Ok(Some(Reset { always, state: render::RESET_SESSION, all: render::DISCARD_ALL }))
}

fn keyword<'py, T>(keywords: &Bound<'py, PyDict>, name: &str) -> Result<T>
where
    T: for<'a> FromPyObject<'a, 'py>,
    for<'a> <T as FromPyObject<'a, 'py>>::Error: Into<PyErr>,
{
    let value = keywords.get_item(name).map_err(from_py_err)?;
    let value = value.ok_or_else(|| Error::Interface(format!("{name}: expected a value")))?;
    value.extract().map_err(|error: <T as FromPyObject<'_, 'py>>::Error| {
        Error::Interface(format!("{name}: {}", error.into()))
    })
}

fn seconds(keywords: &Bound<'_, PyDict>, name: &str) -> Result<Duration> {
    duration(keyword(keywords, name)?, name)
}

fn duration(value: f64, name: &str) -> Result<Duration> {
    Duration::try_from_secs_f64(value)
        .map_err(|_| Error::Interface(format!("{name}: expected seconds, 0 or more, got {value}")))
}
