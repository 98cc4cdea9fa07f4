//! From which addresses people may come (L-2): asked before anything else of a request, answered from memory.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use contracts::{
    Code, Credential, Event, EventError, Network, OrganizationId, Problem, Timestamp,
    directory::{AccessListEvent, AccessListView},
};
use eventlog::Recorded;
use http::HeaderMap;
use opentelemetry::{KeyValue, metrics::Counter};
use runtime::{
    config::Server,
    fold::{Fold, Live},
    service::ServiceContext,
};
use uuid::Uuid;

use crate::client_address;

/// A changed list counts everywhere after one second, so the log itself is asked twice as often.
const DOUBT: Duration = Duration::from_millis(500);
/// A caller who is kept out is recorded at most so often: whoever has stolen a token cannot fill the log with it.
const RECORDED_EVERY: time::Duration = time::Duration::minutes(1);

/// The access lists as the log has them: the installation's, and those of organizations.
#[derive(Debug, Default)]
pub struct AccessLists(HashMap<Option<OrganizationId>, Known>);

/// One list.
#[derive(Clone, Debug)]
pub struct Known {
    /// What people read and write.
    pub view: AccessListView,
    /// Where its history is.
    pub stream: Uuid,
}

impl AccessLists {
    /// A list, if somebody ever wrote one.
    #[must_use]
    pub fn find(&self, whose: Option<OrganizationId>) -> Option<&Known> {
        self.0.get(&whose)
    }

    /// Whether a list lets an address in; an empty one lets in everybody.
    fn lets_in(&self, whose: Option<OrganizationId>, address: Option<IpAddr>) -> bool {
        let networks = self.find(whose).map_or(&[][..], |known| &known.view.networks);
        networks.is_empty()
            || address.is_some_and(|address| networks.iter().any(|network| network.contains(address)))
    }
}

impl Fold for AccessLists {
    const CATEGORIES: &'static [&'static str] = &[AccessListEvent::CATEGORY];

    fn apply(&mut self, recorded: &Recorded) -> Result<(), EventError> {
        let AccessListEvent::Replaced(replaced) =
            AccessListEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
        let view = AccessListView {
            organization_id: replaced.organization_id,
            text: replaced.text,
            networks: replaced.networks,
            version: recorded.version,
        };
        self.0.insert(replaced.organization_id, Known { view, stream: recorded.stream });
        Ok(())
    }
}

/// Where the lists come from.
pub enum Lists {
    /// The log.
    Followed(Live<AccessLists>),
    /// They are as they are.
    Fixed(AccessLists),
}

impl Lists {
    /// Looks at the lists. Errors: `service_unavailable` while they are not known; nobody is let in on a guess.
    pub fn read<R>(&self, look: impl FnOnce(&AccessLists) -> R) -> Result<R, Problem> {
        match self {
            Self::Followed(live) if live.is_halted() || !live.has_caught_up() => {
                Err(Problem::unavailable("from which addresses people may come is not known yet; try again"))
            }
            Self::Followed(live) => Ok(live.read(look)),
            Self::Fixed(lists) => Ok(look(lists)),
        }
    }

    /// Waits until the lists are as they were at a position of the log; bound it with a time-out.
    pub async fn reached(&self, position: i64) -> Result<(), Problem> {
        match self {
            Self::Followed(live) => {
                live.reached(position).await.map_err(|error| crate::events::unreadable(&error))
            }
            Self::Fixed(_) => Ok(()),
        }
    }
}

/// Lets addresses in, or not.
pub struct Gate {
    /// What is let in.
    pub lists: Lists,
    proxies: Vec<Network>,
    always: Vec<Network>,
    denied: Counter<u64>,
    recorded: parking_lot::Mutex<HashMap<(Credential, Option<IpAddr>), Timestamp>>,
}

impl Gate {
    /// The gate of a service context: follows the lists from the log.
    #[must_use]
    pub fn follow(context: &ServiceContext) -> Self {
        let ServiceContext { reader, bus, health, shutdown, config, .. } = context;
        let live = Live::start("access_lists", reader, bus, health, shutdown, DOUBT);
        if !config.server.always_allowed.is_empty() {
            let networks: Vec<String> =
                config.server.always_allowed.iter().map(ToString::to_string).collect();
            tracing::warn!(address = networks.join(","), "no access list keeps these addresses out");
        }
        Self::new(Lists::Followed(live), &config.server)
    }

    /// A gate with these lists.
    #[must_use]
    pub fn new(lists: Lists, server: &Server) -> Self {
        let meter = opentelemetry::global::meter("chancery-gateway");
        Self {
            lists,
            proxies: server.trusted_proxies.clone(),
            always: server.always_allowed.clone(),
            denied: meter
                .u64_counter("chancery_address_denied")
                .with_description("Requests from addresses that an access list keeps out")
                .build(),
            recorded: parking_lot::Mutex::default(),
        }
    }

    /// Where a request comes from.
    #[must_use]
    pub fn client(&self, socket: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        socket.map(|socket| client_address::of(socket, headers, &self.proxies))
    }

    /// Whether the installation lets an address in: asked before it is known who is calling. Errors: `address_denied`,
    /// `service_unavailable`.
    pub fn admit(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        self.admit_to(None, address)
    }

    /// Whether the organization of a caller lets an address in, too.
    pub fn admit_to(&self, whose: Option<OrganizationId>, address: Option<IpAddr>) -> Result<(), Problem> {
        let always = |address: &IpAddr| self.always.iter().any(|network| network.contains(*address));
        if address.as_ref().is_some_and(always) || self.lists.read(|lists| lists.lets_in(whose, address))? {
            return Ok(());
        }
        let (list, name) = if whose.is_some() {
            ("organization", "organization's")
        } else {
            ("installation", "installation's")
        };
        self.denied.add(1, &[KeyValue::new("list", list)]);
        let from = address.map_or_else(|| "an unknown address".to_owned(), |address| address.to_string());
        Err(Problem::new(Code::AddressDenied, format!("the {name} access list does not let in {from}")))
    }

    /// Whether it is time to record that this caller is kept out at this address.
    pub fn is_worth_recording(&self, caller: Credential, address: Option<IpAddr>, now: Timestamp) -> bool {
        let mut recorded = self.recorded.lock();
        recorded.retain(|_, at| at.plus(RECORDED_EVERY) > now);
        // Beyond this many addresses at once, that it happens is known.
        if recorded.len() >= 1_000 || recorded.contains_key(&(caller, address)) {
            return false;
        }
        recorded.insert((caller, address), now);
        true
    }
}

#[cfg(test)]
mod tests;
