//! `/sign-in` and `/sessions`: signing in with a password, sessions, proving again who one is. A session's secret is drawn
//! here and stands in a cookie: only its hash travels.

use bus::Context;
use contracts::{
    Actor, Code, Credential, IdentityProviderId, OrganizationId, Permission, Problem, SecretText, Service,
    SessionId,
    directory::{
        EndSession, ForgetPassword, SessionStatus, SessionView, SignIn, SignInMethod, StepUp, UseLink,
    },
    session::SessionText,
};
use http::{StatusCode, header};
use runtime::database::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Page, admins::ADMINS, page};
use crate::{
    answer::Answer,
    call::Call,
    cookie,
    operation::Operation,
    pages::provider,
    parameter::Parameter,
    reach::Reach,
    read, select,
    view::{self, Field, Rights, View},
};

static SESSIONS: View = View {
    service: Service::Directory,
    name: "session",
    kind: "session",
    prefix: "ses",
    fields: &[
        Field::word::<SessionStatus>("status", "status"),
        Field::word::<SignInMethod>("method", "(document ->> 'method')"),
        Field::id("administratorId", "owner", "adm"),
    ],
    document: view::part_of::<SessionView>,
    rights: Rights::Row { owner: "owner", personal: true, certificates: false },
    named: false,
    labelled: false,
    search: None,
    sort: "-createdAt",
};

/// Who somebody is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Credentials {
    /// The name of the organization to act in; missing: the usual one.
    #[serde(default)]
    organization: Option<String>,
    /// The sign-in name; case and width of letters do not count.
    name: String,
    /// The password.
    password: SecretText,
    /// The code of the second factor, or a recovery code, where one is set up.
    #[serde(default)]
    code: Option<SecretText>,
}

/// Sets a password through a one-time link.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewPassword {
    /// What stands after `/sign-in/link/` in the link.
    code: SecretText,
    /// The new password: at least 12 characters, and none of those that are tried first.
    password: SecretText,
}

/// Somebody who forgot their password.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Forgotten {
    /// Their sign-in name.
    name: String,
}

/// A proof of who is signed in: a code by who has a second factor, the password by who has none.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Proof {
    /// The password.
    #[serde(default)]
    password: Option<SecretText>,
    /// The code of the second factor, or a recovery code.
    #[serde(default)]
    code: Option<SecretText>,
}

/// A session in use. Its secret stands in the cookie alone.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CurrentSession {
    /// What requests by cookie that change something repeat in `X-CSRF-Token`.
    csrf_token: String,
    #[serde(flatten)]
    session: SessionView,
}

/// An identity provider that people may sign in at.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SignInProvider {
    /// Id.
    id: IdentityProviderId,
    /// What people read on the button.
    name: String,
    /// Where a browser begins.
    url: String,
}

/// The identity providers that people may sign in at.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SignInProviders {
    /// The providers, by name.
    items: Vec<SignInProvider>,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let mut current = example();
    current["csrfToken"] = "4f5a…".into();
    let operations = vec![
        Operation::compute(
            "/api/v1/sign-in",
            "signIn",
            "Sign in with a password; the answer sets the session's cookie",
        )
        .public()
        .at_the_door()
        .takes::<Credentials>(json!({"name": "alice", "password": "plum tractor sails north"}))
        .answers::<CurrentSession>(StatusCode::CREATED, "The session.", current.clone())
        .problems(&[
            Code::Unauthenticated,
            Code::SecondFactorRequired,
            Code::SignInLocked,
            Code::CrossSiteRequest,
            Code::CommandTimeout,
        ])
        .handled_by(sign_in),
        Operation::compute(
            "/api/v1/sign-in/password",
            "setPassword",
            "Set a password through a one-time link",
        )
        .public()
        .at_the_door()
        .takes::<NewPassword>(
            json!({"code": "chl_01jdp4q2x8f7mb3v5kz6n9w0ae_…", "password": "plum tractor sails north"}),
        )
        .answers::<Value>(StatusCode::OK, "The password counts; sign in with it.", json!({}))
        .problems(&[Code::LinkVoid, Code::CrossSiteRequest, Code::CommandTimeout])
        .handled_by(set_password),
        Operation::compute("/api/v1/sign-in/forgotten", "forgetPassword", "Ask for a one-time link by mail")
            .public()
            .at_the_door()
            .takes::<Forgotten>(json!({"name": "alice"}))
            .answers::<Value>(
                StatusCode::ACCEPTED,
                "If there is such an administrator with an e-mail address, mail is on its way.",
                json!({}),
            )
            .problem(Code::CrossSiteRequest)
            .handled_by(forgotten),
        Operation::get(
            "/api/v1/sign-in/providers",
            "listSignInProviders",
            "List the identity providers that people may sign in at, with a browser",
        )
        .public()
        .query(Parameter::text(
            "organization",
            "The name of the organization to act in; missing: the usual one.",
        ))
        .answers::<SignInProviders>(
            StatusCode::OK,
            "The identity providers.",
            json!({"items": [{"id": "idp_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "Staff account",
                "url": "https://pki.example.com/sign-in/with/idp_01jdp4q2x8f7mb3v5kz6n9w0ae"}]}),
        )
        .handled_by(providers),
        SESSIONS
            .lists(Operation::get(
                "/api/v1/sessions",
                "listSessions",
                "List one's own sessions, and those of administrators whom one may read",
            ))
            .signed_in()
            .answers::<Page<SessionView>>(StatusCode::OK, "A page of sessions.", page(example()))
            .handled_by(list),
        Operation::get(
            "/api/v1/sessions/current",
            "getCurrentSession",
            "Show the session that the request is made in",
        )
        .signed_in()
        .answers::<CurrentSession>(StatusCode::OK, "The session.", current.clone())
        .problem(Code::NotFound)
        .handled_by(show),
        Operation::delete(
            "/api/v1/sessions/current",
            "signOut",
            "Sign out: end the session that the request is made in",
        )
        .signed_in()
        .answers::<SessionView>(StatusCode::OK, "The session as it is now.", example())
        .problem(Code::NotFound)
        .handled_by(sign_out),
        Operation::compute(
            "/api/v1/sessions/current/step-up",
            "stepUp",
            "Prove again who is signed in; sensitive acts are open for a while then",
        )
        .signed_in()
        .at_the_door()
        .takes::<Proof>(json!({"password": "plum tractor sails north"}))
        .answers::<CurrentSession>(StatusCode::OK, "The session, with another cookie.", current)
        .problems(&[Code::SecondFactorRequired, Code::SignInLocked, Code::InvalidState, Code::CommandTimeout])
        .handled_by(step_up),
        Operation::delete(
            "/api/v1/sessions/{id}",
            "endSession",
            "End a session: one's own, or that of somebody all of whose grants one holds",
        )
        .signed_in()
        .answers::<SessionView>(StatusCode::OK, "The session as it is now.", example())
        .problem(Code::Forbidden)
        .handled_by(end),
    ];
    operations.into_iter().map(|operation| operation.tagged("Sign-in")).collect()
}

