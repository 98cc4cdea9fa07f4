//! How long operations take: `chancery_keystore_operation_duration_seconds` by operation, algorithm and outcome.

use std::{future::Future, sync::LazyLock};

use contracts::Problem;
use opentelemetry::{KeyValue, global, metrics::Histogram};
use tokio::time::Instant;

static DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    global::meter("chancery-keystore")
        .f64_histogram("chancery_keystore_operation_duration_seconds")
        .with_description("Time that operations on keys take")
        .with_unit("s")
        .build()
});

/// Does an operation and records how long it took and how it ended. All labels come from closed sets.
pub async fn measured<T>(
    operation: &'static str,
    algorithm: &'static str,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let begin = Instant::now();
    let result = work.await;
    let outcome = result.as_ref().map_or_else(|problem| problem.code.as_str(), |_| "ok");
    let labels = [
        KeyValue::new("operation", operation),
        KeyValue::new("algorithm", algorithm),
        KeyValue::new("outcome", outcome),
    ];
    DURATION.record(begin.elapsed().as_secs_f64(), &labels);
    result
}

/// Shows whether keystore is sealed: `chancery_keystore_sealed`.
pub fn show_sealed(sealed: bool) {
    show("chancery_keystore_sealed", "1 while no key can be opened", sealed);
}

/// Shows whether keys may reach a swap device: `chancery_keystore_swap`.
pub fn show_swap(swap: bool) {
    show("chancery_keystore_swap", "1 if memory is not locked and there is swap on a disk", swap);
}

fn show(name: &'static str, description: &'static str, value: bool) {
    let gauge = global::meter("chancery-keystore").u64_gauge(name).with_description(description).build();
    gauge.record(value.into(), &[]);
}
