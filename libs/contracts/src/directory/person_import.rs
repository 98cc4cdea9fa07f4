//! Imports of persons: many lines of a file, each wholly in or wholly out. The lines wait in a table beside the log until
//! they are worked off, so that a crash in the middle loses none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AddPerson;
use crate::{OperationId, Permission, Timestamp, command, events};

/// Persons are added from here on, line by line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonImportStarted {
    /// Lines that can be read and are worked off.
    pub lines: u32,
    /// Lines that cannot be read, and so are refused already.
    pub unreadable: u32,
}

/// Every line of an import is in or out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonImportCompleted {
    /// Persons that it added.
    pub added: u32,
    /// Lines of persons who were there already, by their address.
    pub existing: u32,
    /// Lines that were refused.
    pub refused: u32,
}

events! {
    /// What happened to an import of persons.
    PersonImportEvent in "person_import" {
        Started(PersonImportStarted) = "person_import.started" v 1,
        Completed(PersonImportCompleted) = "person_import.completed" v 1,
    }
}

/// One line of a file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PersonLine {
    /// Its number; the header is line 1.
    pub line: u32,
    /// What it says.
    pub person: AddPerson,
}

/// Something that is wrong in a line. The value itself is not repeated: who is refused is not kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineError {
    /// The number of the line; the header is line 1.
    pub line: u32,
    /// The column, if it is one that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What is wrong: a stable code.
    pub code: String,
    /// What is wrong, for people.
    pub detail: String,
}

/// Says what would become of lines; nothing is kept.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JudgePeople {
    /// The lines.
    pub lines: Vec<PersonLine>,
}
command!(JudgePeople => LinesJudged, Directory, "judge_people", Some(Permission::PersonWrite), SECRET_FIELDS = &["lines"]);

/// What would become of lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinesJudged {
    /// Persons that would be added.
    pub added: u32,
    /// Lines of persons who are there already.
    pub existing: u32,
    /// What is wrong with the others.
    pub errors: Vec<LineError>,
}

/// Keeps lines of an import that is about to begin. A repeat changes nothing.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StagePeople {
    /// The import: the id of the command that will begin it.
    pub import: OperationId,
    /// Which of its parts, from 0.
    pub part: u32,
    /// The lines.
    pub lines: Vec<PersonLine>,
}
command!(StagePeople => (), Directory, "stage_people", Some(Permission::PersonWrite), SECRET_FIELDS = &["lines"]);

/// Begins an import whose lines are kept. Its id is the command's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportPeople {
    /// How many parts were kept.
    pub parts: u32,
    /// How many lines they hold.
    pub lines: u32,
    /// How many further lines cannot be read.
    pub unreadable: u32,
    /// SHA-256 of what the lines say, hexadecimal: another file is another import.
    pub digest: String,
    /// What is wrong with those, as far as it is told.
    pub errors: Vec<LineError>,
}
command!(ImportPeople => PersonImportView, Directory, "import_people", Some(Permission::PersonWrite));

/// Where an import stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportStatus {
    /// Lines are being worked off.
    #[default]
    Running,
    /// Every line is in or out.
    Done,
}

/// An import of persons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonImportView {
    /// Its id: that of the operation. `null` for a preview.
    pub id: Option<OperationId>,
    /// Where it stands.
    pub status: ImportStatus,
    /// Lines of the file that are no header and not empty.
    pub lines: u32,
    /// Lines that are in or out by now.
    pub done: u32,
    /// Persons that it added, or for a preview: would add.
    pub added: u32,
    /// Lines of persons who were there already, by their address. They stay as they are.
    pub existing: u32,
    /// Lines that were refused.
    pub refused: u32,
    /// What is wrong with them, in the order of the file; at most 1,000 are told.
    pub errors: Vec<LineError>,
    /// When it began; `null` for a preview.
    pub started_at: Option<Timestamp>,
}
