//! Where the bytes of one request end, so that no more than one request at a time is handed to the HTTP server.
//!
//! Nothing is checked here: the server's own parser refuses what is malformed. Lines end as they do for that
//! parser: with a line feed, before which a carriage return may stand.

use std::mem;

/// Looks for the empty line that ends a head.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Whether anything but empty lines has come: those before the first line do not count.
    begun: bool,
    /// Whether the line so far is empty.
    blank: bool,
    len: usize,
}

impl Head {
    /// The fields that may follow a chunked body.
    fn trailer() -> Self {
        Self { begun: true, blank: true, len: 0 }
    }

    /// How many of the next bytes belong to the head, where it ends within them.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' if self.begun && self.blank => return Some(at + 1),
                b'\n' => self.blank = true,
                b'\r' => {}
                _ => {
                    self.begun = true;
                    self.blank = false;
                }
            }
        }
        self.len += bytes.len();
        None
    }

    /// Bytes seen without an end.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// Looks for the end of a body.
#[derive(Debug)]
pub(super) enum Body {
    /// The bytes that are left.
    Length(u64),
    Chunked(Chunks),
    /// All that comes belongs to it.
    Endless,
}

impl Body {
    /// How many of the next bytes belong to the body, where it ends within them.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Length(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= here as u64;
                (*left == 0).then_some(here)
            }
            Self::Chunked(chunks) => chunks.end(bytes),
            Self::Endless => None,
        }
    }
}

/// A body in chunks, each with its size before it.
#[derive(Debug)]
pub(super) enum Chunks {
    /// The digits of a chunk's size.
    Size(u64),
    /// The rest of the line with the size.
    Line(u64),
    /// The bytes of the chunk that are left.
    Data(u64),
    /// The line end after a chunk.
    After,
    Trailer(Head),
}

impl Default for Chunks {
    fn default() -> Self {
        Self::Size(0)
    }
}

impl Chunks {
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            *self = match mem::take(self) {
                Self::Size(size) => match char::from(*byte).to_digit(16) {
                    Some(digit) => Self::Size(size.saturating_mul(16).saturating_add(digit.into())),
                    None => Self::line(size, *byte),
                },
                Self::Line(size) => Self::line(size, *byte),
                Self::Data(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    at += here - 1;
                    match left - here as u64 {
                        0 => Self::After,
                        left => Self::Data(left),
                    }
                }
                Self::After if *byte == b'\n' => Self::Size(0),
                Self::After => Self::After,
                Self::Trailer(mut trailer) => {
                    let end = trailer.end(&bytes[at..]);
                    *self = Self::Trailer(trailer);
                    return end.map(|end| at + end);
                }
            };
            at += 1;
        }
        None
    }

    fn line(size: u64, byte: u8) -> Self {
        match (byte, size) {
            (b'\n', 0) => Self::Trailer(Head::trailer()),
            (b'\n', size) => Self::Data(size),
            (_, size) => Self::Line(size),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NEXT: &[u8] = b"GET /next HTTP/1.1\r\n\r\n";

    /// Feeds `bytes` in pieces of the given length; how many were taken.
    fn fed(bytes: &[u8], piece: usize, mut end: impl FnMut(&[u8]) -> Option<usize>) -> Option<usize> {
        let mut before = 0;
        for piece in bytes.chunks(piece) {
            if let Some(here) = end(piece) {
                return Some(before + here);
            }
            before += piece.len();
        }
        None
    }

    #[test]
    fn a_head_ends_with_its_empty_line_however_it_comes() {
        for head in [
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\nHost: x\n\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "\r\n\r\n\nGET / HTTP/1.1\r\n\r\n",
        ] {
            let bytes = [head.as_bytes(), NEXT].concat();
            for piece in 1..=bytes.len() {
                let mut scan = Head::default();
                assert_eq!(fed(&bytes, piece, |b| scan.end(b)), Some(head.len()), "{head:?} by {piece}");
            }
        }
        let mut scan = Head::default();
        assert_eq!((scan.end(b"GET / HTTP/1.1\r\nHost: x\r\n"), scan.len()), (None, 25));
    }

    #[test]
    fn a_chunked_body_ends_after_its_trailer() {
        for body in [
            "0\r\n\r\n",
            "4\r\nabcd\r\n0\r\n\r\n",
            "A;x=\"0\"\r\n0123\r\n\r\n89\r\n0\r\n\r\n",
            "1 \r\nx\r\n00\r\nX-Sum: 1\r\nY: 2\r\n\r\n",
        ] {
            let bytes = [body.as_bytes(), NEXT].concat();
            for piece in 1..=bytes.len() {
                let mut scan = Body::Chunked(Chunks::default());
                assert_eq!(fed(&bytes, piece, |b| scan.end(b)), Some(body.len()), "{body:?} by {piece}");
            }
        }
    }

    proptest! {
        #[test]
        fn chunks_of_any_content_end_where_they_end(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            piece in 1usize..50,
        ) {
            let mut body = Vec::new();
            for chunk in &chunks {
                body.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                body.extend(chunk);
                body.extend(b"\r\n");
            }
            body.extend(b"0\r\n\r\n");
            let mut scan = Body::Chunked(Chunks::default());
            let bytes = [body.as_slice(), NEXT].concat();
            prop_assert_eq!(fed(&bytes, piece, |b| scan.end(b)), Some(body.len()));
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for mut body in [Body::Chunked(Chunks::default()), Body::Length(7), Body::Endless] {
                prop_assert!(body.end(&bytes).is_none_or(|end| end <= bytes.len()));
            }
            prop_assert!(Head::default().end(&bytes).is_none_or(|end| end <= bytes.len()));
        }

        #[test]
        fn a_body_of_known_length_ends_after_so_many_bytes(length in 1usize..100, piece in 1usize..50) {
            let bytes = [vec![b'\n'; length].as_slice(), NEXT].concat();
            let mut scan = Body::Length(length as u64);
            prop_assert_eq!(fed(&bytes, piece, |b| scan.end(b)), Some(length));
        }
    }
}
