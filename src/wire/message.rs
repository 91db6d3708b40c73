//! Messages from the server: a type byte, a length that includes itself, and a body.
//!
//! Formats: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::borrow::Cow;

use super::{Malformed, fixed};

/// A message's type byte and body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The type byte.
    pub tag: u8,
    /// The bytes after the length.
    pub body: &'a [u8],
}

/// The type byte and the length.
pub const HEADER_BYTES: usize = 5;

/// Type bytes of messages.
pub mod tag {
    /// `AuthenticationOk` and the other authentication messages.
    pub const AUTHENTICATION: u8 = b'R';
    /// `BackendKeyData`.
    pub const KEY: u8 = b'K';
    /// `CommandComplete`.
    pub const COMPLETE: u8 = b'C';
    /// `CopyInResponse`.
    pub const COPY_IN: u8 = b'G';
    /// `CopyOutResponse`.
    pub const COPY_OUT: u8 = b'H';
    /// `DataRow`.
    pub const ROW: u8 = b'D';
    /// `ErrorResponse`.
    pub const ERROR: u8 = b'E';
    /// `NegotiateProtocolVersion`.
    pub const NEGOTIATE: u8 = b'v';
    /// `NoData`.
    pub const NO_DATA: u8 = b'n';
    /// `NoticeResponse`.
    pub const NOTICE: u8 = b'N';
    /// `NotificationResponse`.
    pub const NOTIFICATION: u8 = b'A';
    /// `ParameterDescription`.
    pub const PARAMETERS: u8 = b't';
    /// `ParameterStatus`.
    pub const SETTING: u8 = b'S';
    /// `PortalSuspended`.
    pub const SUSPENDED: u8 = b's';
    /// `EmptyQueryResponse`.
    pub const EMPTY: u8 = b'I';
    /// `BindComplete`.
    pub const BOUND: u8 = b'2';
    /// `CopyData`.
    pub const COPY_DATA: u8 = b'd';
    /// `ReadyForQuery`.
    pub const READY: u8 = b'Z';
    /// All messages that are allowed after startup, except `CopyBothResponse` (`W`), which only
    /// replication uses.
    pub const ALL: &[u8] = b"123ACDEGHINSTZcdnst";
    /// Messages that are only allowed during startup.
    pub const AT_START: &[u8] = b"RKv";
    /// `RowDescription`.
    pub const COLUMNS: u8 = b'T';
}

/// The length of the message at the start of `bytes`, with its header; `None` if the header is
/// incomplete.
///
/// # Errors
/// When the length is invalid.
pub fn length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some([_, a, b, c, d]) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let length = i32::from_be_bytes([*a, *b, *c, *d]);
    match usize::try_from(length) {
        Ok(length) if (4..=MAX_MESSAGE_BYTES).contains(&length) => Ok(Some(length + 1)),
        _ => Err(Malformed(format!("a message of {length} bytes"))),
    }
}

/// The server's own limit on messages that it receives (`MaxAllocSize`).
const MAX_MESSAGE_BYTES: usize = 0x3fff_ffff;

/// An iterator over complete messages.
#[derive(Debug, Clone)]
pub struct Messages<'a>(pub &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    #[inline]
    fn next(&mut self) -> Option<Message<'a>> {
        let length = length(self.0).ok()??;
        let (message, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        let (tag, body) = (*message.first()?, message.get(HEADER_BYTES..)?);
        Some(Message { tag, body })
    }
}

/// A reader of a message's body.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a>(pub &'a [u8]);

impl<'a> Body<'a> {
    /// The next `count` bytes.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(cut_short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next two bytes as an `i16`.
    #[inline]
    pub fn int16(&mut self) -> Result<i16, Malformed> {
        Ok(i16::from_be_bytes(fixed(self.take(2)?)?))
    }

    /// The next four bytes as an `i32`.
    #[inline]
    pub fn int32(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_be_bytes(fixed(self.take(4)?)?))
    }

    /// The next four bytes as an OID.
    pub fn oid(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(fixed(self.take(4)?)?))
    }

    /// The text up to the next zero byte. It may be other than UTF-8 before the session's encoding
    /// is set, and in error messages of that time.
    ///
    /// # Errors
    /// When there is no zero byte.
    pub fn text(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let end = memchr::memchr(0, self.0).ok_or_else(cut_short)?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(String::from_utf8_lossy(text))
    }
}

