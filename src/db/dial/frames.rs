//! Unnamed statements, for a pooler that assigns server connections per transaction.
//!
//! The driver prepares a statement under a name (`sqlx_s_1`) and binds it later by that name. A
//! pooler in transaction mode may run the two on different server connections, where the name is
//! missing or, worse, belongs to a statement of another client. This module rewrites the driver's
//! messages: it keeps the text of each statement, and precedes each Bind with a Parse of that text
//! as the unnamed statement, in the same batch. A pooler never splits a batch before its Sync, so a
//! Bind always finds its own statement, inside and outside of a transaction.
//!
//! Formats: PostgreSQL manual, 55.7, Message Formats. Responses are unchanged: the driver skips the
//! additional ParseComplete.

use std::{collections::HashMap, io};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

/// Size of a read, in bytes: a chunk of a COPY of many rows.
const BUFFER: usize = 64 * 1024;

/// The longest message that is parsed. The server accepts no longer one.
const LONGEST: usize = 0x3fff_ffff;

/// Forwards the client's messages, with unnamed statements, until it disconnects.
pub(super) async fn forward<R, W>(client: R, mut server: W) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut client = BufReader::with_capacity(BUFFER, client);
    let mut statements = Statements::default();
    // Only the start-up message has no type.
    let length = match client.read_u32().await {
        Ok(length) => length,
        Err(error) => return hung_up(error),
    };
    server.write_u32(length).await?;
    copy(&mut client, &mut server, body_length(length)?).await?;
    server.flush().await?;
    let mut out = BytesMut::new();
    loop {
        if client.buffer().is_empty() {
            server.flush().await?;
            if client.fill_buf().await?.is_empty() {
                return server.shutdown().await;
            }
        }
        let kind = client.read_u8().await?;
        let length = client.read_u32().await?;
        let rest = body_length(length)?;
        if !Statements::concerns(kind) {
            statements.passes(kind);
            server.write_u8(kind).await?;
            server.write_u32(length).await?;
            copy(&mut client, &mut server, rest).await?;
            continue;
        }
        let mut body = vec![0; rest];
        client.read_exact(&mut body).await?;
        out.clear();
        statements.rewrite(kind, Bytes::from(body), &mut out)?;
        server.write_all(&out).await?;
    }
}

/// Ignores a client that disconnects before it has sent anything.
fn hung_up(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Ok(()),
        _ => Err(error),
    }
}

/// Returns the length of a body: the length of a message includes itself.
fn body_length(length: u32) -> io::Result<usize> {
    usize::try_from(length)
        .ok()
        .and_then(|length| length.checked_sub(4))
        .filter(|length| *length <= LONGEST)
        .ok_or_else(|| malformed("a length"))
}

async fn copy<R, W>(client: &mut BufReader<R>, server: &mut W, length: usize) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut left = length;
    while left > 0 {
        let available = client.fill_buf().await?;
        if available.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let some = available.len().min(left);
        server.write_all(&available[..some]).await?;
        client.consume(some);
        left -= some;
    }
    Ok(())
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the driver sent a message with {what} that is malformed"),
    )
}

/// The statements that the driver has prepared, by name.
#[derive(Debug, Default)]
struct Statements {
    /// The part of a Parse after the name: text and types of parameters.
    prepared: HashMap<Bytes, Bytes>,
    /// The name of the statement that the unnamed statement of this batch currently holds.
    current: Option<Bytes>,
}

impl Statements {
    /// Reports whether a message of that type refers to a statement: Parse, Bind, Describe, Close.
    const fn concerns(kind: u8) -> bool {
        matches!(kind, b'P' | b'B' | b'D' | b'C')
    }

    /// Handles any other message. A Sync ends the batch; a Query replaces the unnamed statement.
    fn passes(&mut self, kind: u8) {
        if matches!(kind, b'S' | b'Q') {
            self.current = None;
        }
    }

    fn rewrite(&mut self, kind: u8, mut body: Bytes, out: &mut BytesMut) -> io::Result<()> {
        match kind {
            b'P' => {
                let name = text(&mut body)?;
                self.prepared.insert(name.clone(), body.clone());
                self.current = Some(name);
                parse(&body, out);
            }
            b'B' => {
                let portal = text(&mut body)?;
                let name = text(&mut body)?;
                self.ready(&name, out)?;
                message(b'B', out, |out| {
                    put_text(&portal, out);
                    put_text(b"", out);
                    out.put_slice(&body);
                });
            }
            // Refers to a statement, or to a portal, which lasts no longer than its transaction.
            _ if body.first() == Some(&b'S') => {
                body.advance(1);
                let name = text(&mut body)?;
                if kind == b'C' {
                    self.prepared.remove(&name);
                    self.current = None;
                } else {
                    self.ready(&name, out)?;
                }
                message(kind, out, |out| {
                    out.put_u8(b'S');
                    put_text(b"", out);
                });
            }
            _ => message(kind, out, |out| out.put_slice(&body)),
        }
        Ok(())
    }

