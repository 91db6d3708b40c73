//! The beginning of a session: the startup message, and then the [`Login`], driven on this thread.

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

/// How many rounds of a proof are computed between two looks at the clock: about a millisecond's.
const ROUNDS_AT_ONCE: u32 = 4096;

/// Introduces us to the server, and waits until it is ready.
///
/// # Errors
/// What the server says; a way of authentication that we do not know, or not want; what `interrupt`
/// gives; that it took longer than the deadline.
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
    let asked = client.send_plain(|out| Ok(frontend::startup_message(parameters, out)?));
    let mut reply = in_time(client, deadline, interrupt, asked)?;
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
                return Err(Error::Internal("a login that ended before its end".into()));
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
        Step::Derive => return Err(Error::Internal("a proof that is not computed".into())),
    }
    Ok(())
}

/// Computes a proof to its end. The server chose how long that takes: whoever waits can leave, and
/// the deadline holds.
fn derive(login: &mut Login<'_>, deadline: Instant, interrupt: &mut Interrupt<'_>) -> Result<Step> {
    let mut asked = Instant::now();
    loop {
        match login.derive(ROUNDS_AT_ONCE)? {
            Step::Derive => {}
            step => return Ok(step),
        }
        if asked.elapsed() < TICK {
            continue;
        }
        asked = Instant::now();
        interrupt()?;
        if asked > deadline {
            let (done, total) = login.progress().unwrap_or_default();
            return Err(Error::Connection(format!(
                "timed out after {done} of the {total} SCRAM iterations that the server asks for (its scram_iterations when the password was set); raise connect_timeout, or set the password again with fewer"
            )));
        }
    }
}

/// Pumps an operation to its end, or until the deadline.
///
/// # Errors
/// The operation's own; what `interrupt` gives; that it took longer.
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
