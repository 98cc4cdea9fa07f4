//! Tells people by mail, once; what it tells of does not depend on whether it gets there.
//!
//! | | |
//! |---|---|
//! | commands answered | `replace_mail_settings` `test_mail` `resend_notification` |
//! | commands sent | to keystore `keep_mail_credential` `use_` `destroy_`; to directory `find_recipients` `draw_link` `draw_validation_code` |
//! | events written | `mail_settings.*` `notification.*` (ids and outcomes; addresses and texts stand beside the log) |
//! | events followed | its own; `administrator.link_wanted` `approval.*` `domain_validation.mail_wanted` |
//! | tables owned | `notifier.message` `attempt` `suppressed` (erasable), read models `mail_settings` `notification` |
//!
//! | file | says |
//! |---|---|
//! | [`notification`], [`settings`] | the aggregates |
//! | [`news`] | the process that hears what people are to be told, and whom |
//! | [`outbox`] | the process that sends, again and again until it is sent or given up |
//! | [`letter`], [`template`] | what is said: templates and what fills them |
//! | [`secret`] | links and codes, drawn when the mail is written |
//! | [`mail`], [`address`], [`shown`] | composing; nothing hostile becomes a header or markup (P-3) |
//! | [`smtp`], [`post`], [`diagnosis`] | the dialogue with the server; settings and password for it; the test mail |
//! | [`messages`], [`projection`] | the tables beside the log; what users see |
//! | [`forgetting`] | what becomes of what is people's |
//! | [`handlers`] | what people ask for |

pub mod address;
pub mod diagnosis;
pub mod forgetting;
pub mod handlers;
pub mod letter;
pub mod mail;
pub mod messages;
mod metrics;
pub mod news;
pub mod notification;
pub mod outbox;
pub mod post;
pub mod projection;
pub mod secret;
pub mod settings;
pub mod shown;
pub mod smtp;
pub mod template;

use std::sync::Arc;

use bus::BusError;
use contracts::notifier::{ReplaceMailSettings, ResendNotification, TestMail};
use runtime::service::ServiceContext;

use crate::{
    handlers::Handlers,
    news::News,
    outbox::Outbox,
    post::Post,
    projection::{NotificationProjection, SettingsProjection},
};

/// The tables beside the read models.
pub const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_tables.sql")];

runtime::projections!(contracts::Service::Notifier, [SettingsProjection, NotificationProjection]);

/// Starts the service.
pub async fn start(context: ServiceContext) -> Result<(), BusError> {
    let post = Arc::new(Post::new(&context));
    start_projections(&context);
    runtime::process::start(&context, News::new(&context));
    runtime::process::start(&context, Outbox::new(&context, post.clone()));
    forgetting::spawn(&context);
    let handlers = Arc::new(Handlers::new(&context, post));
    macro_rules! serve {
        ($($command:ty => $method:ident),* $(,)?) => {$(
            let service = handlers.clone();
            context
                .bus
                .serve::<$command, _, _, _>(move |context, command| {
                    let service = service.clone();
                    async move { service.$method(context, command).await }
                })
                .await?;
        )*};
    }
    serve! {
        ReplaceMailSettings => replace_settings,
        TestMail => test,
        ResendNotification => resend,
    }
    Ok(())
}
