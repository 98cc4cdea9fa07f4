//! Pages for people: the API, made from the OpenAPI document, and what each problem code means. They need no network
//! but ours and run no script.

use std::fmt::Write;

use contracts::{Class, Code, Problem};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::{answer::Answer, body::shown, call::Call, operation::Operation, problem};

/// The operations.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/docs/api", "getApiPage", "The API, to read").public().undocumented().handled_by(api),
        Operation::get("/docs/style.css", "getDocsStyle", "How the pages look")
            .public()
            .undocumented()
            .handled_by(|_: Call| async {
                Ok(Answer::new(StatusCode::OK, "text/css; charset=utf-8", STYLE))
            }),
        Operation::get("/docs/problems/{code}", "getProblemPage", "What a problem code means")
            .public()
            .undocumented()
            .handled_by(problem_page),
    ]
}

const STYLE: &str = include_str!("docs.css");

async fn api(call: Call) -> Result<Answer, Problem> {
    let document: Value = serde_json::from_slice(&call.gateway.openapi).map_err(crate::read::internal)?;
    Ok(page("Chancery API", &body(&document)))
}

async fn problem_page(call: Call) -> Result<Answer, Problem> {
    let asked = call.step("code");
    let code = Code::from_text(asked).ok_or_else(|| Problem::not_found("problem code", shown(asked)))?;
    let retryable = Problem::new(code, "").retryable;
    let content = format!(
        "<h1><code>{code}</code></h1><p>{title}.</p><dl><dt>HTTP status</dt><dd>{status}</dd>\
         <dt>Worth repeating as it is</dt><dd>{repeat}</dd><dt>What to do</dt><dd>{advice}</dd></dl>\
         <p><a href=\"/docs/api\">The API</a></p>",
        code = code.as_str(),
        title = escaped(code.title()),
        status = problem::status(code),
        repeat = if retryable { "yes, after a pause" } else { "no" },
        advice = advice(code),
    );
    Ok(page(code.as_str(), &content))
}

fn advice(code: Code) -> &'static str {
    match code.class() {
        Class::Malformed => {
            "Read <code>errors</code>: each names the field, parameter or header and what was expected."
        }
        Class::Unauthenticated if code == Code::SecondFactorRequired => {
            "Send a code of the second factor, or a recovery code, in <code>code</code>."
        }
        Class::Unauthenticated if code == Code::SessionExpired => "Sign in again.",
        Class::Unauthenticated => {
            "Send <code>Authorization: Bearer chy_…</code> with an API token that is valid."
        }
        Class::Forbidden if code == Code::AddressDenied => {
            "Come from an address that the access list names, or ask whoever keeps it to add yours."
        }
        Class::Forbidden if code == Code::StepUpRequired => {
            "Prove who you are with <code>POST /api/v1/sessions/current/step-up</code>, then repeat the request."
        }
        Class::Forbidden if code == Code::CrossSiteRequest => {
            "Send <code>Origin</code> and the <code>X-CSRF-Token</code> that <code>GET /api/v1/sessions/current</code> tells."
        }
        Class::Forbidden => "Ask for an API token with the permission that <code>detail</code> names.",
        Class::NotFound => "Check the id and the organization; what you may not see is not found.",
        Class::Conflict => "Read the thing again; <code>detail</code> says what stands in the way.",
        Class::VersionMismatch => "Read the thing again, decide anew, and send its new <code>ETag</code>.",
        Class::TooLarge => "Send less at once.",
        Class::UnsupportedMedia => "Send one of the content types that <code>allowed</code> lists.",
        Class::Refused => "Read <code>errors</code>: every rule that refuses is listed, with what it allows.",
        Class::RateLimited => "Wait as long as <code>Retry-After</code> says.",
        Class::Internal => "Tell your operator the <code>traceId</code>; the log has the cause under it.",
        Class::Unavailable => {
            "Wait as long as <code>Retry-After</code> says, then repeat with the same Idempotency-Key."
        }
        Class::TimedOut => {
            "Repeat with the same Idempotency-Key: it has one effect, whatever became of the first."
        }
    }
}

fn page(title: &str, content: &str) -> Answer {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"stylesheet\" href=\"/docs/style.css\">\
         </head><body><main>{content}</main></body></html>\n",
        escaped(title)
    );
    let policy =
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    Answer::new(StatusCode::OK, "text/html; charset=utf-8", html)
        .with(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy))
}

fn body(document: &Value) -> String {
    let mut html = String::from("<h1>Chancery API</h1>");
    _ = write!(html, "<p>{}</p>", escaped(text(&document["info"]["description"])));
    html.push_str("<p>As a document: <a href=\"/api/v1/openapi.json\">openapi.json</a>.</p>");
    for tag in list(&document["tags"]) {
        let tag = text(&tag["name"]);
        _ = write!(html, "<h2>{}</h2>", escaped(tag));
        for (path, methods) in members(&document["paths"]) {
            for (method, operation) in members(methods) {
                if list(&operation["tags"]).iter().any(|named| named == tag) {
                    html.push_str(&described(path, method, operation));
                }
            }
        }
    }
    html
}

fn described(path: &str, method: &str, operation: &Value) -> String {
    let mut html = format!(
        "<details id=\"{id}\"><summary><code class=\"{method}\">{upper}</code> <code>{path}</code> {summary}</summary><p>{description}</p>",
        id = escaped(text(&operation["operationId"])),
        upper = method.to_ascii_uppercase(),
        path = escaped(path),
        summary = escaped(text(&operation["summary"])),
        description = escaped(text(&operation["description"])),
    );
    let parameters = list(&operation["parameters"]);
    if !parameters.is_empty() {
        html.push_str("<table><caption>Parameters</caption><thead><tr><th>Name</th><th>In</th><th>Meaning</th></tr></thead><tbody>");
        for parameter in parameters {
            _ = write!(
                html,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                escaped(text(&parameter["name"])),
                escaped(text(&parameter["in"])),
                escaped(text(&parameter["description"]))
            );
        }
        html.push_str("</tbody></table>");
    }
    for (media, content) in members(&operation["requestBody"]["content"]) {
        example(&mut html, &format!("Request, {media}"), &content["example"]);
    }
    for (status, response) in members(&operation["responses"]) {
        if status.starts_with('2') {
            for (media, content) in members(&response["content"]) {
                example(&mut html, &format!("{status}, {media}"), &content["example"]);
            }
        }
    }
    html.push_str("<p>Problems: ");
    for code in list(&operation["x-problem-codes"]) {
        let code = escaped(text(code));
        _ = write!(html, "<a href=\"/docs/problems/{code}\"><code>{code}</code></a> ");
    }
    html.push_str("</p></details>");
    html
}

fn example(html: &mut String, title: &str, example: &Value) {
    let shown = match example {
        Value::Null => return,
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    _ = write!(html, "<h3>{}</h3><pre>{}</pre>", escaped(title), escaped(&shown));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// Text as HTML shows it, in content and in quoted attributes.
pub fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_every_operation_and_runs_nothing() {
        let document = crate::openapi();
        let html = body(&document);
        for (_, methods) in members(&document["paths"]) {
            for (_, operation) in members(methods) {
                let id = format!("<details id=\"{}\">", text(&operation["operationId"]));
                assert!(html.contains(&id), "{id}");
            }
        }
        for word in ["<script", "style=", "onclick", "src=\"http", "href=\"http", "//cdn"] {
            assert!(!html.contains(word), "{word}");
        }
    }
}
