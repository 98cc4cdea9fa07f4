//! `/people`: persons who may hold client certificates, and the certificates that carry their addresses.

use contracts::{
    Code, Permission, PersonId, Problem, SecretText, Service,
    directory::{
        AddPerson, ArchivePerson, ErasePerson, PersonStatus, PersonView, RestorePerson, UpdatePerson,
        ValidationType,
    },
    inventory::CertificateView,
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Page, Reason, certificates, certificates::CERTIFICATES, page};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    reach::Reach,
    read, select,
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

/// The read model.
pub static PEOPLE: View = View {
    service: Service::Directory,
    name: "person",
    kind: "person",
    prefix: "per",
    fields: &[
        Field::text("email", "email").optional(),
        Field::text("firstName", "first_name").optional(),
        Field::text("lastName", "last_name").optional(),
        Field::word::<PersonStatus>("status", "status"),
        Field::word::<ValidationType>("validationType", "(document ->> 'validationType')"),
        Field::id("departmentId", "department", "dep").optional(),
    ],
    document: view::part_of::<PersonView>,
    rights: Rights::Row { owner: "owner", personal: false, certificates: true },
    named: false,
    labelled: false,
    search: Some("names and e-mail addresses"),
    sort: "lastName",
};

/// What changes; a missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PersonChanges {
    /// The department by id or `name:…`; empty: of the organization as a whole.
    #[serde(default, alias = "departmentId")]
    department: Option<String>,
    /// New address.
    #[serde(default)]
    email: Option<String>,
    /// New first name.
    #[serde(default)]
    first_name: Option<String>,
    /// New middle name; empty takes it away.
    #[serde(default)]
    middle_name: Option<String>,
    /// New last name.
    #[serde(default)]
    last_name: Option<String>,
    /// All further addresses, replacing those there are.
    #[serde(default)]
    alternative_emails: Option<Vec<String>>,
    /// How the addresses are validated.
    #[serde(default)]
    validation_type: Option<ValidationType>,
    /// New word by which the person is recognized later; empty takes it away. It is never shown.
    #[serde(default)]
    secret_id: Option<SecretText>,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let operations = of_all().into_iter().chain(of_one());
    operations.map(|operation| operation.tagged("People")).collect()
}

fn of_all() -> Vec<Operation> {
    let all = "/api/v1/people";
    vec![
        PEOPLE
            .lists(Operation::get(all, "listPeople", "List persons who may hold client certificates"))
            .needs(Permission::PersonRead)
            .answers::<Page<PersonView>>(StatusCode::OK, "A page of persons.", page(example()))
            .handled_by(|call| read::list(call, &PEOPLE)),
        Operation::post(all, "addPerson", "Add a person")
            .needs(Permission::PersonWrite)
            .sensitive()
            .takes::<AddPerson>(
                json!({"email": "ada@example.com", "firstName": "Ada", "lastName": "Lovelace",
                "alternativeEmails": ["ada.lovelace@example.com"]}),
            )
            .answers::<PersonView>(StatusCode::CREATED, "The person.", example())
            .problems(&[Code::AlreadyExists, Code::InvalidState, Code::NotFound])
            .handled_by(add),
    ]
}

