//! Read your writes: a read that names a log position waits until its read model has reached it.

use std::time::Duration;

use contracts::{Code, Problem, Service, Violation};
use runtime::database::Scope;

use crate::{call::Call, conditions, read};

/// How long a read waits.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// The pause between two looks.
const LOOK: Duration = Duration::from_millis(15);

/// Waits until `service`'s read models have reached what the caller names. Errors: `projection_behind`;
/// `malformed_request` of a position that the log does not have.
pub async fn wait(call: &Call, service: Service) -> Result<(), Problem> {
    let wanted = conditions::min_position(&call.headers)?;
    if wanted == 0 {
        return Ok(());
    }
    let waiting = async {
        loop {
            match reached(call, service, wanted).await {
                Ok(true) => return Ok(()),
                Err(problem) if problem.code != Code::ProjectionBehind => return Err(problem),
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| Err(behind(wanted)))
}

/// It was waited for in vain.
pub fn behind(wanted: i64) -> Problem {
    let words = format!("the read model has not reached position {wanted} within 2 s; try again");
    Problem::new(Code::ProjectionBehind, words)
}

/// Whether each projection of the service is there, or has nothing left to read on the way.
async fn reached(call: &Call, service: Service, wanted: i64) -> Result<bool, Problem> {
    let sql = format!("select position, categories from api_{service}.checkpoint where position < $1");
    let behind = read::rows(call, &Scope::All, &sql, &[&wanted]).await?;
    let unreadable = |error| crate::events::unreadable(&error);
    if behind.is_empty() {
        return Ok(true);
    }
    let head = call.gateway.reader.head().await.map_err(unreadable)?;
    if head < wanted {
        return Err(beyond(wanted, head));
    }
    for row in behind {
        let position: i64 = row.try_get(0).map_err(read::internal)?;
        let categories: Vec<String> = row.try_get(1).map_err(read::internal)?;
        let categories: Vec<&str> = categories.iter().map(String::as_str).collect();
        let level = call.gateway.reader.level(position, wanted, &categories).await;
        if !level.map_err(unreadable)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// No write of ours told this position, so waiting for it would not help.
fn beyond(wanted: i64, head: i64) -> Problem {
    let detail = format!("{wanted} is beyond the end of the log, {head}");
    Problem::new(Code::MalformedRequest, "header Chancery-Min-Position names a position that does not exist")
        .with_errors(vec![Violation::in_header("Chancery-Min-Position", "position_beyond_log", detail)])
}