impl Body<'_> {
    /// Checks that the body was read completely.
    #[inline]
    pub fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Malformed("a message with bytes left over".into()))
        }
    }
}

fn cut_short() -> Malformed {
    Malformed("a message that ends too early".into())
}

/// A column of a `RowDescription`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDescription {
    /// Its name.
    pub name: String,
    /// Its type's OID.
    pub oid: u32,
    /// Its type's modifier; -1 for none.
    pub typmod: i32,
}

/// Reads a `RowDescription`.
pub fn columns(body: &[u8]) -> Result<Vec<ColumnDescription>, Malformed> {
    let mut body = Body(body);
    let columns: Result<Vec<_>, Malformed> = (0..body.int16()?.cast_unsigned())
        .map(|_| {
            let name = body.text()?.into_owned();
            body.take(6)?;
            let oid = body.oid()?;
            body.take(2)?;
            let typmod = body.int32()?;
            body.take(2)?;
            Ok(ColumnDescription { name, oid, typmod })
        })
        .collect();
    body.end()?;
    columns
}

/// Reads a `ParameterDescription`.
pub fn parameters(body: &[u8]) -> Result<Vec<u32>, Malformed> {
    let mut body = Body(body);
    let count = body.int16()?.cast_unsigned();
    let parameters: Result<Vec<_>, Malformed> = (0..count).map(|_| body.oid()).collect();
    body.end()?;
    parameters
}

/// A reader of the cells of a `DataRow`.
#[derive(Debug, Clone)]
pub struct Cells<'a>(Body<'a>);

impl<'a> Cells<'a> {
    /// Starts to read a row that must have `columns` cells.
    ///
    /// # Errors
    /// When the row has another number of cells.
    #[inline]
    pub fn new(body: &'a [u8], columns: usize) -> Result<Self, Malformed> {
        let mut body = Body(body);
        let count = usize::from(body.int16()?.cast_unsigned());
        if count == columns {
            Ok(Self(body))
        } else {
            Err(Malformed(format!("expected a row of {columns} columns, got {count}")))
        }
    }

    /// Checks that the row was read completely.
    #[inline]
    pub fn end(self) -> Result<(), Malformed> {
        self.0.end()
    }

    /// The next cell; `None` for NULL.
    #[inline]
    pub fn cell(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.0.int32()? {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) => self.0.take(length).map(Some),
                Err(_) => Err(Malformed(format!("a value of {length} bytes"))),
            },
        }
    }
}

/// How a response to Execute ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With `CommandComplete` or `EmptyQueryResponse`.
    Complete,
    /// With `PortalSuspended`: another Execute returns more rows.
    Suspended,
    /// With `CopyInResponse` or `CopyOutResponse`.
    Copy,
}

/// Checks the response to Execute messages as it arrives: which messages it has, and how it ends.
#[derive(Debug, Clone, Default)]
pub struct Ends {
    end: Option<End>,
    described: bool,
}

impl Ends {
    /// For a response that may begin with `ParseComplete` and a description.
    #[must_use]
    pub fn described() -> Self {
        Self { end: None, described: true }
    }

    /// Checks the next complete messages of the response.
    ///
    /// # Errors
    /// When a message is not allowed at its position.
    pub fn see(&mut self, part: &[u8]) -> Result<(), Malformed> {
        for message in Messages(part) {
            self.end = match message.tag {
                _ if self.end == Some(End::Copy) => return Ok(()),
                tag::ROW | tag::BOUND => None,
                tag::COMPLETE | tag::EMPTY => Some(End::Complete),
                tag::SUSPENDED => Some(End::Suspended),
                tag::COPY_IN | tag::COPY_OUT => Some(End::Copy),
                // CloseComplete of an evicted statement.
                b'3' if self.end.is_none() => None,
                b'1' | tag::COLUMNS | tag::NO_DATA if self.described && self.end.is_none() => None,
                tag::READY => self.end,
                other => {
                    let other = char::from(other);
                    let why = format!("unexpected message {other:?} in a response");
                    return Err(Malformed(why));
                }
            };
        }
        Ok(())
    }

