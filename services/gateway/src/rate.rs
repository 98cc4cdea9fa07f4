//! Limits of requests in a minute (L-2): per address, administrator and organization, lower for what costs more. Asked in
//! memory; off unless the configuration sets them, except that of failed sign-ins.

pub mod store;
mod window;

use std::{collections::HashMap, fmt, net::IpAddr, str::FromStr};

use contracts::{AdministratorId, Code, OrganizationId, Problem, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use opentelemetry::{KeyValue, metrics::Counter};
use parking_lot::Mutex;
use runtime::config::Limits;

pub use self::window::Quota;
use self::window::Window;

/// Most subjects that are counted at once: some megabytes. Beyond them nobody new is counted, so that counting cannot be
/// made to fill the memory.
const MOST: usize = 100_000;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Any request.
    Requests,
    /// Requests that cost more than others: searches, making keys.
    Costly,
    /// Credentials that are worth nothing.
    Failures,
    /// Attempts to sign in.
    SignIns,
}

/// Whose requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Of an address; in IPv6 the network of 64 bits that one customer has.
    Address(IpAddr),
    /// Of an administrator, whatever the token.
    Administrator(AdministratorId),
    /// Of an organization.
    Organization(OrganizationId),
}

/// What one count is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(Class, Subject);

/// The limits, and what was counted of late.
pub struct Rates {
    requests: u32,
    organization: u32,
    costly: u32,
    failures: u32,
    sign_ins: u32,
    windows: Mutex<HashMap<Key, Window>>,
    refused: Counter<u64>,
}

impl Rates {
    /// With these limits; 0 of them is none.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let meter = opentelemetry::global::meter("chancery-gateway");
        Self {
            requests: limits.requests_per_minute,
            organization: limits.organization_requests_per_minute,
            costly: limits.costly_requests_per_minute,
            failures: limits.failed_sign_ins_per_minute,
            sign_ins: limits.sign_ins_per_minute,
            windows: Mutex::default(),
            refused: meter
                .u64_counter("chancery_rate_limited")
                .with_description("Requests beyond a limit")
                .build(),
        }
    }

    /// Counts a request that comes from an address.
    pub fn arrival(&self, meter: &Meter, address: Option<IpAddr>, now: Timestamp) -> Result<(), Problem> {
        let Some(address) = address else { return Ok(()) };
        self.take(meter, Class::Requests, Subject::address(address), self.requests, now)
    }

    /// Counts a request of somebody known, and of their organization.
    pub fn caller(
        &self,
        meter: &Meter,
        (administrator, organization): (AdministratorId, OrganizationId),
        now: Timestamp,
    ) -> Result<(), Problem> {
        self.take(meter, Class::Requests, Subject::Administrator(administrator), self.requests, now)?;
        self.take(meter, Class::Requests, Subject::Organization(organization), self.organization, now)
    }

    /// Counts a request of somebody known that costs more than others.
    pub fn costly(
        &self,
        meter: &Meter,
        administrator: AdministratorId,
        now: Timestamp,
    ) -> Result<(), Problem> {
        self.take(meter, Class::Costly, Subject::Administrator(administrator), self.costly, now)
    }

    /// Counts a credential that is worth nothing. Whoever sent too many from an address hears nothing more about theirs;
    /// who comes from there with one that is worth something is let in, so that nobody keeps out others behind the same
    /// address. Errors: `rate_limited`.
    pub fn failure(&self, meter: &Meter, address: Option<IpAddr>, now: Timestamp) -> Result<(), Problem> {
        let Some(address) = address else { return Ok(()) };
        self.take(meter, Class::Failures, Subject::address(address), self.failures, now)
    }

    /// Counts an attempt to sign in, to use a one-time link or to prove again who one is.
    pub fn at_the_door(&self, meter: &Meter, address: Option<IpAddr>, now: Timestamp) -> Result<(), Problem> {
        let Some(address) = address else { return Ok(()) };
        self.take(meter, Class::SignIns, Subject::address(address), self.sign_ins, now)
    }

    fn take(
        &self,
        meter: &Meter,
        class: Class,
        subject: Subject,
        limit: u32,
        now: Timestamp,
    ) -> Result<(), Problem> {
        if limit == 0 {
            return Ok(());
        }
        let key = Key(class, subject);
        let quota = {
            let mut windows = self.windows.lock();
            if windows.len() >= MOST && !windows.contains_key(&key) {
                return Ok(());
            }
            windows.entry(key).or_default().take(limit, now)
        };
        meter.note(class, quota);
        let Some(seconds) = quota.retry_after else { return Ok(()) };
        self.refused.add(1, &[KeyValue::new("class", class.as_str())]);
        let words = format!(
            "more than {limit} {} in a minute by {}; try again in {seconds} s",
            class.words(),
            subject.words()
        );
        Err(Problem::new(Code::RateLimited, words))
    }

    fn restore(&self, key: Key, minute: i64, count: u64, now: Timestamp) {
        self.windows.lock().entry(key).or_default().restore(minute, count, now);
    }

    /// What was counted since this was last asked; forgets what no longer counts.
    fn take_unsaved(&self, now: Timestamp) -> Vec<(Key, i64, u64)> {
        let mut windows = self.windows.lock();
        windows.retain(|_, window| !window.is_over(now));
        let unsaved = windows
            .iter_mut()
            .filter_map(|(key, window)| window.take_unsaved().map(|(minute, count)| (*key, minute, count)));
        unsaved.collect()
    }

    fn shared(&self, key: Key, minute: i64, count: u64) {
        if let Some(window) = self.windows.lock().get_mut(&key) {
            window.shared(minute, count);
        }
    }
}

