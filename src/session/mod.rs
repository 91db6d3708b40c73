//! One conversation with the server, driven by whoever waits for it. The only folder that touches
//! the network.

mod cancel;
pub mod config;
mod drive;
mod fault;
mod interrupt;
pub mod pool;
mod socket;
mod statements;

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};

use crate::error::{Error, Result};
use config::{Address, Config};
pub use interrupt::Interrupt;
pub use socket::Signals;
use socket::Socket;
pub use statements::Remembering;
use statements::Statements;

/// A connection: the client that asks, the connection that carries, and the socket below.
pub struct Session {
    client: Client,
    connection: Pin<Box<Connection<Socket, NoTlsStream>>>,
    socket: Arc<Signals>,
    address: Address,
    /// Why nothing more can be sent.
    broken: Option<String>,
    statements: Statements,
}

/// How long a cancelled statement may take to end before its connection is given up.
const CANCEL_PATIENCE: Duration = Duration::from_secs(5);

impl Session {
    /// Connects to the first address that answers.
    ///
    /// # Errors
    /// When none does, or the server turns the user away.
    pub fn connect(config: &Config, interrupt: &mut Interrupt<'_>) -> Result<Self> {
        let mut last = None;
        for address in config.addresses()? {
            match Self::connect_to(&address, config, interrupt) {
                Ok(session) => return Ok(session),
                Err(error @ Error::Connection(_)) => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::Connection("no host to connect to".into())))
    }

