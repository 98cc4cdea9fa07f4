//! `/dashboard`: how many certificates and requests there are of each kind, as far as the reader reaches, each figure with
//! the list that it counts.

mod figures;

use contracts::{OrganizationId, Permission, Problem, Timestamp};
use http::StatusCode;
use runtime::database::Scope;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio_postgres::types::ToSql;

use self::figures::{CertificateFigures, Counted, Kind, Lists};
use super::{certificate_requests::REQUESTS, certificates::CERTIFICATES};
use crate::{
    answer::Answer,
    call::{Call, refused_id},
    operation::Operation,
    parameter::{Header, Parameter},
    position,
    reach::Reach,
    read,
    select::Value,
    view::View,
};

/// What there is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Dashboard {
    /// When it was counted.
    at: Timestamp,
    /// Certificates.
    certificates: CertificateFigures,
    /// Certificate requests that are not finished, by status.
    open_requests: Vec<Counted>,
}

/// The operation.
pub fn operations() -> Vec<Operation> {
    let organization = "Only this organization, as far as the reader's rights reach.";
    let operation = Operation::get("/api/v1/dashboard", "getDashboard", "Count certificates and open requests")
        .needs(Permission::CertificateRead)
        .query(Parameter::text("organizationId", organization))
        .header(Header::MIN_POSITION)
        .problem(contracts::Code::ProjectionBehind)
        .answers::<Dashboard>(
            StatusCode::OK,
            "The figures. A request counts for whoever may read it.",
            json!({"at": "2026-11-22T09:00:00Z", "certificates": figures::example(), "openRequests": [
                {"name": "pending_approval", "count": 2, "list": "/api/v1/certificate-requests?status=pending_approval"}]}),
        )
        .handled_by(show);
    vec![operation.tagged("Dashboard")]
}

async fn show(call: Call) -> Result<Answer, Problem> {
    position::wait(&call, CERTIFICATES.service).await?;
    position::wait(&call, REQUESTS.service).await?;
    let organization = call.query.get("organizationId").map(str::parse::<OrganizationId>).transpose();
    let organization = organization.map_err(|error| refused_id("organizationId", &error))?;
    let lists = Lists { organization };
    let now = call.gateway.clock.now();
    let within = |permission, view: &View| {
        let reach = Reach::of(call.caller()?, permission, view);
        let reach = match organization {
            Some(organization) => reach.within(organization),
            None => reach,
        };
        // Said again, as an index knows a column but not the scope of a view.
        Ok::<_, Problem>(match &reach.scope {
            Scope::All => reach,
            Scope::Organizations(reached) => {
                let reached = Value::Ids(reached.iter().map(|id| id.uuid()).collect());
                reach.where_also("organization = any($::uuid[])", reached)
            }
        })
    };
    let kinds = kinds(&call, within(Permission::CertificateRead, &CERTIFICATES)?).await?;
    let requests = open_requests(&call, within(Permission::RequestRead, &REQUESTS)?).await?;
    let open_requests = requests.into_iter().map(|(status, count)| Counted {
        list: lists.requests(&[("status", &status)]),
        name: status,
        count,
    });
    let dashboard = Dashboard {
        at: now,
        certificates: CertificateFigures::of(&kinds, now.0.date(), &lists),
        open_requests: open_requests.collect(),
    };
    Answer::json(StatusCode::OK, &dashboard)
}

/// The kinds of certificates within reach. Those whose validity ends today (UTC) are looked at one by one, as a part of them
/// has expired; so is every one where the reach depends on more than a kind tells: whose it is, or which.
async fn kinds(call: &Call, reach: Reach) -> Result<Vec<Kind>, Problem> {
    const ROWS: &str = "select organization, department, profile_id, certificate_type, requested_by, certificate_id, issuer_name, \
        key_algorithm, origin, archived_at is not null as archived, (not_after at time zone 'UTC')::date as last_day, \
        not_after < now() as expired, 1::bigint as certificates from api_inventory.certificate";
    const COUNTS: &str = "select organization, department, profile_id, certificate_type, null::uuid, null::uuid, issuer_name, \
        key_algorithm, origin, archived, last_day, last_day < today as expired, certificates \
        from api_inventory.certificate_count, today where last_day <> today";
    let Reach { scope, condition } = reach;
    let (condition, values) = condition.unwrap_or_else(|| ("true".to_owned(), vec![]));
    let condition =
        (1..=values.len()).fold(condition, |text, at| text.replacen("$::", &format!("${at}::"), 1));
    let rows = if ["requested_by", "certificate_id"].iter().any(|column| condition.contains(column)) {
        ROWS.to_owned()
    } else {
        format!(
            "{ROWS}, today where not_after >= today::timestamp at time zone 'UTC' \
             and not_after < (today + 1)::timestamp at time zone 'UTC' union all {COUNTS}"
        )
    };
    let sql = format!(
        "with today as (select (now() at time zone 'UTC')::date as today) \
         select issuer_name, key_algorithm, certificate_type, origin, archived, expired, last_day, sum(certificates)::bigint \
         from ({rows}) c where {condition} group by 1, 2, 3, 4, 5, 6, 7"
    );
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    let rows = read::rows(call, &scope, &sql, &values).await?;
    rows.iter().map(|row| Kind::from_row(row).map_err(read::internal)).collect()
}

/// How many requests there are of each status in which somebody or something has yet to act.
async fn open_requests(call: &Call, reach: Reach) -> Result<Vec<(String, u64)>, Problem> {
    let Reach { scope, condition } = reach;
    let (condition, values) = condition.unwrap_or_else(|| ("true".to_owned(), vec![]));
    let condition =
        (1..=values.len()).fold(condition, |text, at| text.replacen("$::", &format!("${at}::"), 1));
    let sql = format!(
        "select status, count(*) from {} where unfinished and ({condition}) \
         and status in ('pending_approval', 'approved', 'awaiting_certificate', 'issuing') group by 1 order by 1",
        REQUESTS.table()
    );
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    let rows = read::rows(call, &scope, &sql, &values).await?;
    let row = |row: &tokio_postgres::Row| {
        let count: i64 = row.try_get(1)?;
        Ok::<_, tokio_postgres::Error>((row.try_get(0)?, count.unsigned_abs()))
    };
    rows.iter().map(|one| row(one).map_err(read::internal)).collect()
}
