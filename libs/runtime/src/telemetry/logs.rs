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
    field::MakeExt as _,
    filter::{FilterExt as _, FilterFn, LevelFilter, Targets},
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{Writer, debug_fn},
        time::FormatTime as _,
        time::SystemTime,
    },
    registry::LookupSpan,
};

use super::{attribution, fields};
use crate::config::{self, LogFormat};

/// The layer that writes the log. `spans`: whether spans exist; a line then shows those it lies in.
pub(super) fn layer<S>(settings: &config::Telemetry, spans: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    layer_to(settings, spans, std::io::stderr().is_terminal(), std::io::stderr)
}

fn layer_to<S, W>(
    settings: &config::Telemetry,
    spans: bool,
    terminal: bool,
    writer: W,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let targets = directives(&settings.log);
    let filter = targets.and(FilterFn::new(move |metadata| spans || metadata.is_event()));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let text = match settings.log_format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    if text {
        // A field's value is shown as it is logged elsewhere; the sentence has no name.
        let fields = debug_fn(|line, field, value| match field.name() {
            "message" => write!(line, "{}", fields::words(value)),
            name if fields::is_logged(name) => write!(line, "{name}={}", fields::words(value)),
            name => write!(line, "{name}={}", fields::REDACTED),
        });
        Box::new(lines.fmt_fields(fields.delimited(" ")).compact().with_ansi(terminal).with_filter(filter))
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
        let mut shown = Fields(Map::new());
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        shown.put("time", time);
        shown.put("level", metadata.level().as_str());
        if let Some(service) = attribution::of_target(metadata.target()) {
            shown.put("service", service.as_str());
        }
        shown.put("target", metadata.target());
        event.record(&mut shown);
        let context = opentelemetry::Context::current();
        let span = context.span().span_context().clone();
        if span.is_valid() {
            shown.put("trace_id", span.trace_id().to_string());
            shown.put("span_id", span.span_id().to_string());
        }
        writeln!(line, "{}", Value::Object(shown.0))
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }

    /// What code says of itself, where that may be written.
    fn say(&mut self, field: &Field, value: impl Into<Value>) {
        let value = if fields::is_logged(field.name()) { value.into() } else { fields::REDACTED.into() };
        self.0.insert(field.name().into(), value);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.say(field, value)
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.say(field, value)
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.say(field, value)
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.say(field, value)
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.say(field, value)
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.say(field, fields::words(value))
    }
    fn record_bytes(&mut self, field: &Field, _: &[u8]) {
        self.say(field, fields::REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::config::{Config, Sources};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, say: impl FnOnce()) -> String {
        let (config, _) = Config::load(&Sources::default()).unwrap();
        let settings = config::Telemetry { log_format: format, log: "info".into(), ..config.telemetry };
        let lines = Lines::default();
        let copy = lines.clone();
        let layer = layer_to(&settings, true, false, move || copy.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), say);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    fn slip() {
        let key = [0xc4_u8; 32];
        let _span =
            tracing::info_span!("request", passphrase = "open sesame", otel.kind = "server").entered();
        tracing::warn!(
            code = "csr_invalid", attempt = 2, password = "hunter2", pin = 987_654_321_012_i64, fresh = true, key = ?key, error = ?key.to_vec(),
            reason = "two\nlines \u{1b}[31m", "a slip"
        );
    }

    /// K-5.
    #[test]
    fn only_listed_fields_are_written_and_never_bytes() {
        for format in [LogFormat::Json, LogFormat::Text] {
            let line = logged(format, slip);
            for secret in ["open sesame", "hunter2", "987654321012", "196, 196", "fresh=true", "fresh\":true"]
            {
                assert!(!line.contains(secret), "{secret}: {line}");
            }
            for shown in ["a slip", "csr_invalid", "attempt", "password", "[redacted]"] {
                assert!(line.contains(shown), "{shown}: {line}");
            }
            assert_eq!(line.matches('\n').count(), 1, "one line: {line}");
            assert!(!line.contains('\u{1b}'), "{line:?}");
        }
        let line: Value = serde_json::from_str(&logged(LogFormat::Json, slip)).unwrap();
        assert_eq!((&line["code"], &line["attempt"]), (&"csr_invalid".into(), &2.into()));
        for name in ["password", "pin", "fresh", "key", "error"] {
            assert_eq!(line[name], "[redacted]", "{name}");
        }
    }

    #[test]
    fn the_list_is_in_order() {
        assert!(fields::LOGGED.is_sorted());
    }
}
