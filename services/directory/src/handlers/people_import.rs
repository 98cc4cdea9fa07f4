//! Imports of persons: judged, kept, begun, worked off part by part.

use std::collections::HashSet;

use bus::{Answer, Context, Reply};
use contracts::{
    Problem, Violation,
    directory::{
        Delegate, ImportPeople, ImportStatus, JudgePeople, LineError, LinesJudged, PersonImportStarted,
        PersonImportView, PersonLine, StagePeople,
    },
};
use runtime::authority::Caller;

use super::Handlers;
use crate::people::{
    add::{Added, Wanted, key},
    details::Details,
    import::ImportCommand,
    import_table::{Open, Waiting, Worked},
};

impl Handlers {
    /// Says what would become of lines.
    pub async fn judge_people(
        &self,
        context: &Context,
        command: JudgePeople,
    ) -> Result<Answer<LinesJudged>, Problem> {
        let caller = self.authority.caller::<JudgePeople>(context).await?;
        self.domains_level().await?;
        let waiting = command.lines.into_iter().map(|line| waiting(line, None)).collect();
        let (wanted, errors) = self.lines_wanted(&caller, context, waiting).await?;
        let there = self.people_existing(&wanted).await?;
        let existing = wanted.iter().filter(|one| there.contains(&key(one.organization, &one.details.email)));
        let existing = count(existing.count());
        let judged = LinesJudged { added: count(wanted.len()) - existing, existing, errors };
        Ok(Answer::Done(Reply::nothing(judged)))
    }

    /// Keeps lines of an import that is about to begin.
    pub async fn stage_people(&self, context: &Context, command: StagePeople) -> Result<Answer<()>, Problem> {
        _ = self.authority.caller::<StagePeople>(context).await?;
        let mut lines = Vec::with_capacity(command.lines.len());
        for line in command.lines {
            let secret_id = match &line.person.secret_id {
                Some(word) => self.secret_id_kept(word).await?,
                None => None,
            };
            lines.push(waiting(line, secret_id));
        }
        self.imports.stage(command.import, command.part, &lines).await?;
        Ok(Answer::Done(Reply::nothing(())))
    }

    /// Begins an import whose lines are kept.
    pub async fn import_people(
        &self,
        context: &Context,
        command: ImportPeople,
    ) -> Result<Answer<PersonImportView>, Problem> {
        _ = self.authority.caller::<ImportPeople>(context).await?;
        let id = context.command_id;
        let started = PersonImportStarted { lines: command.lines, unreadable: command.unreadable };
        let known =
            self.import_streams.repeated(context, id).await?.is_some() || self.imports.is_begun(id).await?;
        if !known && !self.imports.is_whole(id, command.parts).await? {
            return Err(Problem::unavailable("lines of the import are not there: send the file again"));
        }
        if !context.dry_run {
            // Before the event: what a crash leaves here is worked off, and begins its history then.
            self.imports.begin(context, &command).await?;
        }
        let done = self.import_streams.execute(context, id, ImportCommand::Start(started)).await?;
        if done.dry_run.is_none() {
            self.import_wake.notify_one();
        }
        let started_at = self.created_at(id).await?;
        Ok(done.answer(|done| PersonImportView {
            id: Some(done.stream.into()),
            status: ImportStatus::Running,
            lines: command.lines + command.unreadable,
            done: command.unreadable,
            added: 0,
            existing: 0,
            refused: command.unreadable,
            errors: command.errors,
            started_at: Some(started_at),
        }))
    }

    /// Works off the next part of an import, or ends it. Whoever does so again, after a crash, finds what is done already.
    pub async fn work_import(&self, import: &Open, context: &Context) -> Result<(), Problem> {
        if import.next == 0 {
            let started = PersonImportStarted { lines: import.lines, unreadable: import.unreadable };
            let start = ImportCommand::Start(started);
            self.import_streams.execute(&context.step("started"), import.id, start).await?;
        }
        if import.next >= import.parts {
            let complete = ImportCommand::Complete(self.imports.sum(import.id).await?);
            self.import_streams.execute(&context.step("completed"), import.id, complete).await?;
            return self.imports.finish(import.id).await;
        }
        let lines = self.imports.part(import.id, import.next).await?;
        let worked = match self.authority.caller::<ImportPeople>(context).await {
            Ok(caller) => self.work_lines(&caller, context, lines, import).await?,
            Err(denied) if denied.retryable => return Err(denied),
            // Whoever began it may import no more.
            Err(denied) => Worked { errors: refused_all(&lines, &denied), ..Worked::default() },
        };
        self.imports.worked(import.id, import.next, &worked).await
    }

