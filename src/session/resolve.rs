//! Resolves host names. The system's resolver cannot be interrupted, so it runs on a thread of its own, which the caller stops waiting
//! for when its time is up.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Instant;

use super::config::{Address, Endpoint, Host, shuffle};
use super::interrupt::{Interrupt, TICK};
use crate::error::{Error, Result};

impl Host {
    /// The addresses of the host; a name may have several.
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
        let (host, port) = (host.to_owned(), self.port);
        let look_up = move || (host, port).to_socket_addrs().map(Iterator::collect);
        let resolved: io::Result<Vec<SocketAddr>> = match in_thread(look_up, deadline, interrupt)? {
            Some(resolved) => resolved,
            None => return Err(failed("timed out while its name was looked up")),
        };
        let sockets = resolved.map_err(|error| failed(&error.to_string()))?;
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

/// Runs `work` on a thread of its own; `None` if it has not ended at the deadline, and then the thread runs on.
fn in_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    deadline: Instant,
    interrupt: &mut Interrupt<'_>,
) -> Result<Option<T>> {
    let (sender, receiver) = sync_channel(1);
    let body = move || {
        // It fails if the caller does not wait any more.
        let _ = sender.send(work());
    };
    let spawned = std::thread::Builder::new().name("howdah resolve".into()).spawn(body);
    spawned.map_err(|error| {
        Error::Connection(format!("cannot start a thread to look up a host's name: {error}"))
    })?;
    loop {
        match receiver.recv_timeout(TICK) {
            Ok(result) => return Ok(Some(result)),
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
