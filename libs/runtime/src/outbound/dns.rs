//! Questions to DNS (M-2): at most eight CNAMEs in a row, no loops, answers of a bounded size in any order of records.
//!
//! Nothing is cached here and `/etc/hosts` is not read: what counts is what DNS says now. `localhost` is this machine
//! without asking anybody (RFC 6761 section 6.3).

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hickory_resolver::{
    NameServerPool, PoolContext, TlsConfig,
    config::{NameServerConfig, ResolverOpts},
    net::{
        DnsError, NetError,
        runtime::TokioRuntimeProvider,
        xfer::{DnsHandle as _, FirstAnswer as _},
    },
    proto::{
        op::{DnsRequestOptions, Query, ResponseCode},
        rr::{Name, RData, Record, RecordType},
    },
    system_conf::read_system_conf,
};

/// The most CNAMEs that are followed (M-2).
pub const MOST_CNAMES: usize = 8;
/// The most records that are read of one answer.
pub const MOST_RECORDS: usize = 100;
/// How long one attempt at a question may take; there are two.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why DNS gives no answer. That there is no such record is an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// Not a name that DNS can be asked for.
    #[error("'{0}' is not a DNS name")]
    Name(String),
    /// CNAMEs that come back to where they began.
    #[error("the CNAME of '{0}' leads in a circle")]
    Loop(String),
    /// CNAMEs without end.
    #[error("more than {MOST_CNAMES} CNAMEs follow each other from '{0}'")]
    TooLong(String),
    /// Two CNAMEs of one name.
    #[error("'{0}' has more than one CNAME")]
    Ambiguous(String),
    /// An answer beyond measure.
    #[error("DNS answers with more than {MOST_RECORDS} records for '{0}'")]
    TooMany(String),
    /// The resolver or the name's own servers fail.
    #[error("DNS cannot answer for '{name}': {reason}")]
    Failed {
        /// The name.
        name: String,
        /// What came back.
        reason: String,
    },
    /// There is nobody to ask.
    #[error("no resolver is known: {0}; set outbound.resolver")]
    NoResolver(String),
}

/// Asks a resolver.
#[derive(Clone)]
pub struct Dns {
    pool: Result<NameServerPool<TokioRuntimeProvider>, LookupError>,
}

impl Dns {
    /// Asks this resolver; without one those of the system (`/etc/resolv.conf`, read once).
    #[must_use]
    pub fn new(resolver: Option<SocketAddr>) -> Self {
        let servers = match resolver {
            Some(address) => Ok(vec![server(address)]),
            None => read_system_conf()
                .map(|(config, _)| config.name_servers().to_vec())
                .map_err(|error| LookupError::NoResolver(error.to_string())),
        };
        let mut options = ResolverOpts::default();
        options.timeout = PATIENCE;
        options.attempts = 1;
        options.case_randomization = false;
        let tls = || TlsConfig::new().map_err(|error| LookupError::NoResolver(error.to_string()));
        let pool = servers.and_then(|servers| {
            let context = Arc::new(PoolContext::new(options, tls()?));
            Ok(NameServerPool::from_config(servers, context, TokioRuntimeProvider::default()))
        });
        Self { pool }
    }

