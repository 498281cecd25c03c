//! Answers packed with gzip where the client takes that.
//!
//! An answer is packed whole, when it is complete. So no more packings are at work, at a quarter of a megabyte
//! each, than there are threads, however many requests are waiting to be answered.

use std::io::{self, Write};
use std::sync::OnceLock;

use actix_web::http::header::{AcceptEncoding, Encoding, Header};
use actix_web::{HttpResponse, HttpResponseBuilder, http::header};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Below this, what packing saves is not worth its time: about what fits into one packet.
const WORTH_BYTES: usize = 1400;
/// Quick, and for JSON within a tenth of the best.
const LEVEL: Compression = Compression::new(3);

/// A body as it goes out.
pub(super) struct Body {
    bytes: Bytes,
    packed: bool,
}

/// An answer that never changes: kept once, in both forms, for all who ask.
pub(super) struct Document {
    kind: &'static str,
    plain: Bytes,
    /// Packed when somebody asks for it first; nothing where that is not worth it.
    packed: OnceLock<Option<Bytes>>,
}

/// Whether the client takes gzip rather than the answer as it is.
pub(super) fn is_wanted(request: &actix_web::HttpRequest) -> bool {
    let offered = [Encoding::gzip(), Encoding::identity()];
    request.headers().contains_key(header::ACCEPT_ENCODING)
        && AcceptEncoding::parse(request)
            .ok()
            .and_then(|accepted| accepted.negotiate(offered.iter()))
            .is_some_and(|chosen| chosen == Encoding::gzip())
}

impl Document {
    pub(super) fn new(kind: &'static str, text: String) -> Self {
        Self { kind, plain: text.into(), packed: OnceLock::new() }
    }

    pub(super) fn answer(&self, request: &actix_web::HttpRequest) -> HttpResponse {
        let packed = is_wanted(request)
            .then(|| self.packed.get_or_init(|| worth_packing(&self.plain)))
            .and_then(Option::as_ref);
        let mut response = HttpResponse::Ok();
        response.content_type(self.kind);
        let bytes = packed.unwrap_or(&self.plain).clone();
        Body { bytes, packed: packed.is_some() }.send(response)
    }
}

impl Body {
    /// The answer, packed where that is wanted and worth it.
    pub(super) fn new(plain: Vec<u8>, pack: bool) -> Self {
        match pack.then(|| worth_packing(&plain)).flatten() {
            Some(bytes) => Self { bytes, packed: true },
            None => Self { bytes: plain.into(), packed: false },
        }
    }

    /// Ends a response with it.
    pub(super) fn send(self, mut response: HttpResponseBuilder) -> HttpResponse {
        // Caches between must not give one client's form to another.
        response.insert_header((header::VARY, "accept-encoding"));
        if self.packed {
            response.insert_header((header::CONTENT_ENCODING, "gzip"));
        }
        response.body(self.bytes)
    }
}

fn worth_packing(plain: &[u8]) -> Option<Bytes> {
    if plain.len() < WORTH_BYTES {
        return None;
    }
    packed(plain).ok().map(Bytes::from)
}

fn packed(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), LEVEL);
    encoder.write_all(plain)?;
    encoder.finish()
}
