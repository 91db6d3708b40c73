//! Host names into addresses. The system's resolver cannot be interrupted, and so it is waited for
//! in another thread's stead: a name server that is silent keeps no caller longer than it allows.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Instant;

use super::config::{Address, Endpoint, Host, shuffle};
use super::interrupt::{Interrupt, TICK};
use crate::error::{Error, Result};

impl Host {
    /// Where the host is; a name may have several addresses.
    ///
    /// # Errors
    /// When it has none, or they are not found by the deadline; what `interrupt` gives.
    pub(super) fn addresses(
        &self,
        shuffled: bool,
        deadline: Instant,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Vec<Address>> {
        let (host, address) = match &self.endpoint {
            Endpoint::Unix(path) => return Ok(vec![Address::Unix(path.clone())]),
            Endpoint::Tcp { host, address } => (host.as_str(), *address),
        };
        let shown = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let name = format!("{shown}:{}", self.port);
        if let Some(ip) = address.or_else(|| host.parse::<IpAddr>().ok()) {
            return Ok(vec![Address::Tcp { name, socket: SocketAddr::new(ip, self.port) }]);
        }
        let failed = |why: &str| {
            Error::Connection(format!("cannot connect to {name}: {why}; check the host's name"))
        };
        let (asked, port) = (host.to_owned(), self.port);
        let look_up = move || (asked, port).to_socket_addrs().map(Iterator::collect);
        let found: io::Result<Vec<SocketAddr>> = match in_thread(look_up, deadline, interrupt)? {
            Some(found) => found,
            None => return Err(failed("timed out while its name was looked up")),
        };
        let sockets = found.map_err(|error| failed(&error.to_string()))?;
        let mut addresses: Vec<_> =
            sockets.into_iter().map(|socket| Address::Tcp { name: name.clone(), socket }).collect();
        if addresses.is_empty() {
            return Err(failed("it has no address"));
        }
        if shuffled {
            shuffle(&mut addresses);
        }
        Ok(addresses)
    }
}

/// What `work` gives, in a thread of its own, which is left to itself when the deadline has passed:
/// `None` then.
fn in_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    deadline: Instant,
    interrupt: &mut Interrupt<'_>,
) -> Result<Option<T>> {
    let (log_notices, told) = sync_channel(1);
    let body = move || {
        // Nobody may be waiting any more.
        let _ = log_notices.send(work());
    };
    let spawned = std::thread::Builder::new().name("howdah resolve".into()).spawn(body);
    spawned.map_err(|error| {
        Error::Connection(format!("no thread to look up a host's name in: {error}"))
    })?;
    loop {
        match told.recv_timeout(TICK) {
            Ok(given) => return Ok(Some(given)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::Internal("the lookup of a host's name ended in a panic".into()));
            }
        }
        interrupt()?;
        if Instant::now() > deadline {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn test_in_thread_of_work_that_hangs_ends_by_the_deadline_and_by_the_interrupt() {
        let (free, hang) = channel::<()>();
        let (other_free, other_hang) = channel::<()>();
        let begun = Instant::now();
        let late = in_thread(move || hang.recv().ok(), begun, &mut || Ok(()));
        assert!(matches!(late, Ok(None)));
        let far = begun + Duration::from_secs(3600);
        let stop = &mut || Err(Error::Interrupted);
        let stopped = in_thread(move || other_hang.recv().ok(), far, stop);
        assert!(matches!(stopped, Err(Error::Interrupted)));
        assert!(begun.elapsed() < Duration::from_secs(30));
        drop((free, other_free));
        let given = in_thread(|| 7, far, &mut || Ok(()));
        assert!(matches!(given, Ok(Some(7))));
    }
}