    /// How the complete response ends. A response without an end is incomplete, and rows are
    /// missing.
    ///
    /// # Errors
    /// When the response has no end.
    pub fn end(&self) -> Result<End, Malformed> {
        self.end.ok_or_else(|| Malformed("a response that ends without CommandComplete".into()))
    }
}

/// How a complete response to Execute messages ends.
pub fn end_of(response: &[u8]) -> Result<End, Malformed> {
    let mut ends = Ends::default();
    ends.see(response)?;
    ends.end()
}

/// The row count of a `CommandComplete`; 0 if it has none.
#[must_use]
pub fn rows_affected(body: &[u8]) -> u64 {
    let tag = body.strip_suffix(&[0]).unwrap_or(body);
    let number = tag.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    std::str::from_utf8(number).ok().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The fields of an `ErrorResponse` or a `NoticeResponse`, by their field codes:
/// <https://www.postgresql.org/docs/current/protocol-error-fields.html>.
pub fn fields(body: &[u8]) -> impl Iterator<Item = (u8, Cow<'_, str>)> {
    let mut body = Body(body);
    std::iter::from_fn(move || {
        let kind = *body.take(1).ok()?.first()?;
        if kind == 0 { None } else { Some((kind, body.text().ok()?)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_length_of_headers_is_checked() {
        assert_eq!(length(b""), Ok(None));
        assert_eq!(length(b"Z\0\0\0"), Ok(None));
        assert_eq!(length(b"Z\0\0\0\x05"), Ok(Some(6)));
        for bad in [*b"D\0\0\0\0", *b"D\0\0\0\x03", *b"D\xff\xff\xff\xff", *b"D\x7f\xff\xff\xff"] {
            assert!(length(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn test_messages_of_truncated_bytes_stop_at_the_last_complete_one() {
        let bytes = b"C\0\0\0\x0dINSERT 0\0Z\0\0\0\x05I";
        let tags = |bytes| Messages(bytes).map(|message| message.tag).collect::<Vec<_>>();
        assert_eq!(tags(bytes), [b'C', b'Z']);
        for cut in 0..14 {
            assert_eq!(tags(&bytes[..cut]), [0; 0]);
        }
    }

    #[test]
    fn test_cells_of_rows_are_counted_and_null_or_bytes() {
        let body = b"\0\x02\xff\xff\xff\xff\0\0\0\x02ab";
        let mut cells = Cells::new(body, 2).unwrap();
        assert_eq!(cells.cell(), Ok(None));
        assert_eq!(cells.cell(), Ok(Some(&b"ab"[..])));
        assert!(cells.cell().is_err());
        assert!(Cells::new(body, 3).is_err());
        assert!(Cells::new(b"\0", 0).is_err());
        for bad in [&b"\0\x01\0\0\0\x03ab"[..], b"\0\x01\xff\xff\xff\xfe", b"\0\x01\0\0"] {
            assert!(Cells::new(bad, 1).unwrap().cell().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn test_columns_of_truncated_descriptions_are_errors() {
        let mut body = vec![0, 1];
        body.extend(b"id\0\0\0\0\x07\0\x01\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0");
        let column = ColumnDescription { name: "id".into(), oid: 23, typmod: -1 };
        assert_eq!(columns(&body), Ok(vec![column]));
        for cut in 0..body.len() {
            assert!(columns(&body[..cut]).is_err(), "{cut}");
        }
        assert!(parameters(b"\0\x02\0\0\0\x17").is_err());
        assert_eq!(parameters(b"\0\x01\0\0\0\x17"), Ok(vec![23]));
    }

    #[test]
    fn test_rows_affected_of_tags_is_their_last_number() {
        for (tag, rows) in [("INSERT 0 5", 5), ("SELECT 12", 12), ("BEGIN", 0), ("", 0)] {
            assert_eq!(rows_affected(format!("{tag}\0").as_bytes()), rows, "{tag}");
        }
    }

    #[test]
    fn test_fields_of_errors_end_at_the_zero() {
        let parsed: Vec<_> = fields(b"SERROR\0C42P01\0\0rest").collect();
        assert_eq!(parsed, [(b'S', "ERROR".into()), (b'C', "42P01".into())]);
        assert_eq!(fields(b"SERROR").count(), 0);
    }
}