fn of_one() -> Vec<Operation> {
    let one = "/api/v1/people/{id}";
    let changed = "The person as they are now.";
    vec![
        PEOPLE
            .shows(Operation::get(one, "getPerson", "Show a person"))
            .needs(Permission::PersonRead)
            .answers::<PersonView>(StatusCode::OK, "The person.", example())
            .handled_by(|call| read::show(call, &PEOPLE)),
        Operation::patch(one, "updatePerson", "Change a person")
            .needs(Permission::PersonWrite)
            .sensitive()
            .takes::<PersonChanges>(json!({"lastName": "King"}))
            .answers::<PersonView>(StatusCode::OK, changed, example())
            .problems(&[Code::AlreadyExists, Code::InvalidState])
            .handled_by(update),
        Operation::post(
            "/api/v1/people/{id}/archive",
            "archivePerson",
            "Archive a person: what they have stays, nothing is added",
        )
        .needs(Permission::PersonWrite)
        .sensitive()
        .if_match()
        .may_take::<Reason>(json!({"reason": "left"}))
        .answers::<PersonView>(StatusCode::OK, changed, example())
        .problem(Code::InvalidState)
        .handled_by(archive),
        Operation::post(
            "/api/v1/people/{id}/restore",
            "restorePerson",
            "Put an archived person into use again",
        )
        .needs(Permission::PersonWrite)
        .sensitive()
        .if_match()
        .may_take::<Reason>(json!({"reason": "back again"}))
        .answers::<PersonView>(StatusCode::OK, changed, example())
        .problem(Code::InvalidState)
        .handled_by(restore),
        Operation::post(
            "/api/v1/people/{id}/erase",
            "erasePerson",
            "Erase who a person was, for good; what happened stays, by id",
        )
        .needs(Permission::PersonWrite)
        .sensitive()
        .if_match()
        .answers::<PersonView>(StatusCode::OK, "What is left of the person.", erased())
        .handled_by(erase),
        CERTIFICATES
            .lists(Operation::get(
                "/api/v1/people/{id}/certificates",
                "listPersonCertificates",
                "List the client certificates that carry an address of a person",
            ))
            .needs(Permission::CertificateRead)
            .answers::<Page<CertificateView>>(
                StatusCode::OK,
                "A page of certificates.",
                page(certificates::example()),
            )
            .handled_by(list_certificates),
        Operation::get("/api/v1/people/{id}/timeline", "getPersonTimeline", "Show what happened to a person")
            .needs(Permission::PersonRead)
            .answers::<Page<TimelineEntry>>(
                StatusCode::OK,
                "Its events, oldest first.",
                timeline::example("person.added"),
            )
            .handled_by(|call| timeline::of_row(call, &PEOPLE)),
    ]
}

async fn add(call: Call) -> Result<Answer, Problem> {
    let command: AddPerson = call.json()?;
    call.send(command, |made, _| {
        Ok(Answer::json(StatusCode::CREATED, &made)?.located(&format!("/api/v1/people/{}", made.id)))
    })
    .await
}

async fn update(call: Call) -> Result<Answer, Problem> {
    let changes: PersonChanges = call.json()?;
    let command = UpdatePerson {
        person: call.parse("id")?,
        department: changes.department,
        email: changes.email,
        first_name: changes.first_name,
        middle_name: changes.middle_name,
        last_name: changes.last_name,
        alternative_emails: changes.alternative_emails,
        validation_type: changes.validation_type,
        secret_id: changes.secret_id,
    };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn archive(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = ArchivePerson { person: call.parse("id")?, reason };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn restore(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = RestorePerson { person: call.parse("id")?, reason };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn erase(call: Call) -> Result<Answer, Problem> {
    let command = ErasePerson { person: call.parse("id")? };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

/// The caller has to see both: the person, and each certificate.
async fn list_certificates(call: Call) -> Result<Answer, Problem> {
    let id: PersonId = call.parse("id")?;
    let sees = Reach::of(call.caller()?, Permission::PersonRead, &PEOPLE);
    crate::position::wait(&call, PEOPLE.service).await?;
    let found = read::find(&call, &PEOPLE, &id.to_string(), "id", sees).await?;
    let person: PersonView = serde_json::from_str(&found.document).map_err(read::internal)?;
    let addresses = person.email.into_iter().chain(person.alternative_emails);
    let addresses = addresses.map(|address| address.to_lowercase()).collect();
    let carrying = "certificate_type = 'client' and emails && $::text[]";
    let reach = call
        .reach(&CERTIFICATES)?
        .of_one("organization", person.organization_id.uuid())
        .where_also(carrying, select::Value::Texts(addresses));
    read::list_of(call, &CERTIFICATES, reach).await
}

/// An example of a person.
pub fn example() -> Value {
    json!({"id": "per_01jdp4q2x8f7mb3v5kz6n9w0ae", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "departmentId": null, "email": "ada@example.com", "firstName": "Ada", "middleName": null,
        "lastName": "Lovelace", "alternativeEmails": ["ada.lovelace@example.com"], "validationType": "standard",
        "hasSecretId": false, "status": "active", "createdAt": "2026-11-21T09:00:00Z", "version": 1})
}

fn erased() -> Value {
    json!({"id": "per_01jdp4q2x8f7mb3v5kz6n9w0ae", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "departmentId": null, "email": null, "firstName": null, "middleName": null, "lastName": null,
        "alternativeEmails": [], "validationType": "standard", "hasSecretId": false, "status": "erased",
        "createdAt": "2026-11-21T09:00:00Z", "version": 2})
}
