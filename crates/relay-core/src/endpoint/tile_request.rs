//! The body of a request about a tile.

use serde_json::{Map, Value};

use crate::observable::{Invalid, object, take_text};
use crate::text::sanitized;
use crate::tiles::{Period, Tile};

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
