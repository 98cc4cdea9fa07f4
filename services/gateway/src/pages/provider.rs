//! Signing in at an identity provider: the browser is sent there and comes back. What binds both is a cookie of this
//! browser, from which directory makes what the provider sees and repeats.

use contracts::{
    IdentityProviderId, LongSecretText, Problem, SecretText, SessionId,
    directory::{BeginProviderSignIn, FinishProviderSignIn},
};
use http::header;
use runtime::database::{DatabaseError, Scope, scoped_read};
use uuid::Uuid;

use super::{html, shut_out, signed_in};
use crate::{
    answer::Answer, call::Call, cookie, gateway::Gateway, operation::Operation, parameter::Family,
    resources::sessions,
};

/// The cookie of a browser that is at a provider: its secret, and the session that is to be confirmed.
const BROWSER: &str = "__Host-chancery-provider";
/// How long it may stay there, in seconds.
const LONGEST: u32 = 600;
/// The most providers of one page.
const MOST: i64 = 50;

/// The operations.
pub fn operations() -> Vec<Operation> {
    let page = |path, id| {
        Operation::get(path, id, "Signing in at an identity provider").public().undocumented().at_the_door()
    };
    vec![
        page("/sign-in/with/{provider}", "getProviderSignIn").handled_by(begin),
        page("/sign-in/again", "getProviderStepUp").handled_by(again),
        // Providers add what they like.
        page("/sign-in/callback/{provider}", "getProviderCallback")
            .family(Family { prefix: "", form: "", description: "" })
            .handled_by(finish),
    ]
}

/// A provider that people may sign in at.
#[derive(Debug)]
pub struct Offered {
    /// Which.
    pub id: IdentityProviderId,
    /// What people read on the button.
    pub name: String,
}

impl Offered {
    /// Where a browser begins.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/sign-in/with/{}", self.id)
    }
}

/// The providers of the installation and of an organization; of the first one where none is named.
pub async fn offered(gateway: &Gateway, organization: &str) -> Result<Vec<Offered>, DatabaseError> {
    let mut client = gateway.pool.get().await?;
    let transaction = scoped_read(&mut client, &Scope::All).await?;
    let sql = "select id, coalesce(document ->> 'displayName', name) from api_directory.identity_provider \
        where status = 'active' and (organization = $1 or organization = \
        (select id from api_directory.organization where name = $2 or $2 = '' order by created_at, id limit 1)) \
        order by name, id limit $3";
    let statement = transaction.prepare_cached(sql).await?;
    let rows = transaction.query(&statement, &[&Uuid::nil(), &organization, &MOST]).await?;
    transaction.commit().await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Offered { id: row.try_get::<_, Uuid>(0)?.into(), name: row.try_get(1)? })
    };
    rows.iter().map(read).collect()
}

async fn begin(call: Call) -> Result<Answer, Problem> {
    let command = BeginProviderSignIn { provider: Some(call.parse("provider")?), secret: secret(&call) };
    let context = sessions::at_the_door(&call);
    begun(&call, context, command, None).await
}

/// Whoever came from a provider proves again who they are.
async fn again(mut call: Call) -> Result<Answer, Problem> {
    let Some((caller, text)) = signed_in(&call).await else {
        return Ok(super::to_sign_in());
    };
    call.caller = Some(caller);
    let command = BeginProviderSignIn { provider: None, secret: secret(&call) };
    let context = call.context()?;
    begun(&call, context, command, Some(text.id)).await
}

async fn begun(
    call: &Call,
    context: bus::Context,
    command: BeginProviderSignIn,
    session: Option<SessionId>,
) -> Result<Answer, Problem> {
    match call.gateway.bus.call(&context, &command).await {
        Ok(reply) => {
            let secret = command.secret.reveal();
            let value = session.map_or_else(|| secret.to_owned(), |session| format!("{secret}.{session}"));
            let cookie = cookie::set_for(BROWSER, &value, LONGEST);
            Ok(html::sent_to(&reply.result.url).with(header::SET_COOKIE, cookie))
        }
        Err(problem) => Ok(shut_out(call, &problem)),
    }
}

async fn finish(call: Call) -> Result<Answer, Problem> {
    let held = cookie::value(&call.headers, BROWSER).unwrap_or_default();
    let (held, session) = held.split_once('.').map_or((held, None), |(held, id)| (held, id.parse().ok()));
    let secret = Some(held).filter(|held| held.len() == 64);
    let said = |name: &str| call.query.get(name).map(|text| text.chars().take(1_000).collect::<String>());
    let code = call.query.get("code").filter(|code| code.len() <= LongSecretText::LIMIT);
    let text = sessions::drawn(&call, session);
    let command = FinishProviderSignIn {
        id: text.id,
        hash: hex::encode(text.hash()),
        provider: call.parse("provider")?,
        secret: secret.map(|held| SecretText::new(held.to_owned())),
        state: said("state").unwrap_or_default(),
        code: code.map(|code| LongSecretText::new(code.to_owned())),
        error: said("error"),
        issuer: said("iss"),
        certificate: call.certificate_on_top(),
        address: call.address.map(|address| address.to_string()),
    };
    let answer = match call.gateway.bus.call(&sessions::at_the_door(&call), &command).await {
        Ok(reply) => {
            call.gateway.doorkeeper.reached(reply.position).await;
            super::to_sign_in().with(header::SET_COOKIE, cookie::set(cookie::SESSION, &text.reveal()))
        }
        Err(problem) => shut_out(&call, &problem),
    };
    Ok(answer.also(header::SET_COOKIE, cookie::cleared(BROWSER)))
}

fn secret(call: &Call) -> SecretText {
    let mut random = [0; 32];
    call.gateway.entropy.fill(&mut random);
    SecretText::new(hex::encode(random))
}
