//! Answers packed with gzip where the client takes that.
//!
//! An answer is packed whole, when it is complete. So no more packings are at work, at a quarter of a megabyte
//! each, than there are threads, however many requests are waiting to be answered.

use std::io::{self, Write};

use actix_web::http::header::{AcceptEncoding, Encoding, Header};
use actix_web::{HttpResponse, HttpResponseBuilder, http::header};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Below this, what packing saves is not worth its time: about what fits into one packet.
const WORTH_BYTES: usize = 1400;
/// Quick, and for JSON within a tenth of the best.
const LEVEL: Compression = Compression::new(3);

/// A body as it goes out.
pub(super) struct Body {
    bytes: Vec<u8>,
    packed: bool,
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

impl Body {
    /// The answer, packed where that is wanted and worth it.
    pub(super) fn new(plain: Vec<u8>, pack: bool) -> Self {
        if pack
            && plain.len() >= WORTH_BYTES
            && let Ok(bytes) = packed(&plain)
        {
            return Self { bytes, packed: true };
        }
        Self { bytes: plain, packed: false }
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

fn packed(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), LEVEL);
    encoder.write_all(plain)?;
    encoder.finish()
}
