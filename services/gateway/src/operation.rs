//! What one operation of the API is. The table of them ([`crate::operations`]) is the one source of the router, of
//! the authorization, of the query check and of the OpenAPI document.

use std::{future::Future, sync::Arc};

use contracts::{Code, Permission, Problem};
use futures::future::BoxFuture;
use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use crate::{
    answer::Answer,
    body::Media,
    call::Call,
    parameter::{Family, Header, Parameter},
};

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever is signed in: the answer is about the caller alone.
    SignedIn,
    /// Whoever has this permission.
    Permission(Permission),
}

/// What answers an operation.
pub type Handler = Arc<dyn Fn(Call) -> BoxFuture<'static, Result<Answer, Problem>> + Send + Sync>;
/// Describes a type, registering what it refers to.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A request body.
#[derive(Clone, Debug)]
pub struct Request {
    /// The content types that are read.
    pub media: &'static [Media],
    /// The schema of the JSON form.
    pub schema: SchemaOf,
    /// An example of it.
    pub example: Value,
    /// Whether there must be one; an absent body is read as `{}`.
    pub required: bool,
}

/// One kind of success.
#[derive(Clone, Debug)]
pub struct Success {
    /// Its status.
    pub status: StatusCode,
    /// When it comes.
    pub description: &'static str,
    /// Content types; the first is the usual one.
    pub media: &'static [&'static str],
    /// The schema, for JSON.
    pub schema: SchemaOf,
    /// An example.
    pub example: Value,
}

/// One operation.
#[derive(Clone)]
pub struct Operation {
    /// Its method.
    pub method: Method,
    /// Its path, with `{parameters}`.
    pub path: &'static str,
    /// `verbNoun`.
    pub id: &'static str,
    /// One line.
    pub summary: &'static str,
    /// The group it is shown in.
    pub tag: &'static str,
    /// Who may call; the table is refused while it is missing (Z-1).
    pub access: Option<Access>,
    /// Whether a denial is recorded (R1).
    pub sensitive: bool,
    /// Whether a session has to prove who is signed in for it.
    pub step_up: bool,
    /// Whether it costs more than others and so has a lower limit (L-2).
    pub costly: bool,
    /// Whether it is a way in, or a proof of who is in: these have a limit of their own (L-2).
    pub at_the_door: bool,
    /// Its body.
    pub request: Option<Request>,
    /// The largest body it takes, where that is more than usual.
    pub largest: Option<usize>,
    /// Its query parameters.
    pub query: Vec<Parameter>,
    /// Query parameters whose names are open, such as `labels.<key>`.
    pub families: Vec<Family>,
    /// Its request headers beside those of every operation.
    pub headers: Vec<Header>,
    /// Its answers.
    pub successes: Vec<Success>,
    /// What it answers to those who want some fields only.
    pub part: Option<SchemaOf>,
    /// Codes beside those that every operation may answer with.
    pub problems: Vec<Code>,
    /// Whether problem documents carry what clients of the compatible endpoint read.
    pub compatible: bool,
    /// Whether it stands in the OpenAPI document; pages for people do not.
    pub documented: bool,
    /// The name of its span: method and path.
    pub span: String,
    handler: Option<Handler>,
}

