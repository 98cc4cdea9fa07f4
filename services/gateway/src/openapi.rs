//! The OpenAPI 3.1 document, made from the table of operations.

use std::collections::BTreeMap;

use contracts::Code;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    operation::{Access, Operation, Request, Success},
    problem,
};

/// The document.
#[must_use]
pub fn document(table: &[Operation]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<problem::Document<'static>>().to_value();
    let dry_run = generator.subschema_for::<contracts::command::DryRun>().to_value();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in table.iter().filter(|operation| operation.documented) {
        let described = Describe { generator: &mut generator, problem: &problem, dry_run: &dry_run };
        let method = operation.method.as_str().to_ascii_lowercase();
        paths.entry(operation.path).or_default().insert(method, described.operation(operation));
    }
    let mut tags: Vec<&str> = Vec::new();
    for operation in table.iter().filter(|operation| operation.documented) {
        if !tags.contains(&operation.tag) {
            tags.push(operation.tag);
        }
    }
    let tags: Vec<Value> = tags.into_iter().map(|tag| json!({"name": tag, "description": tag})).collect();
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Chancery",
            "version": "1",
            "summary": "X.509 certificates, from request to deployment",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This server"}],
        "security": [{"token": []}, {"session": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "chy_<id>_<secret>_<crc>"},
                "session": {"type": "apiKey", "in": "cookie", "name": crate::cookie::SESSION},
            },
        },
    })
}

const DESCRIPTION: &str = "Every answer carries `Request-Id` and `traceparent`. Failures are problem documents (RFC 9457) \
    whose `code` never changes its meaning. Writes answer `Chancery-Position`; a read that sends it as \
    `Chancery-Min-Position` sees the write. Every POST takes `Idempotency-Key`. An unknown query parameter is refused.";

struct Describe<'a> {
    generator: &'a mut SchemaGenerator,
    problem: &'a Value,
    dry_run: &'a Value,
}

impl Describe<'_> {
    fn operation(self, operation: &Operation) -> Value {
        let codes: Vec<&str> = operation.every_problem().iter().map(|code| code.as_str()).collect();
        let mut described = json!({
            "operationId": operation.id,
            "summary": operation.summary,
            "description": description(operation),
            "tags": [operation.tag],
            "parameters": parameters(operation),
            "x-problem-codes": codes,
        });
        match operation.access {
            Some(Access::Public) => described["security"] = json!([]),
            Some(Access::Permission(permission)) => described["x-permission"] = json!(permission),
            _ => {}
        }
        if operation.step_up {
            described["x-step-up"] = json!(true);
        }
        if let Some(request) = &operation.request {
            described["requestBody"] = self.body(request);
        }
        described["responses"] = self.responses(operation);
        described
    }

    fn body(&self, request: &Request) -> Value {
        let mut content = Map::new();
        for media in request.media {
            let described = match media {
                crate::body::Media::Json => json!({
                    "schema": (request.schema)(&mut self.generator.clone()).to_value(),
                    "example": request.example,
                }),
                crate::body::Media::Csv => json!({"schema": {"type": "string"}, "example": request.example}),
                crate::body::Media::Pkcs10 => json!({
                    "schema": {"type": "string", "format": "binary", "description": "PKCS #10, DER or PEM."},
                }),
                crate::body::Media::File => json!({
                    "schema": {"type": "string", "format": "binary", "description": "Any file."},
                    "example": request.example,
                }),
                crate::body::Media::Form => json!({"schema": {"type": "object"}}),
            };
            content.insert(media.as_str().to_owned(), described);
        }
        json!({"required": request.required, "content": content})
    }

    fn responses(self, operation: &Operation) -> Value {
        let mut responses: BTreeMap<u16, Value> = BTreeMap::new();
        if let Some(request) = &operation.request {
            // Registers what the body refers to.
            _ = (request.schema)(self.generator);
        }
        for success in &operation.successes {
            let mut schema = (success.schema)(self.generator).to_value();
            if let Some(part) = operation.part {
                let part = part(self.generator).to_value();
                let many = operation.query.iter().any(|parameter| parameter.name == "limit");
                schema = json!({"anyOf": [schema, if many { page_of(part) } else { part }]});
            }
            responses.insert(success.status.as_u16(), described_success(success, schema));
        }
        if operation.query.iter().any(|parameter| parameter.name == "dryRun") {
            let dry = json!({"description": "What would change (`dryRun=true`).",
                "content": {"application/json": {"schema": self.dry_run, "example": {"wouldChange": true, "changes": []}}}});
            let entry = responses.entry(200).or_insert(dry);
            let schema = &mut entry["content"]["application/json"]["schema"];
            if schema != self.dry_run {
                *schema = json!({"anyOf": [schema.clone(), self.dry_run]});
            }
        }
        let mut failures: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in operation.every_problem() {
            failures.entry(problem::status(code).as_u16()).or_default().push(code);
        }
        for (status, codes) in failures {
            responses.insert(status, failure(status, &codes, self.problem));
        }
        let responses: Map<String, Value> =
            responses.into_iter().map(|(status, response)| (status.to_string(), response)).collect();
        Value::Object(responses)
    }
}

fn page_of(item: Value) -> Value {
    json!({"type": "object", "required": ["items"], "properties": {
        "items": {"type": "array", "items": item}, "nextCursor": {"type": ["string", "null"]},
    }})
}

fn described_success(success: &Success, schema: Value) -> Value {
    let mut content = Map::new();
    for media in success.media {
        let described = if *media == "application/json" {
            json!({"schema": schema, "example": success.example})
        } else if success.media.len() == 1 {
            json!({"schema": {"type": "string"}, "example": success.example})
        } else {
            json!({"schema": {"type": "string", "format": "binary"}})
        };
        content.insert((*media).to_owned(), described);
    }
    json!({"description": success.description, "content": content})
}

fn failure(status: u16, codes: &[Code], schema: &Value) -> Value {
    let listed: Vec<String> =
        codes.iter().map(|code| format!("`{}`: {}.", code.as_str(), code.title())).collect();
    let first = codes.first().copied().unwrap_or(Code::Internal);
    json!({
        "description": listed.join(" "),
        "content": {problem::MEDIA: {"schema": schema, "example": {
            "type": format!("urn:chancery:problem:{}", first.as_str()), "title": first.title(), "status": status,
            "code": first, "detail": first.title(),
            "instance": "urn:chancery:request:req_01jdp4q2x8f7mb3v5kz6n9w0ae",
            "help": format!("/docs/problems/{}", first.as_str()), "retryable": status > 500,
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        }}},
    })
}

fn description(operation: &Operation) -> String {
    let access = match operation.access {
        Some(Access::Permission(permission)) => format!("Needs the permission `{permission}`."),
        Some(Access::SignedIn) => "Needs a valid API token.".to_owned(),
        _ => "Open to everyone.".to_owned(),
    };
    let families: Vec<String> = operation
        .families
        .iter()
        .map(|family| format!(" Parameters `{}`: {}", family.form, family.description))
        .collect();
    format!("{access}{}", families.concat())
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let path = operation.path_parameters().map(|name| {
        json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"},
            "description": "Its id, prefixed or as a bare UUID; `name:…` where names are unique."})
    });
    let query = operation.query.iter().map(crate::parameter::Parameter::described);
    let headers = operation.headers.iter().filter(|header| header.name != "Accept").map(|header| {
        json!({"name": header.name, "in": "header", "required": false, "schema": {"type": "string"},
            "description": header.description, "example": header.example})
    });
    path.chain(query).chain(headers).collect()
}