/// What one request's answer tells about limits: of those that it was counted under, the one that is nearest.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Option<(Class, Quota)>>);

impl Meter {
    fn note(&self, class: Class, quota: Quota) {
        let mut nearest = self.0.lock();
        if nearest.is_none_or(|(_, known)| quota.remaining < known.remaining || quota.retry_after.is_some()) {
            *nearest = Some((class, quota));
        }
    }

    /// Writes the headers `RateLimit-Policy` and `RateLimit`, and on a refusal `Retry-After`.
    pub fn mark(&self, headers: &mut HeaderMap) {
        let Some((class, quota)) = *self.0.lock() else { return };
        // Who fails to sign in is not told how often they may.
        if class != Class::Failures {
            let (name, limit, left) = (class.as_str(), quota.limit, quota.remaining);
            let policy = format!("\"{name}\";q={limit};w={}", window::LENGTH);
            let state = format!("\"{name}\";r={left};t={}", quota.retry_after.unwrap_or(quota.resets_in));
            for (name, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
                if let Ok(value) = HeaderValue::try_from(value) {
                    headers.insert(HeaderName::from_static(name), value);
                }
            }
        }
        if let Some(seconds) = quota.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
    }
}

impl Class {
    const ALL: [Self; 4] = [Self::Requests, Self::Costly, Self::Failures, Self::SignIns];

    /// Its name in headers, metrics and the table.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "default",
            Self::Costly => "costly",
            Self::Failures => "failures",
            Self::SignIns => "sign-ins",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Costly => "searches and other costly requests",
            Self::Failures => "failed sign-ins",
            Self::SignIns => "attempts to sign in",
        }
    }
}

impl Subject {
    fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
            address => address,
        })
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Address(_) => "this address",
            Self::Administrator(_) => "this administrator",
            Self::Organization(_) => "this organization",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(class, subject) = self;
        write!(f, "{} ", class.as_str())?;
        match subject {
            Subject::Address(address) => address.fmt(f),
            Subject::Administrator(administrator) => administrator.fmt(f),
            Subject::Organization(organization) => organization.fmt(f),
        }
    }
}

/// Not a key that this build writes.
#[derive(Debug)]
pub struct UnknownKey;

impl FromStr for Key {
    type Err = UnknownKey;
    fn from_str(text: &str) -> Result<Self, UnknownKey> {
        let (class, subject) = text.split_once(' ').ok_or(UnknownKey)?;
        let class = Class::ALL.into_iter().find(|known| known.as_str() == class).ok_or(UnknownKey)?;
        let subject = match subject.split_once('_') {
            Some(("adm", _)) => subject.parse().map(Subject::Administrator).map_err(|_| UnknownKey)?,
            Some(_) => subject.parse().map(Subject::Organization).map_err(|_| UnknownKey)?,
            None => subject.parse().map(Subject::Address).map_err(|_| UnknownKey)?,
        };
        Ok(Self(class, subject))
    }
}

#[cfg(test)]
mod tests;
