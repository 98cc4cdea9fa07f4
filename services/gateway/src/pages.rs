//! Pages to sign in and to answer mails with, rendered here and without script (L-4), so that a one-time link works in any browser. Each form
//! repeats what only the page that showed it knows.

mod html;
pub mod provider;

use std::time::Duration;

use contracts::{Credential, Problem, SecretText, session::SessionText};
use http::{HeaderValue, StatusCode, header};
use runtime::{
    authority::Principal,
    database::{DatabaseError, Scope, scoped_read},
};
use sha2::{Digest, Sha256};

use self::html::{Form, page};
use crate::{
    answer::Answer,
    body::{Media, shown},
    call::Call,
    cookie,
    operation::Operation,
    problem,
    resources::{sessions, validations},
    rest,
};

/// The cookie of whoever has no session yet: what a form repeats follows from it.
const VISITOR: &str = "__Host-chancery-form";
/// How long the database may take to say what may stand on a page or not.
const PATIENCE: Duration = Duration::from_secs(1);

/// The operations.
pub fn operations() -> Vec<Operation> {
    let mut operations = provider::operations();
    operations.extend([
        Operation::get("/sign-in", "getSignInPage", "A page to sign in with")
            .public()
            .undocumented()
            .handled_by(show),
        Operation::get("/sign-in/{organization}", "getSignInPageOf", "The page of an organization")
            .public()
            .undocumented()
            .handled_by(show),
        form("/sign-in", "postSignInPage").handled_by(sign_in),
        form("/sign-in/{organization}", "postSignInPageOf").handled_by(sign_in),
        form("/sign-in/forgotten", "postForgottenPage").handled_by(forgotten),
        Operation::get("/sign-in/link/{code}", "getLinkPage", "A page to set a password with")
            .public()
            .undocumented()
            .handled_by(show_link),
        form("/sign-in/link/{code}", "postLinkPage").handled_by(use_link),
        Operation::get("/domain-validation/{code}", "getConfirmPage", "A page to confirm a domain with")
            .public()
            .undocumented()
            .handled_by(show_confirm),
        form("/domain-validation/{code}", "postConfirmPage").handled_by(confirm),
        form("/sign-out", "postSignOutPage").handled_by(sign_out),
    ]);
    operations
}

fn form(path: &'static str, id: &'static str) -> Operation {
    Operation::compute(path, id, "What a page sends")
        .public()
        .undocumented()
        .at_the_door()
        .takes_any::<serde_json::Value>(&[Media::Form], serde_json::Value::Null)
}

async fn show(call: Call) -> Result<Answer, Problem> {
    match signed_in(&call).await {
        Some((caller, text)) => {
            let name = call.gateway.doorkeeper.name_of(caller.administrator).unwrap_or_default();
            Ok(page(StatusCode::OK, "Signed in", &html::signed_in(&name, &text.csrf_token())))
        }
        None => Ok(sign_in_page(&call, StatusCode::OK, "").await),
    }
}

async fn sign_in(call: Call) -> Result<Answer, Problem> {
    let form = match posted(&call) {
        Ok(form) => form,
        Err(refused) => return Ok(sign_in_page(&call, problem::status(refused.code), &refused.detail).await),
    };
    let organization = Some(call.step("organization").to_owned()).filter(|name| !name.is_empty());
    let code = Some(form.get("code")).filter(|code| !code.is_empty()).map(SecretText::new);
    let (name, password) = (form.get("name"), SecretText::new(form.get("password")));
    match sessions::begin(&call, organization, name, password, code).await {
        Ok((text, _)) => {
            Ok(to_sign_in().with(header::SET_COOKIE, cookie::set(cookie::SESSION, &text.reveal())))
        }
        Err(refused) => {
            let page = sign_in_page(&call, problem::status(refused.code), &refused.detail).await;
            Ok(turned_away(page, &refused))
        }
    }
}

async fn forgotten(call: Call) -> Result<Answer, Problem> {
    let form = match posted(&call) {
        Ok(form) => form,
        Err(refused) => return Ok(sign_in_page(&call, problem::status(refused.code), &refused.detail).await),
    };
    sessions::forget(&call, form.get("name"));
    Ok(page(StatusCode::ACCEPTED, "Mail is on its way", html::FORGOTTEN))
}

async fn show_link(call: Call) -> Result<Answer, Problem> {
    Ok(link_page(&call, StatusCode::OK, ""))
}

async fn use_link(call: Call) -> Result<Answer, Problem> {
    let form = match posted(&call) {
        Ok(form) => form,
        Err(refused) => return Ok(link_page(&call, problem::status(refused.code), &refused.detail)),
    };
    if form.get("password") != form.get("repeated") {
        return Ok(link_page(&call, StatusCode::UNPROCESSABLE_ENTITY, "the two passwords differ"));
    }
    let (code, password) =
        (SecretText::new(call.step("code").to_owned()), SecretText::new(form.get("password")));
    match sessions::use_link(&call, code, password).await {
        Ok(()) => Ok(page(StatusCode::OK, "Your password counts", html::PASSWORD_SET)),
        Err(refused) => {
            let words = refused.errors.first().map_or(&refused.detail, |violation| &violation.detail);
            Ok(turned_away(link_page(&call, problem::status(refused.code), words), &refused))
        }
    }
}

/// Confirms nothing by itself: programs that look through mail follow links, too.
async fn show_confirm(call: Call) -> Result<Answer, Problem> {
    Ok(confirm_page(&call, StatusCode::OK, ""))
}

