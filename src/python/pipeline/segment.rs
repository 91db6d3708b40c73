//! A segment of a pipeline: statements that are sent with one Sync.

use std::collections::VecDeque;
use std::sync::Arc;

use pyo3::prelude::*;

use super::super::gil::from_py_err;
use super::super::statement_codecs::{RowDecoder, RowKind};
use super::super::verbs::{forget_stale, row_error, rows_affected};
use super::{Pipeline, PipelineOutput, Queued};
use crate::error::{Error, Result};
use crate::execute;
use crate::session::copy_refused_error;
use crate::session::{Client, Reply, Statement};
use crate::types::OutOfRange;
use crate::wire::message::{HEADER_BYTES, Messages, tag};

/// The statements of one request that are not answered yet, in their order.
pub(super) struct Segment {
    pub reply: Reply,
    statements: VecDeque<(Queued, Arc<Statement>)>,
    /// The first part of the answer to the first of them.
    part: Vec<u8>,
    /// The first of them is a COPY, which is refused.
    is_copy: bool,
}

impl Segment {
    pub fn new(reply: Reply) -> Self {
        Self { reply, statements: VecDeque::new(), part: Vec::new(), is_copy: false }
    }

    pub fn push(&mut self, queued: Queued, statement: Arc<Statement>) {
        self.statements.push_back((queued, statement));
    }

    /// The statements without an answer, after the end of the reply.
    pub fn unanswered(self) -> impl Iterator<Item = Queued> {
        self.statements.into_iter().map(|(queued, _)| queued)
    }

    /// Takes the answers that have come. Returns whether there were any, and whether the reply has ended.
    pub fn take(
        &mut self,
        py: Python<'_>,
        client: &Client,
        pipeline: &Pipeline,
    ) -> Result<(bool, bool)> {
        let Some(arrived) = self.reply.try_next_chunk()? else { return Ok((false, false)) };
        let (mut error, ended) = (arrived.error, arrived.ended);
        // Messages are read from here on: those of the part were read before.
        let mut at = self.part.len();
        let bytes = if at == 0 {
            arrived.bytes
        } else {
            let mut part = std::mem::take(&mut self.part);
            part.extend_from_slice(&arrived.bytes);
            self.reply.recycle(arrived.bytes);
            part
        };
        let mut start = 0;
        for message in Messages(bytes.get(at..).unwrap_or_default()) {
            at += HEADER_BYTES + message.body.len();
            match message.tag {
                tag::COMPLETE | tag::EMPTY => {
                    let Some((queued, statement)) = self.statements.pop_front() else {
                        return Err(Error::Internal(
                            "the server sent more answers than there are statements".into(),
                        ));
                    };
                    let answer = bytes.get(start..at).unwrap_or_default();
                    let result = if std::mem::take(&mut self.is_copy) {
                        Err(copy_refused_error())
                    } else {
                        decode(py, &queued, &statement, answer)
                    };
                    let result =
                        result.map_err(|error| row_error(client, &queued.call.sql, true, error));
                    pipeline.set_result(py, &queued.result, result);
                    start = at;
                }
                tag::ERROR => {
                    // After the last statement, it is an error of the Sync, such as that of a deferred constraint.
                    if let Some((queued, statement)) = self.statements.pop_front() {
                        let error = Error::Server(error.take().unwrap_or_default());
                        let error = forget_stale(client, &queued.call.sql, &statement, error);
                        pipeline.set_result(py, &queued.result, Err(error));
                    }
                    start = at;
                }
                tag::COPY_OUT => self.is_copy = true,
                _ => {}
            }
        }
        if start == bytes.len() || ended {
            self.reply.recycle(bytes);
        } else if start == 0 {
            self.part = bytes;
        } else {
            self.part = bytes.get(start..).unwrap_or_default().to_vec();
        }
        Ok((true, ended))
    }
}

/// Decodes the whole answer to a statement.
fn decode(
    py: Python<'_>,
    queued: &Queued,
    statement: &Statement,
    answer: &[u8],
) -> Result<Py<PyAny>> {
    let rows = |kind: &RowKind| RowDecoder::new(py, execute::typed(statement)?, kind);
    let found = match &queued.output {
        PipelineOutput::Affected => {
            let rows = rows_affected(answer)
                .into_pyobject(py)
                .map_err(|error| from_py_err(error.into()))?;
            return Ok(rows.into_any().unbind());
        }
        PipelineOutput::Rows(kind) => return Ok(rows(kind)?.list(answer, 0)?.into_any().unbind()),
        PipelineOutput::Row(kind) => rows(kind)?.first(answer)?,
        PipelineOutput::Value => rows(&RowKind::values(OutOfRange::Error))?.value(answer)?,
    };
    Ok(found.map_or_else(|| py.None(), Bound::unbind))
}