impl Operation {
    fn new(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            span: format!("{method} {path}"),
            method,
            path,
            id,
            summary,
            tag: "",
            access: None,
            sensitive: false,
            step_up: false,
            costly: false,
            at_the_door: false,
            request: None,
            largest: None,
            query: vec![],
            families: vec![],
            headers: vec![],
            successes: vec![],
            part: None,
            problems: vec![],
            compatible: false,
            documented: true,
            handler: None,
        }
    }

    /// Reads something.
    #[must_use]
    pub fn get(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::GET, path, id, summary)
    }

    /// Makes something, or acts on it. A command: repeats are recognized, a dry run is possible.
    #[must_use]
    pub fn post(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::POST, path, id, summary).command()
    }

    /// Computes something and keeps nothing.
    #[must_use]
    pub fn compute(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::POST, path, id, summary)
    }

    /// Changes something. A command.
    #[must_use]
    pub fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::PATCH, path, id, summary).command().if_match()
    }

    /// Replaces something as a whole. A command.
    #[must_use]
    pub fn put(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::PUT, path, id, summary).command().if_match()
    }

    /// Takes something away. A command.
    #[must_use]
    pub fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::DELETE, path, id, summary).command().if_match()
    }

    fn command(self) -> Self {
        self.query(Parameter::boolean("dryRun", "Validate, say what would change, change nothing."))
            .header(Header::IDEMPOTENCY_KEY)
            .problem(Code::IdempotencyKeyReused)
            .problem(Code::CommandTimeout)
            .problem(Code::ValidationFailed)
    }

    /// Takes `If-Match`.
    #[must_use]
    pub fn if_match(self) -> Self {
        self.header(Header::IF_MATCH).problem(Code::VersionMismatch)
    }

    /// Anybody may call.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.access = Some(Access::Public);
        self
    }

    /// Whoever is signed in may call.
    #[must_use]
    pub fn signed_in(mut self) -> Self {
        self.access = Some(Access::SignedIn);
        self
    }

    /// Only who has this permission may call.
    #[must_use]
    pub fn needs(mut self, permission: Permission) -> Self {
        self.access = Some(Access::Permission(permission));
        self
    }

    /// Denials are recorded.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// A session has to prove who is signed in for it; its command says the same.
    #[must_use]
    pub fn step_up(mut self) -> Self {
        self.step_up = true;
        self.problem(Code::StepUpRequired)
    }

    /// It costs more than others: signing in, making keys, handing things out (L-2).
    #[must_use]
    pub fn costly(mut self) -> Self {
        self.costly = true;
        self
    }

    /// It is a way in, or a proof of who is in (L-2).
    #[must_use]
    pub fn at_the_door(mut self) -> Self {
        self.at_the_door = true;
        self
    }

    /// The group it is shown in.
    #[must_use]
    pub fn tagged(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    /// Takes a JSON body.
    #[must_use]
    pub fn takes<T: JsonSchema>(self, example: Value) -> Self {
        self.takes_any::<T>(&[Media::Json], example)
    }

    /// Takes a body of one of these content types.
    #[must_use]
    pub fn takes_any<T: JsonSchema>(mut self, media: &'static [Media], example: Value) -> Self {
        self.request =
            Some(Request { media, schema: SchemaGenerator::subschema_for::<T>, example, required: true });
        self.problem(Code::PayloadTooLarge)
            .problem(Code::UnsupportedMediaType)
            .problem(Code::ValidationFailed)
    }

    /// Takes a JSON body that may be left out.
    #[must_use]
    pub fn may_take<T: JsonSchema>(self, example: Value) -> Self {
        let mut operation = self.takes::<T>(example);
        if let Some(request) = &mut operation.request {
            request.required = false;
        }
        operation
    }

    /// Takes bodies of up to so many bytes, whatever others take.
    #[must_use]
    pub fn up_to(mut self, bytes: usize) -> Self {
        self.largest = Some(bytes);
        self
    }

    /// Takes a query parameter.
    #[must_use]
    pub fn query(mut self, parameter: Parameter) -> Self {
        self.query.push(parameter);
        self
    }

    /// Takes query parameters.
    #[must_use]
    pub fn queries(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.query.extend(parameters);
        self
    }

    /// Takes query parameters of open names.
    #[must_use]
    pub fn family(mut self, family: Family) -> Self {
        self.families.push(family);
        self
    }

    /// Reads a request header.
    #[must_use]
    pub fn header(mut self, header: Header) -> Self {
        self.headers.push(header);
        self
    }

    /// Answers JSON.
    #[must_use]
    pub fn answers<T: JsonSchema>(
        self,
        status: StatusCode,
        description: &'static str,
        example: Value,
    ) -> Self {
        self.answers_any::<T>(status, description, &["application/json"], example)
    }

    /// Answers one of several content types; the schema is that of JSON.
    #[must_use]
    pub fn answers_any<T: JsonSchema>(
        mut self,
        status: StatusCode,
        description: &'static str,
        media: &'static [&'static str],
        example: Value,
    ) -> Self {
        let schema = SchemaGenerator::subschema_for::<T>;
        self.successes.push(Success { status, description, media, schema, example });
        self
    }

    /// May answer with this code.
    #[must_use]
    pub fn problem(mut self, code: Code) -> Self {
        if !self.problems.contains(&code) {
            self.problems.push(code);
        }
        self
    }

    /// May answer with these codes.
    #[must_use]
    pub fn problems(self, codes: &[Code]) -> Self {
        codes.iter().fold(self, |operation, code| operation.problem(*code))
    }

    /// Problem documents carry what clients of the compatible endpoint read.
    #[must_use]
    pub fn compatible(mut self) -> Self {
        self.compatible = true;
        self
    }

    /// Leaves it out of the OpenAPI document.
    #[must_use]
    pub fn undocumented(mut self) -> Self {
        self.documented = false;
        self
    }

    /// What answers it.
    #[must_use]
    pub fn handled_by<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Answer, Problem>> + Send + 'static,
    {
        self.handler = Some(Arc::new(move |call| Box::pin(handler(call))));
        self
    }

    /// Every code it may answer with.
    #[must_use]
    pub fn every_problem(&self) -> Vec<Code> {
        let mut codes = vec![Code::MalformedRequest, Code::UnknownParameter, Code::AddressDenied];
        codes.extend([Code::RateLimited, Code::Internal, Code::ServiceUnavailable]);
        if self.access != Some(Access::Public) {
            codes.extend([Code::Unauthenticated, Code::TokenExpired, Code::SessionExpired]);
            if !self.method.is_safe() {
                codes.push(Code::CrossSiteRequest);
            }
        }
        if matches!(self.access, Some(Access::Permission(_))) {
            codes.push(Code::Forbidden);
        }
        if self.path.contains('{') {
            codes.extend([Code::NotFound, Code::WrongIdType]);
        }
        codes.extend(&self.problems);
        let mut seen = std::collections::BTreeSet::new();
        codes.retain(|code| seen.insert(code.as_str()));
        codes
    }

    /// The names of the parameters in its path.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'))
    }

    /// What answers it.
    #[must_use]
    pub fn handler(&self) -> Option<&Handler> {
        self.handler.as_ref()
    }
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} {})", self.id, self.method, self.path)
    }
}