async fn confirm(call: Call) -> Result<Answer, Problem> {
    if let Err(refused) = posted(&call) {
        return Ok(confirm_page(&call, problem::status(refused.code), &refused.detail));
    }
    let code = SecretText::new(call.step("code").to_owned());
    match validations::confirm_by_code(&call, code).await {
        Ok(confirmed) => {
            let content = html::confirmed(&confirmed.domain_name, &confirmed.valid_until.to_string());
            Ok(page(StatusCode::OK, "The domain is confirmed", &content))
        }
        Err(refused) => {
            Ok(turned_away(confirm_page(&call, problem::status(refused.code), &refused.detail), &refused))
        }
    }
}

async fn sign_out(mut call: Call) -> Result<Answer, Problem> {
    let (form, text) = (Form::read(&call.body)?, cookie::session(&call.headers));
    if let Some(text) = text {
        cookie::check_not_foreign(&call.headers, &call.gateway.place.origin)?;
        cookie::check_token(form.get("token").as_bytes(), text.csrf_token().as_bytes())?;
        if let Ok(caller) = call.gateway.doorkeeper.authenticate_session(&text) {
            call.caller = Some(caller);
            let context = call.context()?;
            _ = sessions::end_session(&call, context, text.id, true).await?;
        }
    }
    Ok(to_sign_in().with(header::SET_COOKIE, cookie::cleared(cookie::SESSION)))
}

/// Sends the browser on to the page to sign in with, which says who is signed in.
fn to_sign_in() -> Answer {
    Answer::new(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "").located("/sign-in")
}

/// The one page for whoever came from an identity provider and is not let in.
fn shut_out(call: &Call, refused: &Problem) -> Answer {
    let support = call.gateway.place.support_url.as_deref();
    let content = html::shut_out(refused.code.as_str(), &refused.detail, support);
    turned_away(page(problem::status(refused.code), "Not signed in", &content), refused)
}

/// Who is signed in with this browser.
async fn signed_in(call: &Call) -> Option<(Principal, SessionText)> {
    let text = cookie::session(&call.headers)?;
    let caller = call.gateway.doorkeeper.authenticate_session(&text).ok()?;
    let Credential::Session(session) = caller.credential else { return None };
    rest::wake(&call.gateway, session, call.now).await.ok()?;
    call.gateway.gate.admit_to(Some(caller.organization), call.address).ok()?;
    Some((caller, text))
}

/// What a form sent, if it is one that we showed to this browser. Errors: `cross_site_request`, `malformed_request`.
fn posted(call: &Call) -> Result<Form, Problem> {
    cookie::check_not_foreign(&call.headers, &call.gateway.place.origin)?;
    let form = Form::read(&call.body)?;
    let expected = cookie::value(&call.headers, VISITOR).map(token_of).unwrap_or_default();
    if expected.is_empty() {
        let words = "this page was open for too long, or cookies are off: try again";
        return Err(Problem::new(contracts::Code::CrossSiteRequest, words));
    }
    cookie::check_token(form.get("token").as_bytes(), expected.as_bytes())?;
    Ok(form)
}

async fn sign_in_page(call: &Call, status: StatusCode, message: &str) -> Answer {
    let organization = call.step("organization");
    let own = if organization.is_empty() { None } else { support_url(call, organization).await };
    let support = own.as_deref().or(call.gateway.place.support_url.as_deref());
    // Whoever has a password signs in also while what is offered beside is not known.
    let offered = provider::offered(&call.gateway, organization).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "identity providers cannot be read");
        vec![]
    });
    let (token, cookie) = visitor(call);
    let content = html::sign_in(&shown(organization), message, &token, &offered, support);
    page(status, "Sign in", &content).with(header::SET_COOKIE, cookie)
}

/// Where an organization sends its people for help. Whoever wants to sign in does not wait for it.
async fn support_url(call: &Call, organization: &str) -> Option<String> {
    let read = async {
        let mut client = call.gateway.pool.get().await?;
        let transaction = scoped_read(&mut client, &Scope::All).await?;
        let sql = "select document->>'supportUrl' from api_directory.organization
                   where name = $1 and document->>'status' = 'active'";
        let row = transaction.query_opt(sql, &[&organization]).await?;
        transaction.commit().await?;
        row.map_or(Ok(None), |row| Ok::<_, DatabaseError>(row.try_get(0)?))
    };
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(url)) => url,
        Ok(Err(error)) => {
            tracing::debug!(%error, "where an organization sends people for help cannot be read");
            None
        }
        Err(_) => None,
    }
}

fn link_page(call: &Call, status: StatusCode, message: &str) -> Answer {
    let (token, cookie) = visitor(call);
    page(status, "Set your password", &html::link(message, &token)).with(header::SET_COOKIE, cookie)
}

fn confirm_page(call: &Call, status: StatusCode, message: &str) -> Answer {
    let (token, cookie) = visitor(call);
    page(status, "Confirm a domain", &html::confirm(message, &token)).with(header::SET_COOKIE, cookie)
}

/// What the next form repeats, and the cookie that it follows from.
fn visitor(call: &Call) -> (String, String) {
    let known = cookie::value(&call.headers, VISITOR).filter(|value| value.len() == 64).map(str::to_owned);
    let value = known.unwrap_or_else(|| {
        let mut random = [0; 32];
        call.gateway.entropy.fill(&mut random);
        hex::encode(random)
    });
    (token_of(&value), cookie::set(VISITOR, &value))
}

fn token_of(visitor: &str) -> String {
    hex::encode(Sha256::digest(format!("chancery form token\0{visitor}")))
}

fn turned_away(answer: Answer, refused: &Problem) -> Answer {
    match refused.retry_after {
        Some(seconds) => answer.with(header::RETRY_AFTER, HeaderValue::from(seconds)),
        None => answer,
    }
}
