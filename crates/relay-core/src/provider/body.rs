//! Reads the body of an answer: unpacked, within its bound, and never into more memory than there is room for.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder};
use bytes::{BufMut, Bytes};
use futures::stream;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt};
use tokio_util::io::StreamReader;

use super::room::{self, Room};

/// The encodings that [`read`] unpacks, for `Accept-Encoding`.
pub(super) const ENCODINGS: HeaderValue = HeaderValue::from_static("gzip, br");

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It is larger than the bound.
    #[error("its answer is larger than {0} bytes")]
    TooLarge(usize),
    /// There was no memory for it.
    #[error("no memory left")]
    NoRoom,
    /// It is not encoded as its headers say.
    #[error("not encoded as it says")]
    Encoding,
    /// The connection broke.
    #[error("{}", super::transport::describe(.0))]
    Broken(#[from] reqwest::Error),
}

/// How much of a body is read.
pub(super) struct Bounds<'r> {
    /// The most bytes, unpacked.
    pub(super) most: usize,
    /// Whether a larger body is cut rather than refused.
    pub(super) cut: bool,
    /// What the body may take; as much as `most` without one.
    pub(super) room: Option<&'r mut Room>,
    /// Set while the body waits for room, and not for the provider.
    pub(super) waits: &'r AtomicBool,
}

/// How a body is encoded.
enum Encoding {
    Identity,
    Gzip,
    Brotli,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, ReadError> {
        let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(Self::Identity) };
        match value.as_bytes().trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Ok(Self::Identity),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"br" => Ok(Self::Brotli),
            _ => Err(ReadError::Encoding),
        }
    }
}

/// The body, never more than `most` bytes of it, whatever the headers claim.
pub(crate) async fn read_capped(response: Response, most: usize) -> Result<Bytes, ReadError> {
    let headers = response.headers().clone();
    let waits = AtomicBool::new(false);
    read(response, &headers, Bounds { most, cut: false, room: None, waits: &waits }).await
}

/// The body of an answer with these headers.
pub(super) async fn read(
    mut response: Response,
    headers: &HeaderMap,
    bounds: Bounds<'_>,
) -> Result<Bytes, ReadError> {
    let encoding = Encoding::of(headers)?;
    let announced = match encoding {
        Encoding::Identity => response.content_length().unwrap_or(0),
        Encoding::Gzip | Encoding::Brotli => 0,
    };
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > bounds.most && !bounds.cut {
        return Err(ReadError::TooLarge(bounds.most));
    }
    let mut body = Body { bytes: Vec::new(), announced, besides: 0, bounds };
    if matches!(encoding, Encoding::Identity) {
        // Copied, since a chunk is a window into the buffer of the connection, which may be much larger.
        while let Some(chunk) = response.chunk().await? {
            if !body.add(&chunk).await? {
                break;
            }
        }
        return Ok(body.finish());
    }
    let chunks = stream::try_unfold(response, |mut response| async move {
        let chunk = response.chunk().await.map_err(io::Error::other)?;
        Ok::<_, io::Error>(chunk.map(|chunk| (chunk, response)))
    });
    let mut packed = StreamReader::new(Box::pin(chunks));
    let Some(first) = packed.fill_buf().await.map_err(broken)?.first().copied() else {
        // Nothing at all is not a broken encoding.
        return Ok(body.finish());
    };
    let mut unpacked: Pin<Box<dyn AsyncRead + Send>> = if matches!(encoding, Encoding::Brotli) {
        body.keep_besides(brotli_window(first).ok_or(ReadError::Encoding)?).await?;
        Box::pin(BrotliDecoder::new(packed))
    } else {
        let mut unpacked = GzipDecoder::new(packed);
        unpacked.multiple_members(true);
        Box::pin(unpacked)
    };
    while body.read(&mut unpacked).await? {}
    Ok(body.finish())
}

/// How many bytes a brotli stream that begins like this keeps while it is unpacked (RFC 7932, section 9.1). Nothing for
/// the large windows of an extension, which could be a gigabyte.
fn brotli_window(first: u8) -> Option<usize> {
    let bits = match (first & 1, first >> 1 & 7, first >> 4 & 7) {
        (0, ..) => 16,
        (_, 0, 0) => 17,
        (_, 0, 1) => return None,
        (_, 0, more) => 8 + more,
        (_, more, _) => 17 + more,
    };
    Some(1 << bits)
}

/// An error of the connection comes through the decoder as it is; all others are of the decoder itself.
fn broken(error: io::Error) -> ReadError {
    error.downcast::<reqwest::Error>().map_or(ReadError::Encoding, ReadError::Broken)
}

