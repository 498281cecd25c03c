//! What the documentation of a relay says of its tiles.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::Stage;

/// Checks that the OpenAPI document names the tiles that are listed and their periods, and that its example is what
/// the relay answers for a tile. With `INSTA_UPDATE=always` the example is written instead.
///
/// `manifest` is the `CARGO_MANIFEST_DIR` of the relay's package.
pub async fn documented_tiles(stage: &Stage, id: &str, manifest: &str) {
    let answer = stage.tile_data(id, None).await;
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        let file = Path::new(manifest).join("src/tiles/example.json");
        let text = serde_json::to_string_pretty(&answer).expect("JSON");
        return std::fs::write(file, text + "\n").expect("a file for the example");
    }
    let url = format!("{}/openapi.json", stage.relay.url);
    let document: Value = stage.http.get(url).send().await.expect("an answer").json().await.expect("JSON");
    let operation = &document["paths"]["/tiles/tile-data"]["post"];
    let example = &operation["responses"]["200"]["content"]["application/json"]["example"];
    assert_eq!(example, &answer, "the example; INSTA_UPDATE=always writes it anew");

    let listed = stage.tiles().await;
    let tiles = listed["data"].as_array().expect("a list of tiles");
    let ids: Vec<&Value> = tiles.iter().map(|tile| &tile["id"]).collect();
    let periods: BTreeSet<&str> = tiles
        .iter()
        .flat_map(|tile| tile["periods"].as_array().expect("periods"))
        .map(|period| period.as_str().expect("a period"))
        .collect();
    for path in ["/tiles/tile", "/tiles/tile-data"] {
        let body = &document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
        let named = body["properties"]["tile_id"]["enum"].as_array().expect("an enum of tiles");
        assert_eq!(named.iter().collect::<Vec<_>>(), ids, "{path}");
        let named = body["properties"]["period"]["enum"].as_array().expect("an enum of periods");
        let named: BTreeSet<&str> = named.iter().filter_map(Value::as_str).collect();
        assert_eq!(named, periods, "{path}");
    }
}
