//! How a dead server is noticed: TCP keepalives and `tcp_user_timeout`.

use std::time::Duration;

use super::SECOND;
use super::conninfo::Conninfo;
use crate::error::Result;

/// TCP keepalives; `None` for the system's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// The silence before the first probe.
    pub idle: Option<Duration>,
    /// The time between two probes.
    pub interval: Option<Duration>,
    /// The number of probes.
    pub retries: Option<u32>,
}

/// How long the server may leave data unacknowledged (`tcp_user_timeout`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserTimeout {
    /// `None` for the system's default.
    pub limit: Option<Duration>,
    /// The user has not set it, so a server that reads slowly must not be taken for a dead one.
    pub is_suspended_for_long_requests: bool,
}

/// By default Linux sends the first keepalive probe after two hours of silence, and waits about 15 minutes for an acknowledgement
/// (`tcp_keepalive_time`, `tcp_retries2`). With these values, a server that is gone is noticed within a minute: 30 s of silence and
/// three probes. That also keeps connections in the tables of routers and firewalls, most of which drop idle ones after minutes.
pub(super) const KEEPALIVE: Keepalive = Keepalive {
    idle: Some(Duration::from_secs(30)),
    interval: Some(Duration::from_secs(10)),
    retries: Some(3),
};
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// Reads the parameters of keepalives; `None` if they are off.
pub(super) fn keepalive(conninfo: &Conninfo) -> Result<Option<Keepalive>> {
    if conninfo.number::<i32>("keepalives")? == Some(0) {
        return Ok(None);
    }
    let time = |name, default| match conninfo.get(name) {
        Some(_) => conninfo.time(name, SECOND),
        None => Ok(default),
    };
    let retries = conninfo.number::<i32>("keepalives_count")?;
    Ok(Some(Keepalive {
        idle: time("keepalives_idle", KEEPALIVE.idle)?,
        interval: time("keepalives_interval", KEEPALIVE.interval)?,
        retries: retries.map_or(KEEPALIVE.retries, above_zero),
    }))
}

/// Reads `tcp_user_timeout`.
pub(super) fn user_timeout(conninfo: &Conninfo) -> Result<UserTimeout> {
    Ok(match conninfo.get("tcp_user_timeout") {
        Some(_) => UserTimeout {
            limit: conninfo.time("tcp_user_timeout", Duration::from_millis(1))?,
            is_suspended_for_long_requests: false,
        },
        None => UserTimeout { limit: Some(USER_TIMEOUT), is_suspended_for_long_requests: true },
    })
}

fn above_zero(number: i32) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| *number > 0)
}