/// What was read so far.
struct Body<'r> {
    bytes: Vec<u8>,
    /// The length by the headers, where they say one.
    announced: usize,
    /// Memory that reading takes besides the body itself.
    besides: usize,
    bounds: Bounds<'r>,
}

/// What a body begins with; it doubles from there.
const FIRST: usize = 8 * 1024;

impl Body<'_> {
    /// Adds a part of the body; says whether more of it is wanted.
    async fn add(&mut self, part: &[u8]) -> Result<bool, ReadError> {
        let room = self.bounds.most - self.bytes.len();
        if part.len() > room && !self.bounds.cut {
            return Err(ReadError::TooLarge(self.bounds.most));
        }
        let part = &part[..part.len().min(room)];
        self.reserve(part.len()).await?;
        self.bytes.extend_from_slice(part);
        Ok(self.bytes.len() < self.bounds.most || !self.bounds.cut)
    }

    /// Reads a part of the body; says whether there may be more that is wanted.
    async fn read(&mut self, from: &mut Pin<Box<dyn AsyncRead + Send>>) -> Result<bool, ReadError> {
        if self.bytes.len() == self.bounds.most {
            if self.bounds.cut {
                return Ok(false);
            }
            let mut next = [0];
            return match from.read(&mut next).await.map_err(broken)? {
                0 => Ok(false),
                _ => Err(ReadError::TooLarge(self.bounds.most)),
            };
        }
        self.reserve(1).await?;
        let room = self.bytes.capacity().min(self.bounds.most) - self.bytes.len();
        let read = from.read_buf(&mut (&mut self.bytes).limit(room)).await.map_err(broken)?;
        Ok(read > 0)
    }

    /// Makes room for this many further bytes, which are within the bound.
    async fn reserve(&mut self, more: usize) -> Result<(), ReadError> {
        let needed = self.bytes.len() + more;
        if needed <= self.bytes.capacity() {
            return Ok(());
        }
        // The length by the headers spares room, and is never reason to take more.
        let most = if self.announced >= needed { self.announced } else { self.bounds.most };
        let capacity = (self.bytes.capacity() * 2).max(FIRST).min(most).max(needed);
        self.take_room(capacity).await?;
        self.bytes.reserve_exact(capacity - self.bytes.len());
        Ok(())
    }

    /// Counts memory that reading takes besides the body itself.
    async fn keep_besides(&mut self, bytes: usize) -> Result<(), ReadError> {
        self.besides = bytes;
        self.take_room(0).await
    }

    async fn take_room(&mut self, capacity: usize) -> Result<(), ReadError> {
        let Some(room) = &mut self.bounds.room else { return Ok(()) };
        self.bounds.waits.store(true, Ordering::Relaxed);
        let grown = room.grow(self.besides + capacity * room::TIMES).await;
        self.bounds.waits.store(false, Ordering::Relaxed);
        grown.map_err(|_| ReadError::NoRoom)
    }

    fn finish(self) -> Bytes {
        let Self { mut bytes, bounds, .. } = self;
        if bytes.capacity() - bytes.len() > bytes.len() / 4 {
            bytes.shrink_to_fit();
        }
        if let Some(room) = bounds.room {
            room.shrink(bytes.capacity() * room::TIMES);
        }
        bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;

    use super::*;
    use crate::provider::room::Rooms;

    #[test]
    fn the_window_of_a_brotli_stream_is_in_its_first_byte() {
        // What the reference encoder writes for each window, in the low bits; the others are the stream's.
        let table = [
            (0b0010_0001, 10),
            (0b0111_0001, 15),
            (0b0000_0000, 16),
            (0b0000_0001, 17),
            (0b0000_0011, 18),
            (0b0000_1011, 22),
            (0b1111_1111, 24),
        ];
        for (first, bits) in table {
            assert_eq!(brotli_window(first), Some(1 << bits), "{first:#b}");
        }
        assert_eq!(brotli_window(0b0001_0001), None, "the extension for large windows");
    }
    static WAITS: AtomicBool = AtomicBool::new(false);
    static LARGE: [u8; 4 * FIRST] = [b'x'; 4 * FIRST];

    fn body(most: usize, cut: bool) -> Body<'static> {
        let bounds = Bounds { most, cut, room: None, waits: &WAITS };
        Body { bytes: Vec::new(), announced: 0, besides: 0, bounds }
    }

    fn capacities<const N: usize>(mut body: Body<'_>, parts: [usize; N]) -> [usize; N] {
        parts.map(|length| {
            body.add(&vec![b'x'; length]).now_or_never().expect("no wait").expect("within the bound");
            body.bytes.capacity()
        })
    }

    #[test]
    fn a_body_doubles_and_takes_no_more_than_it_can_need() {
        assert_eq!(capacities(body(30_000, false), [1, FIRST, FIRST, FIRST]), [8192, 16_384, 30_000, 30_000]);
        assert_eq!(capacities(body(100, false), [1]), [100]);
        // What the headers say is less than that, until it proves wrong.
        let announced = |announced| Body { announced, ..body(30_000, false) };
        assert_eq!(capacities(announced(10_000), [1, FIRST, 1807, 1]), [8192, 10_000, 10_000, 20_000]);
        assert_eq!(capacities(announced(10_000), [10_000]), [10_000]);
    }

    #[test]
    fn a_body_is_refused_beyond_its_bound_or_cut_there() {
        let add = |body: &mut Body<'_>, part: &[u8]| body.add(part).now_or_never().expect("no wait");
        let mut whole = body(3, false);
        assert_eq!(add(&mut whole, b"ab").ok(), Some(true));
        assert_eq!(add(&mut whole, b"c").ok(), Some(true), "whether it ends here is not known yet");
        assert!(matches!(add(&mut whole, b"d"), Err(ReadError::TooLarge(3))));
        let mut cut = body(3, true);
        assert_eq!(add(&mut cut, b"ab").ok(), Some(true));
        assert_eq!(add(&mut cut, b"cd").ok(), Some(false));
        assert_eq!(cut.finish(), "abc");
    }

    #[test]
    fn an_unpacked_body_is_refused_beyond_its_bound_or_cut_there() {
        let read = |whole: &'static [u8], most, cut| {
            let (mut body, mut from) = (body(most, cut), Box::pin(whole) as Pin<Box<dyn AsyncRead + Send>>);
            loop {
                match body.read(&mut from).now_or_never().expect("no wait") {
                    Ok(true) => {}
                    Ok(false) => return Some(body.finish()),
                    Err(problem) => {
                        assert!(matches!(problem, ReadError::TooLarge(found) if found == most));
                        return None;
                    }
                }
            }
        };
        assert_eq!(read(b"abcd", 5, false).as_deref(), Some(&b"abcd"[..]));
        assert_eq!(read(b"abcd", 4, false).as_deref(), Some(&b"abcd"[..]));
        assert_eq!(read(b"abcd", 3, false), None);
        assert_eq!(read(b"abcd", 3, true).as_deref(), Some(&b"abc"[..]));
        // Larger than what is read at a time, and a bound between.
        assert_eq!(read(&LARGE, 4 * FIRST - 1, false), None);
        assert_eq!(read(&LARGE, 2 * FIRST + 1, true).map(|body| body.len()), Some(2 * FIRST + 1));
    }

    #[test]
    fn what_a_body_takes_is_counted_while_it_is_read_and_afterwards() {
        let account = Arc::new(Rooms::new(1 << 20)).account();
        let mut room = account.try_begin().expect("room");
        let bounds = Bounds { most: 300_000, cut: false, room: Some(&mut room), waits: &WAITS };
        let mut body = Body { bytes: Vec::new(), announced: 0, besides: 0, bounds };
        let taken = |body: &Body<'_>| format!("{:?}", body.bounds.room.as_deref());
        body.keep_besides(1000).now_or_never().expect("no wait").expect("room");
        body.add(&[b'x'; 16_384]).now_or_never().expect("no wait").expect("room");
        assert_eq!(taken(&body), format!("Some(Room({} bytes))", 1000 + 16_384 * room::TIMES));
        body.keep_besides(100_000).now_or_never().expect("no wait").expect("room");
        assert_eq!(taken(&body), "Some(Room(100000 bytes))");
        let more = vec![b'x'; 200_000];
        assert!(matches!(body.add(&more).now_or_never(), Some(Err(ReadError::NoRoom))), "five times as much");
        assert!(!WAITS.load(Ordering::Relaxed));
        assert_eq!(body.finish().len(), 16_384);
        assert_eq!(format!("{room:?}"), format!("Room({} bytes)", 16_384 * room::TIMES));
    }

    #[test]
    fn a_body_keeps_no_more_than_a_quarter_of_spare_memory() {
        for (length, capacity, kept) in [(8, 10, 10), (7, 10, 7), (400, 500, 500), (399, 500, 399)] {
            let mut bytes = Vec::with_capacity(capacity);
            bytes.resize(length, b'x');
            let account = Arc::new(Rooms::new(1 << 20)).account();
            let mut room = account.try_begin().expect("room");
            let bounds = Bounds { most: 1000, cut: false, room: Some(&mut room), waits: &WAITS };
            Body { bytes, announced: 0, besides: 0, bounds }.finish();
            assert_eq!(
                format!("{room:?}"),
                format!("Room({} bytes)", kept * room::TIMES),
                "{length} of {capacity}"
            );
        }
    }
}
