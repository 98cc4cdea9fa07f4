//! Events → rows of `api_notifier.mail_settings` and `api_notifier.notification`.

use contracts::{
    AdministratorId, Event as _, EventId, NotificationId, OrganizationId, Timestamp,
    notifier::{
        MailSettingsEvent, MailSettingsReplaced, MailSettingsView, NotificationEvent, NotificationStatus,
        NotificationView,
    },
};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::projection::{Generation, Projection, ProjectionError, Scope, View};
use serde_json::{Value, json};
use uuid::Uuid;

/// The settings as users see them.
#[must_use]
pub fn settings_view(settings: &MailSettingsReplaced, version: i32, at: Timestamp) -> MailSettingsView {
    let MailSettingsReplaced { server, port, tls, user, credential, from_address, from_name, ca_bundle } =
        settings.clone();
    MailSettingsView {
        configured: true,
        server: Some(server),
        port: Some(port),
        tls: Some(tls),
        user,
        password_set: credential.is_some(),
        from_address: Some(from_address),
        from_name,
        ca_bundle,
        changed_at: Some(at),
        version,
    }
}

/// The read model of the settings: one row, once mail is set up.
#[derive(Clone, Copy, Debug)]
pub struct SettingsProjection;

impl Projection for SettingsProjection {
    const NAME: &'static str = "mail_settings";
    const VERSION: i32 = 1;
    const CATEGORIES: &'static [&'static str] = &[MailSettingsEvent::CATEGORY];
    const TABLES: &'static [&'static str] = &["mail_settings"];

    fn tables(&self, generation: &Generation) -> String {
        let table = generation.table("mail_settings");
        format!(
            "create table {table} (id uuid primary key, organization uuid not null, version int not null, \
             created_at timestamptz not null, document jsonb not null);\n"
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        let table = generation.table("mail_settings");
        let select = format!("select id, organization, version, created_at, document from {table}");
        vec![View { name: "mail_settings", select, scope: Scope::Organization("organization") }]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        // Each event replaces the whole: the last one counts.
        let Some(recorded) = events.last() else { return Ok(()) };
        let MailSettingsEvent::Replaced(settings) =
            MailSettingsEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
        let view = settings_view(&settings, recorded.version, recorded.recorded_at);
        let document = json!(view);
        let sql = format!(
            "insert into {} values ($1, $2, $3, $4, $5) on conflict (id) do update set \
             version = excluded.version, document = excluded.document",
            generation.table("mail_settings")
        );
        let statement = transaction.prepare_cached(&sql).await?;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&recorded.stream, &recorded.tenant, &recorded.version, &recorded.recorded_at.0, &document];
        transaction.execute(&statement, &values).await?;
        Ok(())
    }
}

/// The read model of notifications. What is people's is joined in when it is read.
#[derive(Clone, Copy, Debug)]
pub struct NotificationProjection;

const TABLE: &str = "notification";

impl Projection for NotificationProjection {
    const NAME: &'static str = "notification";
    const VERSION: i32 = 1;
    const CATEGORIES: &'static [&'static str] = &[NotificationEvent::CATEGORY];
    const TABLES: &'static [&'static str] = &[TABLE];

    fn tables(&self, generation: &Generation) -> String {
        let table = generation.table(TABLE);
        format!(
            "create table {table} (id uuid primary key, organization uuid not null, version int not null, \
             created_at timestamptz not null, kind text not null, status text not null, recipient uuid, \
             sent_at timestamptz, document jsonb not null);\n\
             create index on {table} (organization, created_at, id);\n\
             create index on {table} (status, created_at);\n"
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        let table = generation.table(TABLE);
        let time = "to_char(a.at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')";
        let select = format!(
            "select n.id, n.organization, n.version, n.created_at, n.kind, n.status, n.recipient, n.sent_at, m.address, \
             n.document || jsonb_build_object('name', m.recipient_name, 'address', m.address, 'subject', m.subject, \
             'text', m.body, 'attempts', coalesce((select jsonb_agg(jsonb_build_object('at', {time}, 'ok', a.ok, \
             'step', a.step, 'code', a.code, 'answer', a.answer) order by a.at) from notifier.attempt a \
             where a.notification = n.id), '[]'::jsonb)) as document \
             from {table} n left join notifier.message m on m.notification = n.id"
        );
        vec![View { name: "notification", select, scope: Scope::Organization("organization") }]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        for recorded in events {
            let event = NotificationEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
            match event {
                NotificationEvent::Queued(_) => insert(transaction, generation, recorded, event).await?,
                _ => update(transaction, generation, recorded, &event).await?,
            }
        }
        Ok(())
    }
}

