//! The caller's side of the proxy: connections that can be reset and that tell when an answer has left.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::Broken;
use super::record::{Call, Shared};

/// What is to happen to a connection; shared by the connection and the call it carries.
#[derive(Default)]
pub struct Line {
    reset: AtomicBool,
    armed: Mutex<Option<(Arc<Shared>, Call)>>,
}

impl Line {
    /// Has the connection end with a TCP reset; the returned error makes hyper drop it.
    pub fn reset(&self) -> Broken {
        self.reset.store(true, Ordering::SeqCst);
        Broken
    }

    /// Stops the world as soon as the next bytes, which are the call's answer, are with the kernel.
    pub fn arm(&self, shared: Arc<Shared>, call: Call) {
        *self.armed.lock().unwrap() = Some((shared, call));
    }

    fn written(&self) {
        if let Some((shared, call)) = self.armed.lock().unwrap().take() {
            shared.freeze(&call);
        }
    }
}

/// A connection over TCP, with or without TLS.
pub trait Connection: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// What is below.
    fn tcp(&self) -> &TcpStream;
}

impl Connection for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Connection for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// A connection that obeys its [`Line`].
pub struct Watched<C: Connection> {
    stream: TokioIo<C>,
    line: Arc<Line>,
}

impl<C: Connection> Watched<C> {
    /// Takes over an accepted connection.
    pub fn new(stream: C, line: Arc<Line>) -> Self {
        stream.tcp().set_nodelay(true).ok();
        Self { stream: TokioIo::new(stream), line }
    }
}

impl<C: Connection> Drop for Watched<C> {
    fn drop(&mut self) {
        if self.line.reset.load(Ordering::SeqCst) {
            self.stream.inner().tcp().set_zero_linger().ok();
        }
    }
}

impl<C: Connection> Read for Watched<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<C: Connection> Write for Watched<C> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    /// hyper flushes when an answer is complete; without vectored writes it sends head and body as one.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.line.written();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A body in one piece, or the first part of one that then breaks off.
pub struct Body {
    left: Option<Bytes>,
    breaks: bool,
}

impl Body {
    /// All of `bytes`, or with `cut` only so many.
    pub fn new(mut bytes: Bytes, cut: Option<usize>) -> Self {
        bytes.truncate(cut.unwrap_or(bytes.len()));
        Self { left: Some(bytes), breaks: cut.is_some() }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.left.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None if std::mem::take(&mut self.breaks) => Poll::Ready(Some(Err(Broken))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.breaks && self.left.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.left {
            Some(bytes) if !self.breaks => SizeHint::with_exact(bytes.len() as u64),
            None if !self.breaks => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}
