//! Starts a session: sends the startup message and runs the [`Login`], on the calling thread.

use std::time::Instant;

use postgres_protocol::message::frontend;

use super::client::Client;
use super::config::Config;
use super::interrupt::{Interrupt, TICK};
use super::login::{Login, Rules, Step};
use super::protocol::LoginPhase;
use super::reply::Reply;
use crate::error::{Error, Result};
use crate::wire::message::Messages;

/// How many iterations of SCRAM are computed between two looks at the clock: about a millisecond's work.
const ROUNDS_AT_ONCE: u32 = 4096;

/// Sends the startup message, authenticates, and waits until the server is ready.
pub(super) fn start(
    client: &Client,
    config: &Config,
    rules: Rules<'_>,
    deadline: Instant,
    interrupt: &mut Interrupt<'_>,
) -> Result<()> {
    let mut parameters = vec![
        ("client_encoding", "UTF8"),
        ("user", config.user.as_str()),
        ("database", config.database.as_str()),
    ];
    parameters.extend(config.settings.iter().map(|(name, value)| (&**name, &**value)));
    let request = client.send_plain(|out| Ok(frontend::startup_message(parameters, out)?));
    let mut reply = in_time(client, deadline, interrupt, request)?;
    let mut login = Login::new(rules);
    loop {
        let chunk = in_time(client, deadline, interrupt, reply.next_chunk())?;
        for message in Messages(&chunk.bytes) {
            let step = match login.receive(message)? {
                Step::Derive => derive(&mut login, deadline, interrupt)?,
                step => step,
            };
            act(client, &mut reply, step)?;
        }
        if chunk.ended {
            if !login.is_ready() {
                return Err(Error::Internal(
                    "the server has sent ReadyForQuery before the login was complete".into(),
                ));
            }
            client.0.protocol().login_phase = LoginPhase::Begun;
            return Ok(());
        }
    }
}

fn act(client: &Client, reply: &mut Reply, step: Step) -> Result<()> {
    match step {
        Step::Wait => {}
        Step::Send(bytes) => reply.send_more(|out| {
            out.extend_from_slice(&bytes);
            Ok(())
        })?,
        Step::Key(process, secret) => *client.0.key() = Some((process, secret)),
        Step::Derive => return Err(Error::Internal("the SCRAM proof was not computed".into())),
    }
    Ok(())
}

/// Computes the SCRAM proof. The server chooses the number of iterations, so `interrupt` and the deadline are checked meanwhile.
fn derive(login: &mut Login<'_>, deadline: Instant, interrupt: &mut Interrupt<'_>) -> Result<Step> {
    let mut checked_at = Instant::now();
    loop {
        match login.derive(ROUNDS_AT_ONCE)? {
            Step::Derive => {}
            step => return Ok(step),
        }
        if checked_at.elapsed() < TICK {
            continue;
        }
        checked_at = Instant::now();
        interrupt()?;
        if checked_at > deadline {
            let (done, total) = login.progress().unwrap_or_default();
            return Err(Error::Connection(format!(
                "timed out after {done} of the {total} SCRAM iterations that the server asks for (its scram_iterations when the password was set); raise connect_timeout, or set the password again with fewer"
            )));
        }
    }
}

/// Runs an operation until the deadline.
pub(super) fn in_time<T>(
    client: &Client,
    deadline: Instant,
    interrupt: &mut Interrupt<'_>,
    operation: impl Future<Output = Result<T>>,
) -> Result<T> {
    match client.block_on(Some(deadline), interrupt, std::pin::pin!(operation)) {
        Ok(result) => result,
        Err(Error::Interrupted) if Instant::now() > deadline => {
            Err(Error::Connection("timed out".into()))
        }
        Err(stopped) => Err(stopped),
    }
}
