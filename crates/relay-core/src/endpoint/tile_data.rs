//! `POST /tiles/tile-data`: what one tile shows of a period.

use std::sync::Arc;

use super::tile_request::TilesHandler;
use super::{Endpoint, Request};
use crate::call::Call;
use crate::capability::Tiles;
use crate::envelope::{self, Reply};
use crate::error::Error;
use crate::telemetry::TileOutcome;
use crate::tiles::{Got, Window};

/// The endpoint.
pub const ENDPOINT: Endpoint = Endpoint {
    request: Some("TileDataRequest"),
    response: Some("TileDataResponse"),
    ..Endpoint::tiles(
        "/tiles/tile-data",
        "tile-data",
        "Returns what one tile shows of a period, its default period where none is named",
    )
};

pub(crate) struct Handle;

impl<P: Tiles> TilesHandler<P> for Handle {
    const ENDPOINT: Endpoint = ENDPOINT;

    fn example() -> Option<&'static str> {
        Some(P::EXAMPLE)
    }

    async fn answer(request: Request<'_, P>, call: Call<P::Credentials>) -> Result<Reply, Error> {
        let chosen = request.tile()?;
        let (tile, period) = (chosen.tile, chosen.period()?);
        let window = Window::of(period, call.now());
        let make = async {
            let shown = request.provider.tile(&call, tile, &window).await;
            let (reply, lasts) = envelope::shown(tile, &window, shown);
            (Arc::new(reply), lasts)
        };
        let scope = request.provider.tile_scope(&call.credentials);
        let key = (call.credential(), scope, tile.id, period, window.start);
        let got = request.host.tiles.get(&call, key, make).await;
        let (mut reply, outcome) = match got {
            Ok(Got::New(reply)) => (Reply::clone(&reply), TileOutcome::from(reply.stats.outcome)),
            Ok(Got::Kept(reply)) => (Reply::clone(&reply), TileOutcome::Kept),
            Err(error) => (Reply::failed(error), TileOutcome::Error),
        };
        request.host.metrics.tile(tile.id, outcome);
        reply.stats.tile = Some((tile.id, period));
        Ok(reply)
    }
}