    /// Every address of a host, IPv6 first.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, LookupError> {
        if host.eq_ignore_ascii_case("localhost") {
            return Ok(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]);
        }
        let (v6, v4) = tokio::join!(self.find(host, RecordType::AAAA), self.find(host, RecordType::A));
        let records = v6?.into_iter().chain(v4?);
        Ok(records.filter_map(|data| data.ip_addr()).collect())
    }

    /// The TXT records of a name, each with its strings joined, as bytes.
    pub async fn texts(&self, name: &str) -> Result<Vec<Vec<u8>>, LookupError> {
        let found = self.find(name, RecordType::TXT).await?.into_iter();
        Ok(found
            .filter_map(|data| match data {
                RData::TXT(txt) => Some(txt.txt_data.concat()),
                _ => None,
            })
            .collect())
    }

    /// Where a name's own CNAME points, in lower case and without a dot at the end; none when it has no CNAME.
    pub async fn cname(&self, name: &str) -> Result<Option<String>, LookupError> {
        let asked = parsed(name)?;
        let answers = self.ask(&asked, RecordType::CNAME).await?;
        Ok(cname_of(&asked, &answers)?.map(|target| text(&target)))
    }

    /// The records of a type, found by following CNAMEs.
    async fn find(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, LookupError> {
        let mut chain = Chain::new(parsed(name)?);
        loop {
            let asked = chain.end().clone();
            let answers = match self.ask(&asked, kind).await {
                Ok(answers) => answers,
                // Servers that follow CNAMEs themselves fail where these lead in a circle; step by step it can be said.
                Err(failed) => match self.ask(&asked, RecordType::CNAME).await {
                    Ok(alias) if !alias.is_empty() => alias,
                    _ => return Err(failed),
                },
            };
            match chain.follow(kind, &answers)? {
                Step::Found(records) => return Ok(records),
                Step::AskFor(next) if next == asked => return Ok(vec![]),
                Step::AskFor(_) => {}
            }
        }
    }

    /// One question. That a name or type does not exist is an empty answer.
    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Vec<Record>, LookupError> {
        let pool = self.pool.as_ref().map_err(Clone::clone)?;
        let failed = |reason: String| LookupError::Failed { name: text(name), reason };
        let query = Query::query(name.clone(), kind);
        match pool.lookup(query, DnsRequestOptions::default()).first_answer().await {
            Ok(response) if response.answers.len() > MOST_RECORDS => Err(LookupError::TooMany(text(name))),
            Ok(response) => Ok(response.into_message().answers),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => match none.response_code {
                ResponseCode::NoError | ResponseCode::NXDomain => Ok(vec![]),
                code => Err(failed(code.to_string())),
            },
            Err(NetError::Dns(DnsError::ResponseCode(code))) => Err(failed(code.to_string())),
            Err(NetError::Timeout | NetError::NoConnections) => Err(failed("no answer in time".to_owned())),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dns")
    }
}

/// A resolver at an address, by UDP, and by TCP where that is not enough.
fn server(address: SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

/// The names that lead from one to the next.
struct Chain {
    names: Vec<Name>,
}

/// What an answer leads to.
enum Step {
    /// The records that were asked for.
    Found(Vec<RData>),
    /// This name has to be asked for; when it is the one just asked for, it has no such record.
    AskFor(Name),
}

impl Chain {
    fn new(first: Name) -> Self {
        Self { names: vec![first] }
    }

    fn end(&self) -> &Name {
        // Never empty: it begins with a name and only grows.
        self.names.last().unwrap_or(&self.names[0])
    }

    /// Goes on as far as an answer leads, whatever the order of its records.
    fn follow(&mut self, kind: RecordType, answers: &[Record]) -> Result<Step, LookupError> {
        loop {
            let end = self.end().clone();
            let here = answers.iter().filter(|record| record.name == end && record.record_type() == kind);
            let found: Vec<_> = here.map(|record| record.data.clone()).collect();
            if !found.is_empty() {
                return Ok(Step::Found(found));
            }
            let Some(next) = cname_of(&end, answers)? else { return Ok(Step::AskFor(end)) };
            let first = || text(&self.names[0]);
            if self.names.contains(&next) {
                return Err(LookupError::Loop(first()));
            }
            if self.names.len() > MOST_CNAMES {
                return Err(LookupError::TooLong(first()));
            }
            self.names.push(next);
        }
    }
}

/// The CNAME of a name among the records of an answer.
fn cname_of(name: &Name, answers: &[Record]) -> Result<Option<Name>, LookupError> {
    let mut targets =
        answers.iter().filter(|record| record.name == *name).filter_map(|record| match &record.data {
            RData::CNAME(target) => Some(&target.0),
            _ => None,
        });
    let first = targets.next();
    match targets.find(|other| Some(*other) != first) {
        Some(_) => Err(LookupError::Ambiguous(text(name))),
        None => Ok(first.cloned()),
    }
}

/// A name as it is asked for: fully qualified, so that no search list adds to it.
fn parsed(name: &str) -> Result<Name, LookupError> {
    let wrong = || LookupError::Name(name.chars().take(253).flat_map(char::escape_debug).collect());
    let mut parsed = Name::from_ascii(name).map_err(|_| wrong())?;
    if name.is_empty() || name.starts_with('.') {
        return Err(wrong());
    }
    parsed.set_fqdn(true);
    Ok(parsed)
}

fn text(name: &Name) -> String {
    name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
