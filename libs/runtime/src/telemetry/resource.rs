//! Who speaks: the attributes that stand before every span and figure.

use contracts::Service;
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

/// The resource of a service; none is the process as a whole. `OTEL_RESOURCE_ATTRIBUTES` adds to it
/// (`deployment.environment.name`, `k8s.*`).
pub(super) fn of(service: Option<Service>, instance: &str) -> Resource {
    let name = service.map_or_else(|| "chancery".to_owned(), |service| format!("chancery-{service}"));
    Resource::builder()
        .with_service_name(name)
        .with_attributes([
            KeyValue::new("service.namespace", "chancery"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance.to_owned()),
        ])
        .build()
}
