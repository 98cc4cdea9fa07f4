//! Notifications as a process of the notifier would queue them.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use bus::Context;
use contracts::{
    Actor, EventId, NotificationId, OrganizationId, Service,
    notifier::{NotificationEvent, NotificationKind, NotificationQueued},
};
use eventlog::{Appender, Expected};
use notifier::{
    letter::Facts,
    messages::{Message, Messages},
};
use runtime::{
    clock::{Clock as _, SystemClock},
    entropy::SystemEntropy,
    ids::Ids,
    secrets::ADMIN_ROLE,
};
use serde_json::Value;
use std::sync::Arc;
use testkit::Installation;

/// A connection that may do everything.
pub async fn admin(installation: &Installation) -> tokio_postgres::Client {
    let password = installation.secrets().database_password(ADMIN_ROLE).unwrap();
    installation.endpoint().connect(ADMIN_ROLE, &password).await.unwrap()
}

/// The notifier's tables.
pub fn messages(installation: &Installation) -> Messages {
    Messages::new(pool(installation))
}

fn pool(installation: &Installation) -> deadpool_postgres::Pool {
    let (endpoint, secrets) = (installation.endpoint(), installation.secrets());
    runtime::database::pool(&endpoint, &secrets, Service::Notifier, 2).unwrap()
}

/// Queues the news that a request was declined, for somebody at this address.
pub async fn queue(installation: &Installation, address: &str, name: &str) -> String {
    let pool = pool(installation);
    let clock = Arc::new(SystemClock::new());
    let ids = Ids::new(clock.clone(), Arc::new(SystemEntropy));
    let id = ids.id::<NotificationId>();
    let (kind, about) = (NotificationKind::ApprovalDeclined, EventId(ids.uuid()));
    let queued = NotificationQueued { id, kind, about, subject: None, recipient: None };
    let some = |text: &str| Some(text.to_owned());
    let facts = Facts {
        name: some(name),
        what: some("certificate for shop.example.com"),
        approver: some("Dora"),
        reason: some("the name is not ours"),
        link: some("https://localhost:8443/certificate-requests/req_1"),
        ..Facts::default()
    };
    let message = Message { name: some(name), address: some(address), facts };
    Messages::new(pool.clone()).keep(&queued, &message).await.unwrap();
    let deadline = clock.now().plus(time::Duration::seconds(30));
    let organization = OrganizationId(ids.uuid());
    let context = Context::new(ids.uuid(), organization, Actor::Service(Service::Notifier), deadline);
    let events = [NotificationEvent::from(queued)];
    let append = runtime::command::append(&context, &ids, id.uuid(), Expected::Version(0), &events).unwrap();
    Appender::start(pool, |_| {}).append(append).await.unwrap();
    id.to_string()
}

/// The notification as users see it, once the read model has it.
pub async fn find(installation: &Installation, id: &str) -> Option<Value> {
    let answer = installation.https().get(&format!("/api/v1/notifications/{id}")).await;
    (answer.status == 200).then(|| answer.json())
}

/// Another address for a notification's recipient.
pub async fn give_address(installation: &Installation, id: &str, address: &str) {
    let id = id.parse::<NotificationId>().unwrap().uuid();
    let sql = "update notifier.message set address = $2 where notification = $1";
    assert_eq!(admin(installation).await.execute(sql, &[&id, &address]).await.unwrap(), 1);
}
