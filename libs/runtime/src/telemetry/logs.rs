//! The log on standard error: for people on a terminal, a JSON object per line otherwise.

use std::{fmt, io::IsTerminal as _};

use opentelemetry::trace::TraceContextExt as _;
use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::{FilterExt as _, FilterFn, LevelFilter, Targets},
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer, time::FormatTime as _, time::SystemTime},
    registry::LookupSpan,
};

use super::attribution;
use crate::config::{self, LogFormat};

/// The layer that writes the log. `spans`: whether spans exist; a line then shows those it lies in.
pub(super) fn layer<S>(settings: &config::Telemetry, spans: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let terminal = std::io::stderr().is_terminal();
    let targets = directives(&settings.log);
    let filter = targets.and(FilterFn::new(move |metadata| spans || metadata.is_event()));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let text = match settings.log_format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    if text {
        Box::new(lines.compact().with_ansi(terminal).with_filter(filter))
    } else {
        Box::new(lines.with_ansi(false).event_format(JsonLine).with_filter(filter))
    }
}

/// What is logged. Of the NATS client and the PostgreSQL driver only warnings: the rest our own bus says, or is chatter.
fn directives(log: &str) -> Targets {
    // Validated with the configuration; a fallback keeps a slip from silencing the log.
    let chosen: Targets = log.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    Targets::new()
        .with_targets([("async_nats", LevelFilter::WARN), ("tokio_postgres", LevelFilter::WARN)])
        .with_targets(chosen.iter())
        .with_default(chosen.default_level().unwrap_or(LevelFilter::OFF))
}

/// `{"time":…,"level":…,"service":…,"target":…,"message":…,<fields>,"trace_id":…,"span_id":…}`
struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        let mut fields = Fields(Map::new());
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        fields.put("time", time);
        fields.put("level", metadata.level().as_str());
        if let Some(service) = attribution::of_target(metadata.target()) {
            fields.put("service", service.as_str());
        }
        fields.put("target", metadata.target());
        event.record(&mut fields);
        let context = opentelemetry::Context::current();
        let span = context.span().span_context().clone();
        if span.is_valid() {
            fields.put("trace_id", span.trace_id().to_string());
            fields.put("span_id", span.span_id().to_string());
        }
        writeln!(line, "{}", Value::Object(fields.0))
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value)
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value)
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value)
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value)
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value)
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"))
    }
}