    fn connect_to(
        address: &Address,
        config: &Config,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Self> {
        let deadline = Instant::now() + config.connect_timeout;
        let (socket, signals) = Socket::connect(address, deadline, interrupt)?;
        let startup = config.startup.connect_raw(socket, NoTls);
        let (client, connection) =
            drive::until(&signals, Some(deadline), interrupt, startup, address)?
                .map_err(|error| fault::at_startup(&error, address))?;
        Ok(Self {
            client,
            connection: Box::pin(connection),
            socket: signals,
            address: address.clone(),
            broken: None,
            statements: Statements::default(),
        })
    }

    /// Runs an operation to its end, on this thread.
    ///
    /// # Errors
    /// The operation's own; [`Error::Connection`] when the connection broke; what `interrupt`
    /// gave, after the running statement was cancelled at the server.
    pub fn run<T>(
        &mut self,
        interrupt: &mut Interrupt<'_>,
        operation: impl AsyncFnOnce(Remembering<'_>) -> Result<T>,
    ) -> Result<T> {
        if let Some(reason) = &self.broken {
            return Err(Error::Connection(reason.clone()));
        }
        let Self { client, connection, socket, address, broken, statements, .. } = self;
        let mut future = std::pin::pin!(operation(Remembering { client, statements }));
        let mut pump = |cx: &mut std::task::Context<'_>| carry(connection, cx);
        let result = drive::pump(socket, None, interrupt, future.as_mut(), &mut pump);
        let stopped = match result {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => {
                return Err(lost(error, connection, socket, address, broken));
            }
            Err(drive::Stopped::Broken(reason)) => {
                return Err(end_of_connection(&reason, address, broken));
            }
            Err(drive::Stopped::Interrupted(error)) => error,
        };
        cancel::request(client, address);
        let patience = Some(Instant::now() + CANCEL_PATIENCE);
        match drive::pump(socket, patience, &mut || Ok(()), future, &mut pump) {
            Ok(_) => {}
            Err(_) => *broken = Some("the statement did not stop when it was cancelled".into()),
        }
        Err(stopped)
    }

    /// The client, to keep what it prepares beyond one operation.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the server has said something is wrong while rows are being copied in.
    #[must_use]
    pub fn signals(&self) -> Arc<Signals> {
        Arc::clone(&self.socket)
    }

    /// The major version of the server; 0 when it does not tell.
    #[must_use]
    pub fn server_version(&self) -> u32 {
        let version = self.connection.parameter("server_version").unwrap_or("");
        version.split(['.', ' ', 'b', 'r', 'd']).next().and_then(|v| v.parse().ok()).unwrap_or(0)
    }

    /// Runs an operation that, when it fails, leaves nobody knowing what the server says next.
    ///
    /// # Errors
    /// As [`Session::run`]; the session is then broken.
    pub fn run_at_risk<T>(
        &mut self,
        interrupt: &mut Interrupt<'_>,
        operation: impl AsyncFnOnce(Remembering<'_>) -> Result<T>,
    ) -> Result<T> {
        self.run(interrupt, operation).inspect_err(|error| {
            self.broken.get_or_insert_with(|| format!("an operation was broken off: {error}"));
        })
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn begin(&mut self, interrupt: &mut Interrupt<'_>) -> Result<()> {
        self.batch(interrupt, "BEGIN")
    }

    /// Commits the transaction. From here on the caller waits: an interrupt would leave it not
    /// knowing whether the server had committed.
    ///
    /// # Errors
    /// As [`Session::run`]; when the connection broke, nobody knows whether the server committed.
    pub fn commit(&mut self) -> Result<()> {
        self.batch(&mut || Ok(()), "COMMIT").map_err(|error| match error {
            Error::Connection(reason) => Error::Connection(outcome_unknown(&reason)),
            error => error,
        })
    }

    /// Rolls back whatever transaction there is; a session that cannot is broken.
    pub fn rollback(&mut self) {
        if self.broken.is_none() && self.socket.transaction_status() != Some(b'I') {
            let deadline = Instant::now() + CANCEL_PATIENCE;
            let mut patience =
                || if Instant::now() > deadline { Err(Error::Interrupted) } else { Ok(()) };
            // The failure breaks the session, and that is all there is to say.
            let _ = self.run_at_risk(&mut patience, async |client| {
                client.batch_execute("ROLLBACK").await.map_err(Error::from)
            });
        }
    }

    /// Runs statements without parameters.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn batch(&mut self, interrupt: &mut Interrupt<'_>, sql: &str) -> Result<()> {
        self.run(interrupt, async |client| client.batch_execute(sql).await.map_err(Error::from))
    }

    /// Whether nothing more can be sent.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Whether the next caller can have it as it is: outside of any transaction, all said.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.broken.is_none()
            && !self.client.is_closed()
            && self.socket.transaction_status() == Some(b'I')
    }

    /// Whether an idle session is still good; takes in what the server has said meanwhile.
    pub fn is_fresh(&mut self) -> bool {
        if self.is_clean() && self.socket.is_readable() {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            self.broken = carry(&mut self.connection, &mut cx).err();
        }
        self.is_clean()
    }
}

/// What to do when the answer to a COMMIT is lost.
#[must_use]
pub fn outcome_unknown(reason: &str) -> String {
    format!(
        "{reason}; the answer to the commit was lost: look whether the rows are there before you repeat it"
    )
}

impl Drop for Session {
    /// Says goodbye, if the socket takes it at once.
    fn drop(&mut self) {
        self.client.__private_api_close();
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = carry(&mut self.connection, &mut cx);
    }
}

/// Lets the connection do what it can, and passes on what the server says besides.
fn carry(
    connection: &mut Pin<Box<Connection<Socket, NoTlsStream>>>,
    cx: &mut std::task::Context<'_>,
) -> Result<(), String> {
    use std::task::Poll;
    loop {
        match connection.poll_message(cx) {
            Poll::Pending => return Ok(()),
            // Notices and notifications are not asked for yet.
            Poll::Ready(Some(Ok(AsyncMessage::Notice(_) | AsyncMessage::Notification(_) | _))) => {}
            Poll::Ready(Some(Err(error))) => return Err(fault::reason(&error)),
            Poll::Ready(None) => return Err("the connection was closed".into()),
        }
    }
}

/// The error of an operation; when the connection closed under it, the reason for that.
fn lost(
    error: Error,
    connection: &mut Pin<Box<Connection<Socket, NoTlsStream>>>,
    socket: &Signals,
    address: &Address,
    broken: &mut Option<String>,
) -> Error {
    let closing = match &error {
        Error::Server(server) => server.sqlstate.starts_with("57P"),
        Error::Connection(_) => true,
        _ => false,
    };
    if !closing {
        return error;
    }
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    socket.reset();
    let reason = carry(connection, &mut cx).err();
    match error {
        Error::Connection(message) => {
            end_of_connection(&reason.unwrap_or(message), address, broken)
        }
        error => {
            *broken = Some(error.to_string());
            error
        }
    }
}

fn end_of_connection(reason: &str, address: &Address, broken: &mut Option<String>) -> Error {
    let message = format!("lost the connection to {address}: {reason}");
    *broken = Some(message.clone());
    Error::Connection(message)
}
