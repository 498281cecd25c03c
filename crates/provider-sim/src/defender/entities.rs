//! Facts about files and devices.

use serde_json::json;

use super::refusal::Refusal;
use crate::inventory::{file, is_hash, machine};
use crate::reply::Reply;
use crate::seeded::Rng;

pub(super) fn file_answer(hash: &str) -> Result<Reply, Refusal> {
    if !is_hash(hash) {
        return Err(Refusal::bad_request("InvalidHashValue", "The file hash is not valid."));
    }
    let file = file(hash).ok_or_else(|| Refusal::not_found(format!("File {hash} was not found.")))?;
    let mut rng = Rng::new(&["defender", "file facts", &file.md5]);
    Ok(Reply::json(
        200,
        &json!({
            "@odata.context": "https://api.security.microsoft.com/api/v1.0/$metadata#Files/$entity",
            "sha1": file.sha1,
            "sha256": file.sha256,
            "md5": file.md5,
            "globalPrevalence": rng.below(5000),
            "globalFirstObserved": rng.time().to_string(),
            "globalLastObserved": "2026-11-01T06:54:07Z",
            "size": rng.below(4_000_000),
            "fileType": null,
            "isPeFile": true,
            "filePublisher": null,
            "fileProductName": null,
            "signer": null,
            "issuer": null,
            "signerHash": null,
            "isValidCertificate": null,
            "determinationType": "Unknown",
            "determinationValue": "",
        }),
    ))
}

pub(super) fn machine_answer(id: &str) -> Result<Reply, Refusal> {
    let machine = machine(id).ok_or_else(|| Refusal::not_found(format!("Machine {id} was not found.")))?;
    Ok(Reply::json(200, &machine))
}
