//! What a key is used for: certificates, requests and CAs, as far as the caller may see them.

use contracts::{
    CaId, CertificateId, CertificateRequestId, Permission, Problem,
    inventory::{CertificateStatus, CertificateView},
    keystore::KeyView,
    signer::{CaStatus, CaView, CertificateRequestView, RequestStatus},
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};

use super::{cas::CAS, certificate_requests::REQUESTS, certificates::CERTIFICATES, keys::KEYS};
use crate::{
    answer::Answer, call::Call, operation::Operation, parameter::Header, position, reach::Reach, read,
    select::Value, view::View,
};

/// Most of each kind that are shown.
const MOST: usize = 1_000;

/// Where a key is used.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyUses {
    /// Certificates with its public half, the newest first; at most 1,000, the others by `GET /certificates?spkiSha256=`.
    certificates: Vec<CertificateOfKey>,
    /// Certificate requests for it, the newest first; at most 1,000, the others by `GET /certificate-requests?keyId=`.
    certificate_requests: Vec<RequestOfKey>,
    /// CAs that sign with it.
    cas: Vec<CaOfKey>,
}

/// A certificate with a key's public half.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CertificateOfKey {
    /// Id.
    id: CertificateId,
    /// Common name.
    common_name: Option<String>,
    /// Serial number, hexadecimal.
    serial_number: String,
    /// Its last second.
    not_after: contracts::Timestamp,
    /// Whether it is valid.
    status: CertificateStatus,
}

/// A request for a certificate for a key.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestOfKey {
    /// Id.
    id: CertificateRequestId,
    /// Common name.
    common_name: Option<String>,
    /// Where it stands.
    status: RequestStatus,
}

/// A CA that signs with a key.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CaOfKey {
    /// Id.
    id: CaId,
    /// Its name.
    name: String,
    /// Whether it signs.
    status: CaStatus,
}

/// The operation.
pub(super) fn operation() -> Operation {
    Operation::get("/api/v1/keys/{id}/uses", "getKeyUses", "Show what a key is used for")
        .needs(Permission::KeyRead)
        .header(Header::MIN_POSITION)
        .problem(contracts::Code::ProjectionBehind)
        .answers::<KeyUses>(
            StatusCode::OK,
            "Certificates, requests and CAs, as far as the caller may see them.",
            json!({"certificates": [certificate_example()],
                "certificateRequests": [{"id": "req_01jdp4q2x8f7mb3v5kz6n9w0ae", "commonName": "shop.example.com",
                    "status": "issued"}], "cas": []}),
        )
        .handled_by(show)
}

async fn show(call: Call) -> Result<Answer, Problem> {
    let found = read::one(&call, &KEYS, "id").await?;
    let key: KeyView = serde_json::from_str(&found.document).map_err(read::internal)?;
    let of_key = |column: &str, permission, view: &View| {
        Ok::<_, Problem>(Reach::of(call.caller()?, permission, view).of_one(column, found.id))
    };
    position::wait(&call, REQUESTS.service).await?;
    let requests = of_key("key_id", Permission::RequestRead, &REQUESTS)?;
    let cas = Reach::of(call.caller()?, Permission::CaRead, &CAS)
        .where_also("document ->> 'keyId' = $::text", Value::Text(key.id.to_string()));
    let uses = KeyUses {
        certificates: certificates(&call, &key.spki_sha256).await?,
        certificate_requests: of(&call, &REQUESTS, requests, |request: CertificateRequestView| {
            RequestOfKey { id: request.id, common_name: request.common_name, status: request.status }
        })
        .await?,
        cas: of(&call, &CAS, cas, |ca: CaView| CaOfKey { id: ca.id, name: ca.name, status: ca.status })
            .await?,
    };
    Answer::json(StatusCode::OK, &uses)
}

/// The certificates with a public half, by the SHA-256 of its SubjectPublicKeyInfo, that the caller may read.
pub(super) async fn certificates(call: &Call, spki_sha256: &str) -> Result<Vec<CertificateOfKey>, Problem> {
    position::wait(call, CERTIFICATES.service).await?;
    let reach = Reach::of(call.caller()?, Permission::CertificateRead, &CERTIFICATES)
        .where_also("spki_sha256 = $::text", Value::Text(spki_sha256.to_owned()));
    of(call, &CERTIFICATES, reach, |certificate: CertificateView| CertificateOfKey {
        id: certificate.id,
        common_name: certificate.common_name,
        serial_number: certificate.serial_number,
        not_after: certificate.not_after,
        status: certificate.status,
    })
    .await
}

async fn of<T: DeserializeOwned, U>(
    call: &Call,
    view: &'static View,
    reach: Reach,
    shown: impl Fn(T) -> U,
) -> Result<Vec<U>, Problem> {
    let documents = read::every(call, view, reach, "created_at desc, id", MOST).await?;
    documents
        .iter()
        .map(|document| serde_json::from_str(document).map(&shown).map_err(read::internal))
        .collect()
}

/// An example of a certificate.
pub(super) fn certificate_example() -> Json {
    json!({"id": "crt_01jdp4q2x8f7mb3v5kz6n9w0ae", "commonName": "shop.example.com", "serialNumber": "1f0a",
        "notAfter": "2027-02-19T09:00:00Z", "status": "active"})
}
