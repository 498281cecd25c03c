//! `POST /tiles`: the tiles that a dashboard can show.

use super::tile_request::TilesHandler;
use super::{Endpoint, Request};
use crate::call::Call;
use crate::capability::Tiles;
use crate::envelope::{self, Reply};
use crate::error::Error;

/// The endpoint.
pub const ENDPOINT: Endpoint = Endpoint {
    request: None,
    response: Some("TilesResponse"),
    ..Endpoint::tiles("/tiles", "tiles", "Lists the tiles that a dashboard can show")
};

pub(crate) struct Handle;

impl<P: Tiles> TilesHandler<P> for Handle {
    const ENDPOINT: Endpoint = ENDPOINT;

    async fn answer(request: Request<'_, P>, _: Call<P::Credentials>) -> Result<Reply, Error> {
        Ok(envelope::data(request.tiles))
    }
}