/// The context of a command that nobody signed in for.
pub fn at_the_door(call: &Call) -> Context {
    let patience = call.gateway.limits.request_time.duration();
    Context {
        traceparent: Some(call.trace.traceparent.to_string()),
        ..Context::new(
            call.gateway.ids.uuid(),
            OrganizationId::INSTALLATION,
            Actor::Service(Service::Gateway),
            call.now.plus(patience),
        )
    }
}

/// The text of a new session, or of an old one that gets another cookie.
pub fn drawn(call: &Call, id: Option<SessionId>) -> SessionText {
    let mut secret = [0; 32];
    call.gateway.entropy.fill(&mut secret);
    SessionText::new(id.unwrap_or_else(|| call.gateway.ids.id()), secret)
}

/// Signs somebody in, and waits until that counts here.
pub async fn begin(
    call: &Call,
    organization: Option<String>,
    name: String,
    password: SecretText,
    code: Option<SecretText>,
) -> Result<(SessionText, SessionView), Problem> {
    let text = drawn(call, None);
    let command = SignIn {
        id: text.id,
        hash: hex::encode(text.hash()),
        organization,
        name,
        password,
        code,
        certificate: call.certificate_on_top(),
        address: call.address.map(|address| address.to_string()),
    };
    let reply = call.gateway.bus.call(&at_the_door(call), &command).await?;
    call.gateway.doorkeeper.reached(reply.position).await;
    Ok((text, reply.result))
}

/// Sets a password through a link.
pub async fn use_link(call: &Call, code: SecretText, password: SecretText) -> Result<(), Problem> {
    let command = UseLink { code, password, address: call.address.map(|address| address.to_string()) };
    call.gateway.bus.call(&at_the_door(call), &command).await.map(drop)
}

/// Asks for a link by mail. The answer does not wait for it, so that its time tells nothing.
pub fn forget(call: &Call, name: String) {
    let command = ForgetPassword { name, address: call.address.map(|address| address.to_string()) };
    let (gateway, context) = (call.gateway.clone(), at_the_door(call));
    tokio::spawn(async move {
        if let Err(problem) = gateway.bus.call(&context, &command).await {
            tracing::warn!(%problem, "a forgotten password was not told to the directory");
        }
    });
}

/// Ends a session, as its owner or as somebody else.
pub async fn end_session(
    call: &Call,
    context: Context,
    session: SessionId,
    signs_out: bool,
) -> Result<Answer, Problem> {
    let command = EndSession { session, signs_out };
    call.send_in(context, command, |ended, _| Answer::json(StatusCode::OK, &ended)).await
}

async fn sign_in(call: Call) -> Result<Answer, Problem> {
    cookie::check_not_foreign(&call.headers, &call.gateway.place.origin)?;
    let Credentials { organization, name, password, code } = call.json()?;
    let (text, session) = begin(&call, organization, name, password, code).await?;
    let path = format!("/api/v1/sessions/{}", session.id);
    Ok(with_cookie(StatusCode::CREATED, &text, session)?.located(&path))
}

