//! Whose work a span is, where several services share a process.
//!
//! In order: the service a server span answers for (`otel.kind=server`, `rpc.service`) or a consumer span takes in for
//! (`messaging.consumer.group.name`), the service whose crate made the span, the service of the span around it. So a span of a library belongs to whoever called the library.

use std::cell::Cell;

use contracts::Service;
use tracing::{
    Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{
    Layer,
    filter::FilterFn,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

thread_local! {
    /// Whose span is being closed on this thread: set here, read by the processor that the close then reaches.
    static CLOSING: Cell<Option<Service>> = const { Cell::new(None) };
}

/// Whose span it is that ends right now.
pub(super) fn of_ending_span() -> Option<Service> {
    CLOSING.get()
}

/// Lets through our own spans; those of other crates say nothing about Chancery.
pub(super) fn ours() -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    FilterFn::new(|metadata: &Metadata<'_>| {
        metadata.is_span()
            && metadata.target().starts_with("chancery")
            && *metadata.level() <= tracing::Level::INFO
    })
}

/// The layer that finds and remembers the owner of each span. It must stand below the layer that exports.
pub(super) struct Attribution;

/// Kept with a span.
struct Owner(Service);

impl<S> Layer<S> for Attribution
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let owner = answering(attributes)
            .or_else(|| of_target(attributes.metadata().target()))
            .or_else(|| span.parent().and_then(|parent| owner(&parent)));
        if let Some(service) = owner {
            span.extensions_mut().insert(Owner(service));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        CLOSING.set(context.span(&id).and_then(|span| owner(&span)));
    }
}

fn owner<S: for<'a> LookupSpan<'a>>(span: &SpanRef<'_, S>) -> Option<Service> {
    span.extensions().get::<Owner>().map(|owner| owner.0)
}

/// The service of the crate that a target lies in.
pub(super) fn of_target(target: &str) -> Option<Service> {
    if ["chancery_eventlog::relay", "chancery_eventlog::seal"].iter().any(|module| target.starts_with(module))
    {
        return Some(Service::Relay);
    }
    target.split("::").next()?.strip_prefix("chancery_")?.parse().ok()
}

/// The service that a server span answers for, or a consumer span takes in for.
fn answering(attributes: &Attributes<'_>) -> Option<Service> {
    #[derive(Default)]
    struct Fields {
        server: bool,
        service: Option<Service>,
        consumer: Option<Service>,
    }
    impl Visit for Fields {
        fn record_str(&mut self, field: &Field, value: &str) {
            match field.name() {
                "otel.kind" => self.server = value == "server",
                "rpc.service" => self.service = value.parse().ok(),
                // `<service>/<read model>`, as in the register of health.
                "messaging.consumer.group.name" => {
                    self.consumer = value.split('/').next().and_then(|name| name.parse().ok());
                }
                _ => {}
            }
        }
        fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
    }
    let mut fields = Fields::default();
    attributes.record(&mut fields);
    fields.service.filter(|_| fields.server).or(fields.consumer)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Notes the owner of each span that closes, as an exporting layer above would.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<Note>>>);

    /// A span's name and its owner.
    type Note = (&'static str, Option<Service>);

    impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Notes {
        fn on_close(&self, id: Id, context: Context<'_, S>) {
            let name = context.span(&id).unwrap().name();
            self.0.lock().unwrap().push((name, of_ending_span()));
        }
    }

    #[test]
    fn a_span_belongs_to_who_answers_then_to_its_crate_then_to_its_caller() {
        let notes = Notes::default();
        let subscriber = tracing_subscriber::registry().with(Attribution.and_then(notes.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let request = tracing::info_span!(target: "chancery_gateway::http", "request").entered();
            drop(
                tracing::info_span!(target: "chancery_bus::call", "call", otel.kind = "client", rpc.service = "signer"),
            );
            drop(request);
            let answer = tracing::info_span!(target: "chancery_bus::serve", "answer", otel.kind = "server", rpc.service = "signer");
            let answer = answer.entered();
            drop(tracing::info_span!(target: "chancery_eventlog::append", "append"));
            drop(answer);
            drop(tracing::info_span!(target: "chancery_eventlog::relay::publish", "publish"));
            drop(tracing::info_span!(target: "chancery_bus", "nobody's"));
        });
        let expected = [
            ("call", Some(Service::Gateway)),
            ("request", Some(Service::Gateway)),
            ("append", Some(Service::Signer)),
            ("answer", Some(Service::Signer)),
            ("publish", Some(Service::Relay)),
            ("nobody's", None),
        ];
        assert_eq!(*notes.0.lock().unwrap(), expected);
    }

    #[test]
    fn a_consumer_span_belongs_to_who_takes_the_event_in() {
        let notes = Notes::default();
        let subscriber = tracing_subscriber::registry().with(Attribution.and_then(notes.clone()));
        tracing::subscriber::with_default(subscriber, || {
            drop(tracing::info_span!(
                target: "chancery_bus::trace",
                "process",
                otel.kind = "consumer",
                messaging.consumer.group.name = "inventory/certificate",
            ));
        });
        assert_eq!(*notes.0.lock().unwrap(), [("process", Some(Service::Inventory))]);
    }
}
