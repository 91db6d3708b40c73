//! The limit of any client built on tokio-postgres: bytes that are ready are sent, rows that arrive are not decoded.
//!
//! ```text
//! limit load URL TABLE FILE ROUNDS    send FILE (written by the server: COPY … TO … BINARY) into TABLE
//! limit drain URL SQL ROUNDS          run SQL and let every DataRow go as it comes
//! ```
//!
//! Prints `ready` once connected. Then every line on stdin starts one round, and one line answers it: seconds and
//! rows, so that rounds can alternate with those of other clients. Ends after ROUNDS rounds or at the end of stdin.

use std::error::Error;
use std::io::{BufRead, Write};
use std::pin::pin;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::{Client, NoTls, Statement};

/// Bytes in one `CopyData` message: from 8 KiB to 2 MiB the figures differ by a tenth, and these were the fastest.
const CHUNK_BYTES: usize = 512 * 1024;

const USAGE: &str = "expected: limit load URL TABLE FILE ROUNDS, or: limit drain URL SQL ROUNDS";

/// What one round does; all that can be made before the clock starts is in here.
enum Job {
    Load { copy: Statement, chunks: Vec<Bytes> },
    Drain { query: Statement },
}

impl Job {
    /// Runs one round and returns its rows.
    async fn run(&self, client: &Client) -> Result<u64, tokio_postgres::Error> {
        match self {
            Self::Load { copy, chunks } => {
                let mut sink = pin!(client.copy_in(copy).await?);
                for chunk in chunks {
                    sink.feed(chunk.clone()).await?;
                }
                sink.finish().await
            }
            Self::Drain { query } => {
                let mut stream = pin!(client.query_raw(query, Vec::<i32>::new()).await?);
                let mut rows = 0;
                while stream.try_next().await?.is_some() {
                    rows += 1;
                }
                Ok(rows)
            }
        }
    }
}

/// Cuts the content of a COPY file into messages without copying it again.
fn chunks_of(content: &Bytes) -> Vec<Bytes> {
    (0..content.len())
        .step_by(CHUNK_BYTES)
        .map(|start| content.slice(start..content.len().min(start + CHUNK_BYTES)))
        .collect()
}

/// Connects, prepares and answers one round to each line of stdin.
async fn serve(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let (url, rounds) = match arguments {
        [verb, url, _, _, rounds] if verb == "load" => (url, rounds),
        [verb, url, _, rounds] if verb == "drain" => (url, rounds),
        _ => return Err(USAGE.into()),
    };
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("limit: connection: {error}");
        }
    });
    let job = if let [_, _, table, file, _] = arguments {
        let chunks = chunks_of(&Bytes::from(std::fs::read(file)?));
        let copy = client
            .prepare(&format!("COPY {table} FROM STDIN (FORMAT binary)"))
            .await?;
        Job::Load { copy, chunks }
    } else {
        Job::Drain {
            query: client.prepare(&arguments[2]).await?,
        }
    };

    let mut out = std::io::stdout();
    writeln!(out, "ready")?;
    out.flush()?;
    // Waiting for a line blocks the one thread there is: between rounds it has nothing else to do.
    for line in std::io::stdin().lock().lines().take(rounds.parse()?) {
        line?;
        let start = Instant::now();
        let rows = job.run(&client).await?;
        writeln!(out, "{:.9} {rows}", start.elapsed().as_secs_f64())?;
        out.flush()?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve(&arguments))
}
