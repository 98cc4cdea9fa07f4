//! `/people/import`: persons by the file. A preview names every line that would be refused; an import goes on whatever
//! happens to its caller, and the same key finds it again.

use std::time::Duration;

use contracts::{
    Code, OperationId, Permission, Problem, Service,
    directory::{
        ImportPeople, ImportStatus, JudgePeople, LinesJudged, PersonImportView, PersonLine, StagePeople,
    },
};
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::operations::{self, OperationView};
use crate::{
    answer::Answer,
    body::Media,
    call::Call,
    conditions, events,
    operation::Operation,
    parameter::Header,
    people_csv::{self, Sheet},
    reach::Reach,
    read,
    view::{self, Rights, View},
};

/// Imports and how far they are.
pub static IMPORTS: View = View {
    service: Service::Directory,
    name: "person_import",
    kind: "import",
    prefix: "op",
    fields: &[],
    document: view::part_of::<PersonImportView>,
    rights: Rights::Row { owner: "owner", personal: true, certificates: false },
    named: false,
    labelled: false,
    search: None,
    sort: "-createdAt",
};

/// The largest file (L-1).
const LARGEST: usize = 10 << 20;
/// Lines that travel together.
const PART: usize = 100;
/// Most errors that are told.
const TOLD: usize = 1_000;
/// How long an import may take before it is answered 202, unless the caller says otherwise.
const WAIT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// The operations.
pub fn operations() -> Vec<Operation> {
    of_imports().into_iter().map(|operation| operation.tagged("People")).collect()
}

fn of_imports() -> Vec<Operation> {
    let file = "email,firstName,lastName,middleName,alternativeEmails,organization,department,validationType,secretId\n\
                ada@example.com,Ada,Lovelace,,a.lovelace@example.com,hq,,standard,\n";
    vec![
        Operation::post(
            "/api/v1/people/import",
            "importPeople",
            "Add persons from a CSV file; `dryRun=true` says line by line what would become of it",
        )
        .needs(Permission::PersonWrite)
        .sensitive()
        .costly()
        .takes_any::<String>(&[Media::Csv], json!(file))
        .up_to(LARGEST)
        .header(Header::PREFER)
        .answers::<PersonImportView>(
            StatusCode::OK,
            "Every line is in or out; for a preview: would be.",
            example(),
        )
        .answers::<OperationView>(
            StatusCode::ACCEPTED,
            "Lines are being worked off, whatever happens to the caller.",
            operations::example(),
        )
        .problem(Code::ProjectionBehind)
        .handled_by(import),
        IMPORTS
            .shows(Operation::get(
                "/api/v1/people/imports/{id}",
                "getPersonImport",
                "Show what became of an import",
            ))
            .needs(Permission::PersonWrite)
            .answers::<PersonImportView>(StatusCode::OK, "The import.", example())
            .handled_by(|call| read::show(call, &IMPORTS)),
    ]
}

async fn import(call: Call) -> Result<Answer, Problem> {
    let sheet = people_csv::read(&call.body)?;
    if call.query.flag("dryRun") {
        return preview(&call, sheet).await;
    }
    let context = call.context()?;
    let (import, unreadable) = (OperationId(context.command_id), sheet.unreadable());
    let (lines, digest) = (count(sheet.lines.len()), digest(&sheet.lines)?);
    let mut errors = sheet.errors;
    errors.truncate(TOLD);
    let mut parts = 0;
    for lines in in_parts(sheet.lines) {
        let command = StagePeople { import, part: parts, lines };
        call.gateway.bus.call(&context.step(&format!("stage/{parts}")), &command).await?;
        parts += 1;
    }
    let command = ImportPeople { parts, lines, unreadable, digest, errors };
    let reply = call.gateway.bus.call(&context, &command).await?;
    let until = Instant::now() + conditions::wait(&call.headers).unwrap_or(WAIT);
    loop {
        if let Some(view) = standing(&call, import).await?
            && view.status == ImportStatus::Done
        {
            return Ok(call.written(Answer::json(StatusCode::OK, &view)?, reply.position, 0, reply.replayed));
        }
        if Instant::now() >= until {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    let outcome = call.gateway.reader.outcome(import.uuid()).await;
    let outcome = outcome.map_err(|error| events::unreadable(&error))?.ok_or_else(Problem::internal)?;
    let answer = operations::accepted(&call, import, &outcome).await?;
    Ok(call.written(answer, reply.position, 0, reply.replayed))
}

/// Where an import stands; `None` until its first event is read.
pub async fn standing(call: &Call, import: OperationId) -> Result<Option<PersonImportView>, Problem> {
    match read::find(call, &IMPORTS, &import.to_string(), "id", Reach::EVERYTHING).await {
        Ok(found) => serde_json::from_str(&found.document).map(Some).map_err(read::internal),
        Err(problem) if problem.code == Code::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}

async fn preview(call: &Call, sheet: Sheet) -> Result<Answer, Problem> {
    let context = call.context()?;
    let lines = count(sheet.lines.len()) + sheet.unreadable();
    let (mut added, mut existing, mut errors) = (0, 0, sheet.errors);
    for (part, lines) in in_parts(sheet.lines).into_iter().enumerate() {
        let step = context.step(&format!("judge/{part}"));
        let LinesJudged { added: new, existing: known, errors: wrong } =
            call.gateway.bus.call(&step, &JudgePeople { lines }).await?.result;
        (added, existing) = (added + new, existing + known);
        errors.extend(wrong);
    }
    errors.sort();
    errors.truncate(TOLD);
    let view = PersonImportView {
        id: None,
        status: ImportStatus::Done,
        lines,
        done: lines,
        added,
        existing,
        refused: lines - added - existing,
        errors,
        started_at: None,
    };
    Answer::json(StatusCode::OK, &view)
}

fn in_parts(lines: Vec<PersonLine>) -> Vec<Vec<PersonLine>> {
    let mut parts: Vec<Vec<PersonLine>> = vec![];
    for line in lines {
        match parts.last_mut().filter(|part| part.len() < PART) {
            Some(part) => part.push(line),
            None => parts.push(vec![line]),
        }
    }
    parts
}

/// What lines say, without the words by which persons are recognized: nobody shall try words against it.
fn digest(lines: &[PersonLine]) -> Result<String, Problem> {
    let mut digest = Sha256::new();
    for line in lines {
        let mut value = serde_json::to_value(line).map_err(read::internal)?;
        if let Some(person) = value["person"].as_object_mut() {
            person.remove("secretId");
        }
        digest.update(value.to_string());
    }
    Ok(hex::encode(digest.finalize()))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn example() -> Value {
    json!({"id": "op_01jdp4q2x8f7mb3v5kz6n9w0ae", "status": "done", "lines": 1000, "done": 1000, "added": 993,
        "existing": 0, "refused": 7, "errors": [{"line": 17, "column": "email", "code": "domain_not_delegated",
        "detail": "'elsewhere.example' is under no domain that is delegated to them"}],
        "startedAt": "2026-11-21T09:00:00Z"})
}
