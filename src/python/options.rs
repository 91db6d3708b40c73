//! What a database is told when it is made: where it is, and how many connections it may have.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::gil::raised;
use super::hooks::{PoolHooks, ask_password as ask_password_of};
use super::session::tell_meanwhile;
use crate::error::{Error, Result};
use crate::session::client::take_notices_by;
use crate::session::config::{Config, Options, Secret};
use crate::session::pool::{Limits, Pool};
use crate::session::state::Reset;
use crate::sql::render;

/// Makes a pool; `given` has every option that the faces know.
pub(super) fn pool(
    url: Option<&str>,
    given: &Bound<'_, PyDict>,
    is_async: bool,
) -> Result<Arc<Pool>> {
    take_notices_by(tell_meanwhile);
    let timeout: Option<f64> = option(given, "statement_timeout_s")?;
    let hooks: Option<Bound<'_, PyAny>> = option(given, "hooks")?;
    let asks = |hooks: &Bound<'_, PyAny>| hooks.getattr("password").is_ok_and(|ask| !ask.is_none());
    let ask_password = hooks.as_ref().filter(|hooks| asks(hooks));
    let options = Options {
        password: option::<Option<String>>(given, "password")?.map(Secret::new),
        ask_password: ask_password.map(|hooks| ask_password_of(hooks.clone().unbind())),
        connect_timeout: seconds(given, "connect_timeout_s")?,
        statement_timeout: timeout.map(|s| duration(s, "statement_timeout_s")).transpose()?,
        application_name: option(given, "application_name")?,
        statement_cache_size: option(given, "statement_cache_size")?,
        busy_wait: seconds(given, "busy_wait_s")?,
        json_decimals: option(given, "json_decimals")?,
    };
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config = Config::new(url, &options, variables)?;
    let (min_size, max_size) = (option(given, "min_size")?, option(given, "max_size")?);
    if max_size == 0 || min_size > max_size {
        return Err(Error::Interface(format!(
            "min_size={min_size}, max_size={max_size}: expected at least one connection, and no more at first than at most"
        )));
    }
    let limits = Limits {
        min_size,
        max_size,
        acquire_timeout: seconds(given, "acquire_timeout_s")?,
        max_idle: seconds(given, "max_idle_s")?,
        max_lifetime: seconds(given, "max_lifetime_s")?,
        pipeline_reads: option(given, "pipeline_reads")?,
        reset: reset(option::<Option<String>>(given, "reset")?.as_deref())?,
    };
    let pool = Pool::new(config, limits);
    if let Some(hooks) = hooks {
        pool.set_hooks(Box::new(PoolHooks::new(&hooks, is_async).map_err(raised)?));
    }
    Ok(pool)
}

/// How the state of a session is undone.
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

fn option<'py, T>(given: &Bound<'py, PyDict>, name: &str) -> Result<T>
where
    T: for<'a> FromPyObject<'a, 'py>,
    for<'a> <T as FromPyObject<'a, 'py>>::Error: Into<PyErr>,
{
    let value = given.get_item(name).map_err(raised)?;
    let value = value.ok_or_else(|| Error::Interface(format!("{name}: expected a value")))?;
    value.extract().map_err(|error: <T as FromPyObject<'_, 'py>>::Error| {
        Error::Interface(format!("{name}: {}", error.into()))
    })
}

fn seconds(given: &Bound<'_, PyDict>, name: &str) -> Result<Duration> {
    duration(option(given, name)?, name)
}

fn duration(value: f64, name: &str) -> Result<Duration> {
    Duration::try_from_secs_f64(value)
        .map_err(|_| Error::Interface(format!("{name}: expected seconds, 0 or more, got {value}")))
}
