//! Figures of the signer. Labels come from closed sets, or are names that an administrator made.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use contracts::{
    Problem, Timestamp,
    signer::{CaKind, RequestSource},
    x509::CertificateType,
};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram},
};
use runtime::telemetry::labels::Capped;

/// Who signs the certificates of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// A CA of this kind.
    Ca(CaKind),
    /// The certificate's own key.
    Itself,
    /// A CA outside.
    Outside,
}

impl IssuerKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ca(CaKind::Root) => "root",
            Self::Ca(CaKind::Issuing) => "issuing",
            Self::Ca(CaKind::Micro) => "micro",
            Self::Itself => "self_signed",
            Self::Outside => "manual",
        }
    }
}

/// Counters, histograms and gauges.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Counter<u64>,
    duration: Histogram<f64>,
    signatures: Counter<u64>,
    expiry: Gauge<u64>,
    pending: Gauge<u64>,
    /// The CAs that are shown by name, in all figures the same.
    cas: Arc<Capped>,
}

impl Metrics {
    /// Registers them.
    #[must_use]
    pub fn new() -> Self {
        let meter = opentelemetry::global::meter("chancery-signer");
        Self {
            requests: meter
                .u64_counter("chancery_requests")
                .with_description("Certificate requests by what became of them")
                .build(),
            duration: meter
                .f64_histogram("chancery_request_duration")
                .with_unit("s")
                .with_description("Time from a request's arrival to its certificate")
                .build(),
            signatures: meter
                .u64_counter("chancery_ca_signatures")
                .with_description("Certificates issued by each CA")
                .build(),
            expiry: meter
                .u64_gauge("chancery_ca_expiry_timestamp")
                .with_unit("s")
                .with_description("When each CA's certificate ends")
                .build(),
            pending: meter
                .u64_gauge("chancery_process_pending")
                .with_description("Work that a process still has to bring to an end")
                .build(),
            cas: Arc::default(),
        }
    }

    /// A request was answered after `elapsed`; `issuer` is who signs for its profile, if there is such a profile.
    pub fn answered(
        &self,
        source: RequestSource,
        issuer: Option<IssuerKind>,
        refusal: Option<&Problem>,
        elapsed: Duration,
    ) {
        let source = KeyValue::new(
            "source",
            match source {
                RequestSource::Csr => "csr",
                RequestSource::Managed => "managed",
            },
        );
        let ca_kind = KeyValue::new("ca_kind", issuer.map_or("unknown", IssuerKind::as_str));
        let outcome = refusal.map_or("issued", |problem| problem.code.as_str());
        self.requests.add(1, &[source.clone(), KeyValue::new("outcome", outcome), ca_kind.clone()]);
        if refusal.is_none() {
            self.duration.record(elapsed.as_secs_f64(), &[source, ca_kind]);
        }
    }

    /// A CA signed a certificate.
    pub fn signed(&self, ca: &str, profile: CertificateType) {
        let profile = match profile {
            CertificateType::Server => "server",
            CertificateType::Client => "client",
            CertificateType::CodeSigning => "code_signing",
            CertificateType::Device => "device",
        };
        let ca = KeyValue::new("ca", self.cas.label(ca));
        self.signatures.add(1, &[ca, KeyValue::new("profile_type", profile)]);
    }

    /// When CAs end, by name.
    pub fn expiries<'a>(&self, cas: impl Iterator<Item = (&'a str, Timestamp)>) {
        for (label, end) in earliest(&self.cas, cas) {
            self.expiry.record(u64::try_from(end.unix()).unwrap_or(0), &[KeyValue::new("ca", label)]);
        }
    }

    /// Intents that are open.
    pub fn pending(&self, intents: usize) {
        self.pending.record(intents as u64, &[KeyValue::new("process", "issuance")]);
    }
}

/// When the CAs of each label end; of several under one label, the first to end.
fn earliest<'a>(
    label: &Capped,
    cas: impl Iterator<Item = (&'a str, Timestamp)>,
) -> BTreeMap<String, Timestamp> {
    let mut ends = BTreeMap::new();
    for (name, end) in cas {
        let earliest = ends.entry(label.label(name)).or_insert(end);
        *earliest = end.min(*earliest);
    }
    ends
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use runtime::telemetry::labels::{MOST_NAMES, OTHER};

    use super::*;

    #[test]
    fn of_cas_under_one_label_the_first_to_end_is_shown() {
        let end = Timestamp::from_unix;
        let label = Capped::default();
        let ends = earliest(&label, [("lab", end(400)), ("lab", end(300)), ("web", end(500))].into_iter());
        assert_eq!(ends, BTreeMap::from([("lab".into(), end(300)), ("web".into(), end(500))]));

        let names: Vec<String> = (0..103).map(|number| format!("ca-{number}")).collect();
        let cas = || names.iter().zip(0..).map(|(name, number)| (name.as_str(), end(1_000 - number)));
        let label = Capped::default();
        let ends = earliest(&label, cas());
        assert_eq!(ends.len(), MOST_NAMES + 1);
        assert_eq!((ends["ca-99"], ends[OTHER]), (end(901), end(898)));
        assert_eq!(earliest(&label, cas()), ends, "a name keeps its series");
    }
}
