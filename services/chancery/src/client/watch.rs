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
        let types = self.types.join(",");
        let mut position = self.after.map(|after| after.to_string());
        let mut left = self.count.unwrap_or(usize::MAX);
        let mut reached_before = false;
        while left > 0 {
            let mut query = Vec::new();
            if !types.is_empty() {
                query.push(("types", types.as_str()));
            }
            query.extend(position.as_deref().map(|position| ("after", position)));
            let path = with_query("/api/v1/events/stream", &query);
            match follow(api, &path, &mut position, &mut left).await {
                // The stream ended or broke: go on after the last event seen. The first failure is told at once.
                Ok(()) => reached_before = true,
                Err(Failure::Unreachable { .. })
                    if reached_before
                        || position.is_some() && position != self.after.map(|a| a.to_string()) => {}
                Err(failure) => return Err(failure),
            }
            if left > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Ok(())
    }
}

async fn follow(
    api: &Api,
    path: &str,
    position: &mut Option<String>,
    left: &mut usize,
) -> Result<(), Failure> {
    let response = api.begin(Method::GET, path, &[("accept", "text/event-stream".to_owned())], None).await?;
    if !response.status().is_success() {
        let body =
            response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        return Err(match serde_json::from_slice(&body) {
            Ok(problem) => Failure::Problem(problem),
            Err(_) => Failure::Unexpected("no event stream".into()),
        });
    }
    let (mut body, mut buffer) = (response.into_body(), Vec::new());
    while let Some(Ok(frame)) = body.frame().await {
        buffer.extend_from_slice(frame.data_ref().map(|data| &data[..]).unwrap_or_default());
        while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = buffer.drain(..end + 2).collect();
            if let Some((id, event)) = parse(&String::from_utf8_lossy(&block)) {
                print(api.format(), &event);
                *position = Some(id);
                *left -= 1;
                if *left == 0 {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Id and data of one server-sent event; comments (heartbeats) have none.
fn parse(block: &str) -> Option<(String, Value)> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Some((field("id:")?.to_owned(), serde_json::from_str(field("data:")?).ok()?))
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