    /// Makes `name` the unnamed statement of this batch.
    fn ready(&mut self, name: &Bytes, out: &mut BytesMut) -> io::Result<()> {
        if self.current.as_ref() == Some(name) {
            return Ok(());
        }
        let prepared = self
            .prepared
            .get(name)
            .ok_or_else(|| malformed("the name of a statement"))?;
        parse(prepared, out);
        self.current = Some(name.clone());
        Ok(())
    }
}

fn parse(prepared: &[u8], out: &mut BytesMut) {
    message(b'P', out, |out| {
        put_text(b"", out);
        out.put_slice(prepared);
    });
}

fn message(kind: u8, out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    out.put_u8(kind);
    let start = out.len();
    out.put_u32(0);
    body(out);
    let length = u32::try_from(out.len() - start).expect("no longer than what was read");
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

fn put_text(text: &[u8], out: &mut BytesMut) {
    out.put_slice(text);
    out.put_u8(0);
}

/// Reads a text up to its zero byte.
fn text(body: &mut Bytes) -> io::Result<Bytes> {
    let end = body
        .iter()
        .position(|byte| *byte == 0)
        .ok_or_else(|| malformed("a text"))?;
    let text = body.split_to(end);
    body.advance(1);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        message(kind, &mut out, |out| out.put_slice(body));
        out.to_vec()
    }

    /// Returns what the server receives for these messages, after the start-up message.
    fn forwarded(messages: &[Vec<u8>]) -> Vec<u8> {
        let startup = [0, 0, 0, 8, 0, 3, 0, 0];
        let input: Vec<u8> = startup.iter().copied().chain(messages.concat()).collect();
        let mut output = io::Cursor::new(Vec::new());
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(forward(input.as_slice(), &mut output))
            .unwrap();
        let output = output.into_inner();
        assert_eq!(output[..8], startup);
        output[8..].to_vec()
    }

    #[test]
    fn each_bind_is_preceded_by_its_own_statement() {
        let sync = sent(b'S', b"");
        let of = |name: &str, sql: &str| sent(b'P', format!("{name}\0{sql}\0\0\0").as_bytes());
        let bind = |name: &str| sent(b'B', format!("\0{name}\0rest").as_bytes());
        let execute = sent(b'E', b"\0\0\0\0\0");
        let got = forwarded(&[
            of("s1", "SELECT 1"),
            sent(b'D', b"Ss1\0"),
            sync.clone(),
            of("s2", "SELECT 2"),
            sync.clone(),
            bind("s1"),
            execute.clone(),
            sync.clone(),
            bind("s2"),
            execute.clone(),
            bind("s2"),
            sync.clone(),
        ]);
        let expected = [
            of("", "SELECT 1"),
            sent(b'D', b"S\0"),
            sync.clone(),
            of("", "SELECT 2"),
            sync.clone(),
            of("", "SELECT 1"),
            bind(""),
            execute.clone(),
            sync.clone(),
            of("", "SELECT 2"),
            bind(""),
            execute,
            bind(""),
            sync,
        ];
        assert_eq!(got, expected.concat());
    }

    #[test]
    fn the_unnamed_statement_outlives_no_batch_and_no_query() {
        let of = sent(b'P', b"\0SELECT 1\0\0\0");
        let bind = sent(b'B', b"\0\0rest");
        for between in [sent(b'S', b""), sent(b'Q', b"SELECT 2\0")] {
            let got = forwarded(&[of.clone(), between.clone(), bind.clone()]);
            assert_eq!(
                got,
                [of.clone(), between, of.clone(), bind.clone()].concat()
            );
        }
    }

    #[test]
    fn what_names_no_statement_passes_as_it_is() {
        let messages = [
            sent(b'p', b"secret\0"),
            sent(b'Q', b"COPY t FROM STDIN\0"),
            sent(b'd', &vec![7; 3 * BUFFER]),
            sent(b'c', b""),
            sent(b'D', b"P\0"),
            sent(b'C', b"P\0"),
            sent(b'X', b""),
        ];
        assert_eq!(forwarded(&messages), messages.concat());
    }

    #[test]
    fn a_closed_statement_is_forgotten() {
        let mut statements = Statements::default();
        let mut out = BytesMut::new();
        for (kind, body) in [(b'P', &b"s1\0SELECT 1\0\0\0"[..]), (b'C', b"Ss1\0")] {
            statements
                .rewrite(kind, Bytes::copy_from_slice(body), &mut out)
                .unwrap();
        }
        let bind = Bytes::from_static(b"\0s1\0rest");
        assert!(statements.rewrite(b'B', bind, &mut out).is_err());
    }
}
