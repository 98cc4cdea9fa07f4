//! `chancery watch`: events as they happen, resuming without loss.

use std::time::Duration;

use clap::Args;
use http::Method;
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::{
    Format,
    api::{Api, with_query},
    failure::Failure,
    output,
};

/// Follow events as they happen
#[derive(Args, Debug)]
pub struct Watch {
    /// Types such as certificate.issued or 'certificate.*'; every type when none is given
    types: Vec<String>,
    /// Begin after this position; from now on when not given
    #[arg(long)]
    after: Option<u64>,
    /// Stop after so many events
    #[arg(long)]
    count: Option<usize>,
}

impl Watch {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let (types, after) = (self.types.join(","), self.after.map(|after| after.to_string()));
        let mut query = Vec::new();
        if !types.is_empty() {
            query.push(("types", types.as_str()));
        }
        query.extend(after.as_deref().map(|after| ("after", after)));
        let path = with_query("/api/v1/events/stream", &query);
        let mut listener = Listener { left: self.count.unwrap_or(usize::MAX), ..Listener::default() };
        while listener.left > 0 {
            match listener.follow(api, &path).await {
                Ok(()) if listener.left == 0 => break,
                Ok(()) => listener.lost(api),
                Err(failure) if listener.reached && passes(&failure) => {}
                Err(failure) => return Err(failure),
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

/// The pause before another try.
const PAUSE: Duration = Duration::from_secs(1);
/// The server shows life every 15 s; after so long it is taken for gone.
const SILENCE: Duration = Duration::from_secs(45);

/// Whether a server that was reached before is worth waiting for.
fn passes(failure: &Failure) -> bool {
    matches!(failure, Failure::Unreachable { .. }) || failure.exit_code() == 9
}

/// How far somebody has listened.
#[derive(Default)]
struct Listener {
    /// How many events are still wanted.
    left: usize,
    /// The position to go on after, as the server told it last.
    position: Option<String>,
    /// Whether the server answered at least once.
    reached: bool,
    /// Whether the connection was lost, and this was told.
    away: bool,
}

impl Listener {
    /// Listens until enough was heard, or the stream ends or breaks.
    async fn follow(&mut self, api: &Api, path: &str) -> Result<(), Failure> {
        let mut headers = vec![("accept", "text/event-stream".to_owned())];
        headers.extend(self.position.clone().map(|position| ("last-event-id", position)));
        let response = api.begin(Method::GET, path, &headers, None).await?;
        if !response.status().is_success() {
            let body = response.into_body().collect().await;
            let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            return Err(match serde_json::from_slice(&body) {
                Ok(problem) => Failure::Problem(problem),
                Err(_) => Failure::Unexpected("no event stream".into()),
            });
        }
        self.reached = true;
        if std::mem::take(&mut self.away) {
            output::note("connected again");
        }
        let (mut body, mut buffer) = (response.into_body(), Vec::new());
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE, body.frame()).await {
            buffer.extend_from_slice(frame.data_ref().map(|data| &data[..]).unwrap_or_default());
            while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = buffer.drain(..end + 2).collect();
                let Block { id, event } = parse(&String::from_utf8_lossy(&block));
                if let Some(event) = event {
                    print(api.format(), &event);
                    self.left -= 1;
                }
                self.position = id.or(self.position.take());
                if self.left == 0 {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Tells, once, that the server is away.
    fn lost(&mut self, api: &Api) {
        if !std::mem::replace(&mut self.away, true) {
            let after = self.position.as_deref().map_or(String::new(), |id| format!(" after position {id}"));
            output::note(&format!("lost the connection to {}; trying again, to go on{after}", api.server()));
        }
    }
}

/// What stands between two empty lines of the stream.
#[derive(Debug, PartialEq)]
struct Block {
    /// Where to go on.
    id: Option<String>,
    /// What happened; nothing where the server only shows life.
    event: Option<Value>,
}

fn parse(block: &str) -> Block {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Block {
        id: field("id:").map(str::to_owned),
        event: field("data:").and_then(|data| serde_json::from_str(data).ok()),
    }
}

fn print(format: Format, event: &Value) {
    match format {
        Format::Json | Format::Ndjson => output::line(&event.to_string()),
        Format::Yaml => {
            output::text(&format!("---\n{}", serde_yaml_ng::to_string(event).unwrap_or_default()))
        }
        _ => {
            let text = |key: &str| event[key].as_str().unwrap_or("-").to_owned();
            output::line(&format!(
                "{}  {:<42} {}  {}",
                text("time"),
                text("type"),
                text("subject"),
                event["data"]
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_block_tells_where_to_go_on_also_when_nothing_happened() {
        let id = Some("7".to_owned());
        assert_eq!(parse("retry: 3000\nid: 7\n\n"), Block { id: id.clone(), event: None });
        assert_eq!(parse(": heartbeat\nid: 7\n\n"), Block { id: id.clone(), event: None });
        let told = parse("id: 7\nevent: chancery.ca.created.v1\ndata: {\"position\":\"7\"}\n\n");
        assert_eq!(told, Block { id, event: Some(json!({"position": "7"})) });
    }

    #[test]
    fn a_server_that_may_come_back_is_waited_for() {
        let problem = |code: &str| Failure::Problem(json!({"code": code}));
        assert!(passes(&Failure::Unreachable { server: String::new(), cause: String::new() }));
        assert!(passes(&problem("service_unavailable")));
        assert!(!passes(&problem("unauthenticated")) && !passes(&problem("malformed_request")));
    }
}
