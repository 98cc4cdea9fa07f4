//! `/identity-providers`: OpenID providers at which people sign in, and what their groups may do.

use contracts::{
    Code, Permission, Problem, Service,
    directory::{
        ArchiveIdentityProvider, CreateIdentityProvider, IdentityProviderChanges, IdentityProviderStatus,
        IdentityProviderView, UpdateIdentityProvider,
    },
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Page, page};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    read,
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

/// The read model.
pub static IDENTITY_PROVIDERS: View = View {
    service: Service::Directory,
    name: "identity_provider",
    kind: "identity provider",
    prefix: "idp",
    fields: &[
        Field::text("name", "name"),
        Field::word::<IdentityProviderStatus>("status", "status"),
        Field::text("issuer", "(document ->> 'issuer')"),
    ],
    document: view::part_of::<IdentityProviderView>,
    rights: Rights::Organization,
    named: true,
    labelled: false,
    search: None,
    sort: "name",
};

/// The operations.
pub fn operations() -> Vec<Operation> {
    let (all, one) = ("/api/v1/identity-providers", "/api/v1/identity-providers/{id}");
    let operations = vec![
        IDENTITY_PROVIDERS
            .lists(Operation::get(all, "listIdentityProviders", "List identity providers"))
            .needs(Permission::IdentityProviderRead)
            .answers::<Page<IdentityProviderView>>(
                StatusCode::OK,
                "A page of identity providers.",
                page(example()),
            )
            .handled_by(|call| read::list(call, &IDENTITY_PROVIDERS)),
        Operation::post(
            all,
            "createIdentityProvider",
            "Let people sign in at an OpenID provider, whose groups give no more than the caller holds",
        )
        .needs(Permission::IdentityProviderWrite)
        .step_up()
        .sensitive()
        .takes::<CreateIdentityProvider>(json!({"name": "staff", "organization": "name:hq",
            "issuer": "https://login.example.com/realms/staff", "clientId": "chancery",
            "clientSecret": "correct horse battery staple",
            "groups": [{"group": "pki-officers", "grant": {"role": "admin"}}]}))
        .answers::<IdentityProviderView>(StatusCode::CREATED, "The identity provider.", example())
        .problems(&[Code::AlreadyExists, Code::NotFound, Code::KeystoreSealed])
        .handled_by(create),
        IDENTITY_PROVIDERS
            .shows(Operation::get(one, "getIdentityProvider", "Show an identity provider"))
            .needs(Permission::IdentityProviderRead)
            .answers::<IdentityProviderView>(StatusCode::OK, "The identity provider.", example())
            .handled_by(|call| read::show(call, &IDENTITY_PROVIDERS)),
        Operation::patch(one, "updateIdentityProvider", "Change an identity provider")
            .needs(Permission::IdentityProviderWrite)
            .step_up()
            .sensitive()
            .takes::<IdentityProviderChanges>(json!({"active": false}))
            .answers::<IdentityProviderView>(StatusCode::OK, "The identity provider as it is now.", example())
            .problems(&[Code::InvalidState, Code::KeystoreSealed])
            .handled_by(update),
        Operation::delete(
            one,
            "archiveIdentityProvider",
            "Archive an identity provider: nobody signs in there any more",
        )
        .needs(Permission::IdentityProviderWrite)
        .step_up()
        .sensitive()
        .answers::<IdentityProviderView>(StatusCode::OK, "The identity provider as it is now.", example())
        .handled_by(archive),
        Operation::get(
            "/api/v1/identity-providers/{id}/timeline",
            "getIdentityProviderTimeline",
            "Show what happened to an identity provider",
        )
        .needs(Permission::IdentityProviderRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("identity_provider.created"),
        )
        .handled_by(|call| timeline::of_row(call, &IDENTITY_PROVIDERS)),
    ];
    operations.into_iter().map(|operation| operation.tagged("Identity providers")).collect()
}

async fn create(call: Call) -> Result<Answer, Problem> {
    let command: CreateIdentityProvider = call.json()?;
    call.send(command, |made, _| {
        let path = format!("/api/v1/identity-providers/{}", made.id);
        Ok(Answer::json(StatusCode::CREATED, &made)?.located(&path))
    })
    .await
}

async fn update(call: Call) -> Result<Answer, Problem> {
    let changes: IdentityProviderChanges = call.json()?;
    let command = UpdateIdentityProvider { provider: call.parse("id")?, changes };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn archive(call: Call) -> Result<Answer, Problem> {
    let command = ArchiveIdentityProvider { provider: call.parse("id")? };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

fn example() -> Value {
    json!({"id": "idp_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "staff", "displayName": null,
        "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "issuer": "https://login.example.com/realms/staff",
        "clientId": "chancery", "scopes": ["profile", "email", "groups"], "groupsClaim": "groups",
        "groups": [{"group": "pki-officers",
            "grant": {"role": "organization_officer", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae"}}],
        "redirectPath": "/sign-in/callback/idp_01jdp4q2x8f7mb3v5kz6n9w0ae", "status": "active",
        "createdAt": "2026-11-21T09:00:00Z", "version": 1})
}
