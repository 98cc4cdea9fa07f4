//! The operations of the served OpenAPI document, and how they are called about things.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Https};

use crate::world::World;

/// Ids by the name that paths have for things of their kind: `certificates`, `organizations`.
pub type Things = BTreeMap<String, String>;

/// An operation of the served OpenAPI document.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its id.
    pub id: String,
    /// Its method.
    pub method: Method,
    /// Its path, with `{…}` where ids stand.
    pub path: String,
    /// The document's example of a body.
    pub body: Option<Value>,
    /// Whether it is open to everybody.
    pub is_public: bool,
    /// Whether it can be tried without an effect.
    pub takes_dry_run: bool,
}

impl Operation {
    /// Every operation there is.
    pub async fn all(world: &World) -> Vec<Self> {
        let document = world.api().get("/api/v1/openapi.json").await.expect(200).json();
        let mut operations = vec![];
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
                let Some(id) = operation["operationId"].as_str() else { continue };
                let content = &operation["requestBody"]["content"]["application/json"];
                let body = [&content["example"], &content["examples"]]
                    .into_iter()
                    .find(|example| !example.is_null());
                let security = operation.get("security").or(document.get("security"));
                let is_public = security
                    .and_then(Value::as_array)
                    .is_none_or(|all| all.is_empty() || all.contains(&json!({})));
                let mut parameters = operation["parameters"].as_array().into_iter().flatten();
                operations.push(Self {
                    id: id.to_owned(),
                    method,
                    path: path.clone(),
                    body: body.cloned(),
                    is_public,
                    takes_dry_run: parameters.any(|parameter| parameter["name"] == "dryRun"),
                });
            }
        }
        operations
    }

    /// The path to these things; to nothing in particular where there is none of a kind.
    #[must_use]
    pub fn at(&self, things: &Things) -> String {
        let mut path = self.path.clone();
        while let Some((before, rest)) = path.clone().split_once('{') {
            let after = rest.split_once('}').map_or("", |(_, after)| after);
            let kind = before.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            let thing = things.get(kind).cloned().unwrap_or_else(|| uuid::Uuid::from_u128(7).to_string());
            path = format!("{before}{thing}{after}");
        }
        path
    }

    /// Calls it about these things, with the document's example of a body.
    pub async fn call(&self, client: &Https, things: &Things) -> Answer {
        send(client, &self.method, &self.at(things), self.body.as_ref()).await
    }
}

/// A request with a body of JSON, or without one.
pub async fn send(client: &Https, method: &Method, path: &str, body: Option<&Value>) -> Answer {
    let headers: &[(&str, &str)] = if body.is_some() { &[("content-type", "application/json")] } else { &[] };
    let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
    client
        .request(method.clone(), path, headers, body)
        .await
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}
