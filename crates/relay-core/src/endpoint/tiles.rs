//! `POST /tiles`: the tiles that a dashboard can show.

use super::{Endpoint, Handler, Request};
use crate::capability::Tiles;
use crate::envelope::{self, Reply};
use crate::error::Error;
use crate::tiles::Tile;

/// The endpoint.
pub const ENDPOINT: Endpoint = Endpoint {
    request: None,
    response: Some("TilesResponse"),
    ..Endpoint::tiles("/tiles", "tiles", "Lists the tiles that a dashboard can show")
};

pub(crate) struct Handle;

impl<P: Tiles> Handler<P> for Handle {
    const ENDPOINT: Endpoint = ENDPOINT;

    fn tiles(provider: &P) -> Vec<&'static Tile> {
        provider.tiles()
    }

    async fn answer(request: Request<'_, P>) -> Result<Reply, Error> {
        request.call().await?;
        Ok(envelope::data(request.tiles))
    }
}
