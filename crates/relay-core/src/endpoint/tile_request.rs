//! What the endpoints about tiles share: their checks, and the body that names a tile.

use std::marker::PhantomData;

use serde_json::{Map, Value};

use super::{Endpoint, Handler, Request};
use crate::call::Call;
use crate::capability::Tiles;
use crate::envelope::Reply;
use crate::error::Error;
use crate::observable::{Invalid, object, take_text};
use crate::text::sanitized;
use crate::tiles::{Period, Tile};

/// Answers one endpoint about tiles, once token and claims are checked.
pub(crate) trait TilesHandler<P: Tiles>: 'static {
    /// What it answers.
    const ENDPOINT: Endpoint;

    /// An answer as JSON, for the documentation.
    fn example() -> Option<&'static str> {
        None
    }

    /// Answers.
    fn answer(
        request: Request<'_, P>,
        call: Call<P::Credentials>,
    ) -> impl Future<Output = Result<Reply, Error>> + Send;
}

/// The handler of an endpoint about tiles.
pub(crate) struct OfTiles<H>(PhantomData<fn() -> H>);

impl<P: Tiles, H: TilesHandler<P>> Handler<P> for OfTiles<H> {
    const ENDPOINT: Endpoint = H::ENDPOINT;

    fn tiles(provider: &P) -> Vec<&'static Tile> {
        provider.tiles()
    }

    fn example() -> Option<&'static str> {
        H::example()
    }

    async fn answer(request: Request<'_, P>) -> Result<Reply, Error> {
        let call = request.call().await?;
        H::answer(request, call).await
    }
}

/// The tile that a body names, and what else it says.
pub(super) struct Chosen {
    pub(super) tile: &'static Tile,
    fields: Map<String, Value>,
}

/// How much of a name that nothing has is repeated.
const NAME: usize = 64;

impl Chosen {
    /// Reads the body; unknown fields are ignored.
    pub(super) fn parse(body: &[u8], tiles: &[&'static Tile]) -> Result<Self, Invalid> {
        let mut fields = object(body)?;
        let id = take_text(&mut fields, "tile_id", || "tile_id".to_owned())?;
        let tile = tiles.iter().find(|tile| tile.id == id).ok_or_else(|| {
            let known = listed(tiles.iter().map(|tile| tile.id));
            Invalid::at("tile_id", &format!("`{}` is no tile of this relay ({known})", sanitized(&id, NAME)))
        })?;
        Ok(Self { tile, fields })
    }

    /// The period: that of the tile where the body names none.
    pub(super) fn period(&self) -> Result<Period, Invalid> {
        let Self { tile, fields } = self;
        let name = match fields.get("period") {
            None | Some(Value::Null) => return Ok(tile.default_period),
            Some(Value::String(name)) if name.trim().is_empty() => return Ok(tile.default_period),
            Some(Value::String(name)) => name,
            Some(_) => return Err(Invalid::at("period", "must be a text")),
        };
        tile.periods.iter().copied().find(|period| period.name() == name).ok_or_else(|| {
            let known = listed(tile.periods.iter().map(|period| period.name()));
            Invalid::at("period", &format!("`{}` is no period of this tile ({known})", sanitized(name, NAME)))
        })
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names = names.collect::<Vec<_>>().join(", ");
    if names.is_empty() { "there is none".to_owned() } else { format!("there are {names}") }
}