fn with_cookie(status: StatusCode, text: &SessionText, session: SessionView) -> Result<Answer, Problem> {
    let current = CurrentSession { csrf_token: text.csrf_token(), session };
    Ok(Answer::json(status, &current)?.with(header::SET_COOKIE, cookie::set(cookie::SESSION, &text.reveal())))
}

async fn set_password(call: Call) -> Result<Answer, Problem> {
    cookie::check_not_foreign(&call.headers, &call.gateway.place.origin)?;
    let NewPassword { code, password } = call.json()?;
    use_link(&call, code, password).await?;
    Answer::json(StatusCode::OK, &json!({}))
}

async fn forgotten(call: Call) -> Result<Answer, Problem> {
    cookie::check_not_foreign(&call.headers, &call.gateway.place.origin)?;
    let Forgotten { name } = call.json()?;
    forget(&call, name);
    Answer::json(StatusCode::ACCEPTED, &json!({}))
}

async fn providers(call: Call) -> Result<Answer, Problem> {
    let organization = call.query.get("organization").unwrap_or_default();
    let offered = provider::offered(&call.gateway, organization).await.map_err(|error| {
        tracing::warn!(%error, "identity providers cannot be read");
        Problem::unavailable("identity providers are not known at the moment; try again")
    })?;
    let item = |one: provider::Offered| {
        let url = format!("{}{}", call.gateway.place.origin, one.path());
        SignInProvider { id: one.id, name: one.name, url }
    };
    let items = offered.into_iter().map(item).collect();
    Answer::json(StatusCode::OK, &SignInProviders { items })
}

async fn list(call: Call) -> Result<Answer, Problem> {
    let caller = call.caller()?;
    let mut text = "owner = $::uuid".to_owned();
    let mut values = vec![select::Value::Id(caller.administrator.uuid())];
    if caller.may(Permission::AdministratorRead) {
        // Whoever sees an administrator sees their sessions.
        let condition = Reach::of(caller, Permission::AdministratorRead, &ADMINS).condition;
        let (seen, more) = condition.unwrap_or_else(|| ("true".to_owned(), vec![]));
        text = format!("{text} or owner in (select id from {} where {seen})", ADMINS.table());
        values.extend(more);
    }
    let reach = Reach { scope: Scope::All, condition: Some((format!("({text})"), values)) };
    read::list_of(call, &SESSIONS, reach).await
}

/// The session that a request is made in. Errors: `not_found`.
fn current(call: &Call) -> Result<SessionId, Problem> {
    match call.caller()?.credential {
        Credential::Session(session) => Ok(session),
        _ => Err(Problem::new(Code::NotFound, "the request is made with an API token, not in a session")),
    }
}

async fn show(call: Call) -> Result<Answer, Problem> {
    let (id, own) = (current(&call)?, call.caller()?.administrator.uuid());
    crate::position::wait(&call, Service::Directory).await?;
    let reach = Reach::EVERYTHING.of_one("owner", own);
    let found = read::find(&call, &SESSIONS, &id.to_string(), "id", reach).await?;
    let session: SessionView = serde_json::from_str(&found.document).map_err(read::internal)?;
    let text = cookie::session(&call.headers).ok_or_else(Problem::internal)?;
    Answer::json(StatusCode::OK, &CurrentSession { csrf_token: text.csrf_token(), session })
}

async fn sign_out(call: Call) -> Result<Answer, Problem> {
    let (id, context) = (current(&call)?, call.context()?);
    let answer = end_session(&call, context, id, true).await?;
    if call.query.flag("dryRun") {
        return Ok(answer);
    }
    Ok(answer.with(header::SET_COOKIE, cookie::cleared(cookie::SESSION)))
}

async fn end(call: Call) -> Result<Answer, Problem> {
    let (id, context) = (call.parse("id")?, call.context()?);
    end_session(&call, context, id, false).await
}

async fn step_up(call: Call) -> Result<Answer, Problem> {
    let Proof { password, code } = call.json()?;
    let text = match call.caller()?.credential {
        Credential::Session(session) => drawn(&call, Some(session)),
        _ => {
            let words = "an API token needs no step-up: it was issued for what it may do";
            return Err(Problem::new(Code::InvalidState, words));
        }
    };
    let address = call.address.map(|address| address.to_string());
    let command = StepUp { hash: hex::encode(text.hash()), password, code, address };
    call.send(command, |session, _| with_cookie(StatusCode::OK, &text, session)).await
}

fn example() -> Value {
    json!({"id": "ses_01jdp4q2x8f7mb3v5kz6n9w0ae", "administratorId": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "method": "password", "secondFactor": true,
        "address": "192.0.2.7", "status": "active", "ended": null, "createdAt": "2026-11-21T09:00:00Z",
        "expiresAt": "2026-11-21T21:00:00Z", "steppedUpUntil": null, "lastUsedAt": "2026-11-21T09:10:00Z", "version": 1})
}
