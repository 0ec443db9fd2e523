//! Time limits for a client to send a request and to read the answer.
//!
//! A client that sends its head byte by byte, one that sends nothing, and one that does not read
//! the answer would each hold a connection indefinitely.

use std::{
    io::{self, ErrorKind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use crate::{server::settings::Limits, stop::Stop};

/// Maximum time without write progress.
const STALLED: Duration = Duration::from_secs(20);

/// Time that a stopping server waits for a client that has sent no request yet: one may be on its
/// way.
const LAST_CALL: Duration = Duration::from_millis(250);

/// State of the connection that determines its time limit.
#[derive(Debug, Default)]
pub(super) struct IoTimeouts {
    /// A request is being handled: the request timeout applies.
    busy: AtomicBool,
    /// Number of requests received.
    requests: AtomicU64,
    slow_head: AtomicBool,
    /// The waker of the connection, if it found nothing to read while a request was being handled.
    /// hyper does not poll again until there is something to read, so it would not notice that it now
    /// waits for the client.
    reader: AtomicWaker,
}

impl IoTimeouts {
    /// Records that the head of a request is complete.
    pub(super) fn begin(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.busy.store(true, Ordering::Relaxed);
    }

    /// Records that the request was answered.
    pub(super) fn end(&self) {
        self.busy.store(false, Ordering::Relaxed);
        self.reader.wake();
    }

    /// `true` if the connection ended because its client was too slow.
    pub(super) fn was_slow_head(&self) -> bool {
        self.slow_head.load(Ordering::Relaxed)
    }
}

/// The event awaited between two requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Waiting {
    /// The first byte of a head.
    Beginning,
    /// The rest of the head.
    Rest,
    /// Only data already under way: the server is stopping.
    LastCall,
}

/// The awaited event, its deadline, and the number of requests before it.
#[derive(Clone, Copy, Debug)]
struct Wait {
    after: u64,
    what: Waiting,
    until: Instant,
}

/// A stream that ends when its client is too slow.
pub(super) struct TimedStream<S> {
    stream: S,
    timeouts: Arc<IoTimeouts>,
    stop: Stop,
    head_time: Duration,
    idle_time: Duration,
    wait: Option<Wait>,
    /// Set only if there is nothing to read: usually a head arrives in one piece.
    timer: Pin<Box<Sleep>>,
    write_timer: Option<Pin<Box<Sleep>>>,
}

impl<S> TimedStream<S> {
    pub(super) fn new(stream: S, timeouts: &Arc<IoTimeouts>, limits: &Limits, stop: Stop) -> Self {
        Self {
            stream,
            timeouts: Arc::clone(timeouts),
            stop,
            head_time: limits.head_time,
            idle_time: limits.idle_time,
            wait: None,
            timer: Box::pin(tokio::time::sleep(limits.head_time)),
            write_timer: None,
        }
    }

    fn wait_for(&mut self, after: u64, what: Waiting, time: Duration) {
        let until = Instant::now() + time;
        self.wait = Some(Wait { after, what, until });
    }

    fn waits_for(&self, after: u64, what: Waiting) -> bool {
        self.wait
            .is_some_and(|wait| (wait.after, wait.what) == (after, what))
    }

    /// Records that bytes arrived.
    fn read(&mut self) {
        let requests = self.timeouts.requests.load(Ordering::Relaxed);
        let is_busy = self.timeouts.busy.load(Ordering::Relaxed);
        if !is_busy && !self.waits_for(requests, Waiting::Rest) {
            self.wait_for(requests, Waiting::Rest, self.head_time);
        }
    }

    /// Records that no bytes arrived, and polls the deadline.
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if self.timeouts.busy.load(Ordering::Relaxed) {
            self.timeouts.reader.register(context.waker());
            return Poll::Pending;
        }
        let requests = self.timeouts.requests.load(Ordering::Relaxed);
        match self.wait.filter(|wait| wait.after == requests) {
            None if requests == 0 => self.wait_for(0, Waiting::Beginning, self.head_time),
            None => self.wait_for(requests, Waiting::Beginning, self.idle_time),
            Some(_) => {}
        }
        if self.stop.is_asked() && self.waits_for(requests, Waiting::Beginning) {
            self.wait_for(requests, Waiting::LastCall, LAST_CALL);
        }
        if let Some(wait) = self.wait
            && self.timer.deadline() != wait.until
        {
            self.timer.as_mut().reset(wait.until);
        }
        ready!(self.timer.as_mut().poll(context));
        let is_head =
            self.waits_for(requests, Waiting::Rest) || self.waits_for(0, Waiting::Beginning);
        self.timeouts.slow_head.store(is_head, Ordering::Relaxed);
        Poll::Ready(ErrorKind::TimedOut.into())
    }

    /// Handles the result of a write: progress, or an error after too long without any.
    fn wrote<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_timer = None;
            return written;
        }
        let timer = self
            .write_timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(STALLED)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(done) => {
                if buffer.filled().len() > before {
                    self.read();
                }
                Poll::Ready(done)
            }
            Poll::Pending => self.poll_deadline(context).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.wrote(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(context);
        self.wrote(context, ended)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(context, written)
    }
}
