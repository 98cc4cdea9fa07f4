//! What a handler answers.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use contracts::{Problem, command::DryRun};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// Name of the header with the log position a write reached.
pub const POSITION: HeaderName = HeaderName::from_static("chancery-position");
/// Name of the header that marks the answer of an earlier request.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// An answer on its way out.
#[derive(Debug)]
pub struct Answer(Response);

impl Answer {
    /// A body of any content type.
    #[must_use]
    pub fn new(status: StatusCode, media: &'static str, body: impl Into<Body>) -> Self {
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        Self(response)
    }

    /// A value as JSON.
    pub fn json<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(|error| {
            tracing::error!(%error, "answer cannot be written as JSON");
            Problem::internal()
        })?;
        Ok(Self::json_text(status, body))
    }

    /// JSON that is written already.
    #[must_use]
    pub fn json_text(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, "application/json", body.into())
    }

    /// What a dry run found.
    pub fn dry(found: &DryRun) -> Result<Self, Problem> {
        Self::json(StatusCode::OK, found)
    }

    /// Adds a header; a value that no header can hold is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.0.headers_mut().insert(name, value);
        }
        self
    }

    /// Adds a header beside those of its name.
    #[must_use]
    pub fn also(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.0.headers_mut().append(name, value);
        }
        self
    }

    /// Tells the log position a write reached, if it wrote.
    #[must_use]
    pub fn at(self, position: i64) -> Self {
        if position > 0 { self.with(POSITION, position) } else { self }
    }

    /// Tells the version.
    #[must_use]
    pub fn versioned(self, version: i32) -> Self {
        self.with(header::ETAG, format!("\"{version}\""))
    }

    /// Tells where the thing is.
    #[must_use]
    pub fn located(self, path: &str) -> Self {
        self.with(header::LOCATION, path)
    }

    /// The response.
    #[must_use]
    pub fn into_response(self) -> Response {
        self.0
    }
}