async fn insert(
    transaction: &Transaction<'_>,
    generation: &Generation,
    recorded: &Recorded,
    event: NotificationEvent,
) -> Result<(), ProjectionError> {
    let NotificationEvent::Queued(queued) = event else { return Ok(()) };
    let view = NotificationView {
        id: NotificationId(recorded.stream),
        organization_id: OrganizationId(recorded.tenant),
        kind: queued.kind,
        status: NotificationStatus::Queued,
        about: EventId(queued.about.0),
        administrator_id: queued.recipient,
        name: None,
        address: None,
        subject: None,
        text: None,
        attempts: vec![],
        reason: None,
        next_at: None,
        created_at: recorded.recorded_at,
        sent_at: None,
        version: recorded.version,
    };
    let sql = format!(
        "insert into {} (id, organization, version, created_at, kind, status, recipient, document) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing",
        generation.table(TABLE)
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let recipient: Option<Uuid> = view.administrator_id.map(AdministratorId::uuid);
    let (kind, status, document) = (view.kind.as_str(), view.status.as_str(), json!(view));
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 8] = [
        &recorded.stream,
        &recorded.tenant,
        &recorded.version,
        &recorded.recorded_at.0,
        &kind,
        &status,
        &recipient,
        &document,
    ];
    transaction.execute(&statement, &values).await?;
    Ok(())
}

/// What an event changes of the answer.
fn changes(recorded: &Recorded, event: &NotificationEvent) -> Option<(NotificationStatus, Value)> {
    let nothing = json!({"reason": null, "nextAt": null});
    let (status, mut members) = match event {
        NotificationEvent::Queued(_) | NotificationEvent::Attempted(_) => return None,
        NotificationEvent::Requeued(_) => (NotificationStatus::Queued, nothing),
        NotificationEvent::Deferred(deferred) => {
            (NotificationStatus::Deferred, json!({"reason": null, "nextAt": deferred.next_at}))
        }
        NotificationEvent::Sent(_) => (
            NotificationStatus::Sent,
            json!({"reason": null, "nextAt": null, "sentAt": recorded.recorded_at}),
        ),
        NotificationEvent::GivenUp(given_up) => {
            (NotificationStatus::Dead, json!({"reason": given_up.reason, "nextAt": null}))
        }
    };
    members["status"] = json!(status);
    Some((status, members))
}

async fn update(
    transaction: &Transaction<'_>,
    generation: &Generation,
    recorded: &Recorded,
    event: &NotificationEvent,
) -> Result<(), ProjectionError> {
    let changed = changes(recorded, event);
    let (status, mut members) =
        changed.map_or((None, json!({})), |(status, members)| (Some(status.as_str()), members));
    members["version"] = json!(recorded.version);
    let sent_at = matches!(event, NotificationEvent::Sent(_)).then_some(recorded.recorded_at.0);
    let sql = format!(
        "update {} set version = $2, status = coalesce($3, status), sent_at = coalesce($4, sent_at), \
         document = document || $5 where id = $1 and version < $2",
        generation.table(TABLE)
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&recorded.stream, &recorded.version, &status, &sent_at, &members];
    transaction.execute(&statement, &values).await?;
    Ok(())
}