    async fn work_lines(
        &self,
        caller: &Caller,
        context: &Context,
        lines: Vec<Waiting>,
        import: &Open,
    ) -> Result<Worked, Problem> {
        self.domains_level().await?;
        let (wanted, errors) = self.lines_wanted(caller, context, lines).await?;
        let mut worked = Worked { errors, ..Worked::default() };
        for added in self.add_people(context, &wanted, Some(import.id)).await? {
            match added {
                Added::Now(_) | Added::Before => worked.added += 1,
                Added::Existing => worked.existing += 1,
            }
        }
        Ok(worked)
    }

    /// The persons that lines name, and what is wrong with the other lines. Each address once: the first counts.
    async fn lines_wanted(
        &self,
        caller: &Caller,
        context: &Context,
        lines: Vec<Waiting>,
    ) -> Result<(Vec<Wanted>, Vec<LineError>), Problem> {
        let (mut wanted, mut errors, mut seen) = (vec![], vec![], HashSet::new());
        for line in lines {
            let number = line.line;
            match self.line_wanted(caller, context, line).await? {
                Ok(one) if !seen.insert(key(one.organization, &one.details.email)) => {
                    let detail = "a line before has this address, too".to_owned();
                    errors.push(LineError {
                        line: number,
                        column: Some("email".into()),
                        code: "duplicate".into(),
                        detail,
                    });
                }
                Ok(one) => wanted.push(one),
                Err(wrong) => errors.extend(wrong),
            }
        }
        Ok((wanted, errors))
    }

    async fn line_wanted(
        &self,
        caller: &Caller,
        context: &Context,
        line: Waiting,
    ) -> Result<Result<Wanted, Vec<LineError>>, Problem> {
        let Waiting { line, person, secret_id } = line;
        let details = Details::of(&person);
        let mut wrong = details.violations();
        let (organization, department) = match self.place_of_person(caller, context, &person).await {
            Ok(place) => place,
            Err(problem) if problem.retryable => return Err(problem),
            Err(problem) => {
                let column = if person.department.is_some() { "#/department" } else { "#/organization" };
                wrong.push(Violation::at(column, problem.code.as_str(), problem.detail));
                return Ok(Err(told(line, wrong)));
            }
        };
        let delegate = Delegate { organization_id: organization, department_id: department };
        wrong.extend(self.delegated.read(|domains| details.outside(domains, delegate)));
        if !wrong.is_empty() {
            return Ok(Err(told(line, wrong)));
        }
        Ok(Ok(Wanted {
            command: context.step(&format!("line/{line}")).command_id,
            organization,
            department,
            details,
            validation: person.validation_type,
            secret_id,
        }))
    }
}

fn waiting(line: PersonLine, secret_id: Option<String>) -> Waiting {
    let PersonLine { line, mut person } = line;
    person.secret_id = None;
    Waiting { line, person, secret_id }
}

/// What is wrong with a line, by column.
fn told(line: u32, wrong: Vec<Violation>) -> Vec<LineError> {
    let column = |violation: &Violation| {
        let pointer = violation.pointer.as_deref()?.strip_prefix("#/")?;
        pointer.split('/').next().map(str::to_owned)
    };
    wrong
        .into_iter()
        .map(|violation| LineError {
            line,
            column: column(&violation),
            code: violation.code,
            detail: violation.detail,
        })
        .collect()
}

fn refused_all(lines: &[Waiting], denied: &Problem) -> Vec<LineError> {
    let error = |waiting: &Waiting| LineError {
        line: waiting.line,
        column: None,
        code: denied.code.as_str().to_owned(),
        detail: denied.detail.clone(),
    };
    lines.iter().map(error).collect()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
