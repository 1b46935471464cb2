//! Connections that are hung up so that the other side reads what was said last.
//!
//! Whoever closes a connection while something unread comes in resets it, and what was written with it is
//! lost. So the side that hangs up says that it will write no more, and reads on for a moment what it
//! throws away. It is bounded in time, in bytes, and in how many linger at once.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

/// How long it is read on.
const LINGER: Duration = Duration::from_secs(2);

/// How much is thrown away: more than the largest frame and what the system holds.
const MOST_BYTES: u64 = 8 << 20;

/// Connections that linger at the same time; more are closed at once.
const MOST_LINGERING: usize = 512;

static LINGERING: AtomicUsize = AtomicUsize::new(0);

/// A connection that lingers when it is dropped, unless the other side has hung up before. It is to be
/// dropped within a tokio runtime.
#[derive(Debug)]
pub struct Lingering {
    /// Gone once it is dropped.
    stream: Option<TcpStream>,
    ended: bool,
}

impl Lingering {
    /// Takes a connection over.
    #[must_use]
    pub fn new(stream: TcpStream) -> Lingering {
        Lingering { stream: Some(stream), ended: false }
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.stream.as_mut().expect("it is taken only when it is dropped"))
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take().filter(|_| !self.ended) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if LINGERING.fetch_add(1, Ordering::Relaxed) < MOST_LINGERING {
            runtime.spawn(linger(stream, Place));
        } else {
            drop(Place);
        }
    }
}

/// A place among those that linger.
struct Place;

impl Drop for Place {
    fn drop(&mut self) {
        LINGERING.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn linger(mut stream: TcpStream, _place: Place) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut rest = stream.take(MOST_BYTES);
    // However it ends, everything has been tried.
    let _ended = tokio::time::timeout(LINGER, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Lingering>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.remaining();
        let read = ready!(self.stream().poll_read(cx, buffer));
        if read.is_err() || (before > 0 && buffer.remaining() == before) {
            self.ended = true;
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        mut self: Pin<&mut Lingering>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Lingering>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Lingering>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Lingering>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_was_said_last_is_read_although_more_is_on_its_way() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
        let (stream, _) = listener.accept().await.expect("one comes");
        let mut server = Lingering::new(stream);
        // More than is read of it, and more again after the other side has hung up.
        client.write_all(&vec![1; 200_000]).await.expect("there is room");
        let mut first = [0; 10];
        server.read_exact(&mut first).await.expect("it was sent");
        server.write_all(b"farewell").await.expect("there is room");
        drop(server);
        client.write_all(&vec![1; 200_000]).await.expect("it is read on");
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.expect("not reset");
        assert_eq!(said, b"farewell");
    }
}
