//! `/access-list` and `/organizations/{id}/access-list`: from which addresses people may come.

use std::time::Duration;

use contracts::{
    OrganizationId, Permission, Problem,
    directory::{AccessListView, ReplaceAccessList},
    id::Reference,
};
use http::StatusCode;
use runtime::authority::{Target, permitted};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Page,
    organizations::{named_organization, organization_of},
};
use crate::{
    answer::Answer,
    call::Call,
    conditions,
    gate::AccessLists,
    operation::Operation,
    parameter::Header,
    timeline::{self, TimelineEntry},
};

/// How long an answer waits until this gateway goes by what was saved; others follow by themselves.
const PATIENCE: Duration = Duration::from_secs(1);

/// A list to save.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewAccessList {
    /// An address or a network a line; `#` begins a comment. Nothing active: people may come from everywhere.
    text: String,
    /// Save it although it does not let in the address that it is saved from.
    #[serde(default)]
    force: bool,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let (all, one) = ("/api/v1/access-list", "/api/v1/organizations/{id}/access-list");
    let shown = |operation: Operation| {
        operation.needs(Permission::AccessListRead).header(Header::MIN_POSITION).answers::<AccessListView>(
            StatusCode::OK,
            "The list as it was written, and what of it counts.",
            example(),
        )
    };
    let saved = |operation: Operation| {
        operation
            .needs(Permission::AccessListWrite)
            .sensitive()
            .takes::<NewAccessList>(json!({"text": TEXT}))
            .answers::<AccessListView>(StatusCode::OK, "The list as it is now.", example())
    };
    let told = |operation: Operation| {
        operation.needs(Permission::AccessListRead).answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("access_list.replaced"),
        )
    };
    let operations = vec![
        shown(Operation::get(all, "getAccessList", "Show from which addresses people may come"))
            .handled_by(|call| async move { show(&call, None).await }),
        saved(Operation::put(all, "updateAccessList", "Say from which addresses people may come"))
            .handled_by(|call| async move { save(&call, None).await }),
        told(Operation::get(
            "/api/v1/access-list/timeline",
            "getAccessListTimeline",
            "Show what happened to the access list",
        ))
        .handled_by(|call| async move { tell(&call, None).await }),
        shown(Operation::get(
            one,
            "getOrganizationAccessList",
            "Show from which addresses people of an organization may come",
        ))
        .handled_by(|call| async move {
            let organization = organization_of(&call).await?;
            show(&call, Some(organization)).await
        }),
        saved(Operation::put(
            one,
            "updateOrganizationAccessList",
            "Say from which addresses people of an organization may come",
        ))
        .handled_by(|call| async move {
            let organization = named_organization(&call).await?;
            save(&call, Some(organization)).await
        }),
        told(Operation::get(
            "/api/v1/organizations/{id}/access-list/timeline",
            "getOrganizationAccessListTimeline",
            "Show what happened to the access list of an organization",
        ))
        .handled_by(|call| async move {
            let organization = organization_of(&call).await?;
            tell(&call, Some(organization)).await
        }),
    ];
    operations.into_iter().map(|operation| operation.tagged("Access lists")).collect()
}

async fn show(call: &Call, whose: Option<OrganizationId>) -> Result<Answer, Problem> {
    let nothing = || AccessListView { organization_id: whose, ..AccessListView::default() };
    let view =
        look(call, whose, |lists| lists.find(whose).map_or_else(nothing, |known| known.view.clone())).await?;
    Ok(Answer::json(StatusCode::OK, &view)?.versioned(view.version))
}

async fn tell(call: &Call, whose: Option<OrganizationId>) -> Result<Answer, Problem> {
    let stream = look(call, whose, |lists| lists.find(whose).map(|known| known.stream)).await?;
    timeline::of_streams(call, stream.as_slice()).await
}

async fn save(call: &Call, whose: Option<OrganizationId>) -> Result<Answer, Problem> {
    let NewAccessList { text, force } = call.json()?;
    let organization = whose.map(Reference::Id);
    let command = ReplaceAccessList { organization, text, force, address: call.address };
    let context = call.context()?;
    if call.query.flag("dryRun") {
        return Answer::dry(&call.gateway.bus.dry_run(&context, &command).await?);
    }
    let reply = call.gateway.bus.call(&context, &command).await?;
    // It is saved either way; here it counts once this is over.
    _ = tokio::time::timeout(PATIENCE, call.gateway.gate.lists.reached(reply.position)).await;
    let answer = Answer::json(StatusCode::OK, &reply.result)?;
    Ok(call.written(answer, reply.position, reply.version, reply.replayed))
}

/// Looks at the lists, as they are at least at the position that the caller names.
async fn look<R>(
    call: &Call,
    whose: Option<OrganizationId>,
    look: impl FnOnce(&AccessLists) -> R,
) -> Result<R, Problem> {
    let target = whose.map_or(Target::INSTALLATION, Target::organization);
    permitted(call.caller()?, Permission::AccessListRead, &target)?;
    let wanted = conditions::min_position(&call.headers)?;
    if wanted > 0 {
        let reached =
            tokio::time::timeout(crate::position::PATIENCE, call.gateway.gate.lists.reached(wanted));
        reached.await.unwrap_or_else(|_| Err(crate::position::behind(wanted)))?;
    }
    call.gateway.gate.lists.read(look)
}

const TEXT: &str = "# the office\n192.168.0.0/16\n2001:db8::/32 # and its new network\n";

fn example() -> Value {
    json!({"organizationId": null, "text": TEXT, "networks": ["192.168.0.0/16", "2001:db8::/32"], "version": 1})
}
