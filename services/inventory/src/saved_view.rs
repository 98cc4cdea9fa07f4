//! A saved view, and what people do with it: a list's filter, order and columns under a name, private or shared (A23).

use bus::{Answer, Context};
use contracts::{
    Code, Event as _, Permission, Problem, SavedViewId, Timestamp, Violation,
    inventory::{
        CreateSavedView, RemoveSavedView, SavedViewCreated, SavedViewEvent, SavedViewRemoved,
        SavedViewUpdated, SavedViewView, UpdateSavedView, ViewChanges, ViewContents,
    },
    labels::check_text,
};
use deadpool_postgres::Transaction;
use eventlog::{Reader, Recorded};
use runtime::{
    aggregate::Aggregate,
    authority::{Authority, Target},
    command::read_problem,
    projection::{Generation, Projection, ProjectionError, Scope, View},
    repository::{Executed, Repository},
    service::ServiceContext,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The most parameters of a view, and the most columns.
const MOST: usize = 50;
/// The longest parameter.
const LONGEST: usize = 500;

/// One saved view.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum SavedView {
    /// Nothing has happened yet.
    #[default]
    Unsaved,
    /// It shows something.
    Saved(SavedViewCreated),
    /// It is gone.
    Removed(SavedViewCreated),
}

/// What may be asked of a saved view. Whose it is stands in the state: only they change it, and the handler looks.
#[derive(Clone, Debug)]
pub enum SavedViewCommand {
    /// Let it show this.
    Save(Box<SavedViewCreated>),
    /// Change the fields that are given.
    Update(ViewChanges),
    /// Let it be gone.
    Remove,
}

/// Why a saved view refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SavedViewRefusal {
    /// There is none with this id.
    #[error("the view does not exist")]
    Missing,
    /// The id is taken.
    #[error("the view exists already")]
    AlreadySaved,
    /// Some fields hold what they may not.
    #[error("{} field(s) of the view are not allowed", .0.len())]
    Invalid(Vec<Violation>),
}

impl From<SavedViewRefusal> for Problem {
    fn from(refusal: SavedViewRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            SavedViewRefusal::Missing => Self::new(Code::NotFound, detail),
            SavedViewRefusal::AlreadySaved => Self::new(Code::AlreadyExists, detail),
            SavedViewRefusal::Invalid(errors) => {
                Self::new(Code::ValidationFailed, detail).with_errors(errors)
            }
        }
    }
}

impl Aggregate for SavedView {
    type Command = SavedViewCommand;
    type Event = SavedViewEvent;
    type Refusal = SavedViewRefusal;

    fn decide(
        &self,
        command: SavedViewCommand,
        _now: Timestamp,
    ) -> Result<Vec<SavedViewEvent>, SavedViewRefusal> {
        match (self, command) {
            (Self::Unsaved, SavedViewCommand::Save(created)) => {
                check(&created.contents)?;
                Ok(vec![(*created).into()])
            }
            (_, SavedViewCommand::Save(_)) => Err(SavedViewRefusal::AlreadySaved),
            (Self::Saved(view), SavedViewCommand::Update(changes)) => {
                let contents = changed(view.contents.clone(), changes);
                check(&contents)?;
                let same = contents == view.contents;
                Ok(if same { vec![] } else { vec![SavedViewUpdated { contents }.into()] })
            }
            (Self::Saved(_), SavedViewCommand::Remove) => Ok(vec![SavedViewRemoved {}.into()]),
            (Self::Removed(_), SavedViewCommand::Remove) => Ok(vec![]),
            (Self::Unsaved | Self::Removed(_), _) => Err(SavedViewRefusal::Missing),
        }
    }

    fn evolve(self, event: SavedViewEvent) -> Self {
        match (self, event) {
            (_, SavedViewEvent::Created(created)) => Self::Saved(created),
            (Self::Saved(view), SavedViewEvent::Updated(SavedViewUpdated { contents })) => {
                Self::Saved(SavedViewCreated { contents, ..view })
            }
            (Self::Saved(view), SavedViewEvent::Removed(_)) => Self::Removed(view),
            (unchanged, SavedViewEvent::Updated(_) | SavedViewEvent::Removed(_)) => unchanged,
        }
    }

    fn describe(&self) -> Value {
        match self {
            Self::Saved(view) => json!(view.contents),
            Self::Unsaved | Self::Removed(_) => Value::Null,
        }
    }
}

fn changed(now: ViewContents, changes: ViewChanges) -> ViewContents {
    ViewContents {
        name: changes.name.unwrap_or(now.name),
        filter: changes.filter.unwrap_or(now.filter),
        sort: changes.sort.or(now.sort).filter(|sort| !sort.is_empty()),
        columns: changes.columns.unwrap_or(now.columns),
        shared: changes.shared.unwrap_or(now.shared),
    }
}

fn check(contents: &ViewContents) -> Result<(), SavedViewRefusal> {
    let mut errors = vec![];
    let name = contents.name.as_str();
    if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        let words = "a name has 1 to 100 characters, none of them a control character";
        errors.push(Violation::at("#/name", "invalid_text", words));
    }
    if contents.filter.len() > MOST || contents.columns.len() > MOST {
        let words = format!("at most {MOST} parameters and {MOST} columns");
        errors.push(Violation::at("#/filter", "too_many", words));
    }
    let pairs = contents.filter.iter().flat_map(|(name, value)| [name, value]);
    let long = pairs.chain(&contents.columns).chain(&contents.sort);
    errors.extend(long.filter_map(|text| check_text("#/filter", text, LONGEST)).take(1));
    if errors.is_empty() { Ok(()) } else { Err(SavedViewRefusal::Invalid(errors)) }
}

/// The handlers and what they work with.
pub struct SavedViews {
    authority: Authority,
    reader: Reader,
    views: Repository<SavedView>,
}

impl SavedViews {
    /// The handlers of one service instance.
    pub fn new(context: &ServiceContext) -> Self {
        Self {
            authority: context.authority.clone(),
            reader: context.reader.clone(),
            views: context.repository(1_000),
        }
    }

    /// Saves a view of the caller's.
    pub async fn create(
        &self,
        context: &Context,
        CreateSavedView { of, contents }: CreateSavedView,
    ) -> Result<Answer<SavedViewView>, Problem> {
        let caller = self.authority.caller::<CreateSavedView>(context).await?;
        caller.permit(&Target::organization(context.tenant).shared())?;
        let owner_id = self.authority.principal(&context.actor)?.administrator;
        // The same however often the command is sent.
        let id = SavedViewId(Uuid::new_v5(&context.command_id, b"saved view"));
        if !context.dry_run
            && let Some(first) = self.views.repeated(context, id.uuid()).await?
        {
            return self.answer(first).await;
        }
        let created = SavedViewCreated { id, organization_id: context.tenant, owner_id, of, contents };
        let save = SavedViewCommand::Save(Box::new(created));
        self.answer(self.views.create(context, id.uuid(), save).await?).await
    }

    /// Changes a view of the caller's.
    pub async fn update(
        &self,
        context: &Context,
        UpdateSavedView { view, changes }: UpdateSavedView,
    ) -> Result<Answer<SavedViewView>, Problem> {
        _ = self.authority.caller::<UpdateSavedView>(context).await?;
        let context = self.own(context, view).await?;
        self.answer(self.views.execute(&context, view.uuid(), SavedViewCommand::Update(changes)).await?).await
    }

    /// Removes a view of the caller's.
    pub async fn remove(
        &self,
        context: &Context,
        RemoveSavedView { view }: RemoveSavedView,
    ) -> Result<Answer<SavedViewView>, Problem> {
        _ = self.authority.caller::<RemoveSavedView>(context).await?;
        let context = self.own(context, view).await?;
        self.answer(self.views.execute(&context, view.uuid(), SavedViewCommand::Remove).await?).await
    }

    /// The context of a view's organization, if the view is the caller's. Errors: `forbidden` for one that is shared with
    /// them, else `not_found`.
    async fn own(&self, context: &Context, id: SavedViewId) -> Result<Context, Problem> {
        let missing = || Problem::not_found("view", id);
        let snapshot = self.views.reload(id.uuid()).await?;
        let (SavedView::Saved(view) | SavedView::Removed(view)) = &snapshot.state else {
            return Err(missing());
        };
        let principal = self.authority.principal(&context.actor)?;
        if view.owner_id == principal.administrator {
            return Ok(Context { tenant: view.organization_id, ..context.clone() });
        }
        let sees = matches!(snapshot.state, SavedView::Saved(_)) && view.contents.shared;
        let target = Target::organization(view.organization_id).shared();
        let reached = runtime::authority::permitted(&principal, Permission::CertificateRead, &target).is_ok();
        if sees && reached {
            return Err(Problem::new(Code::Forbidden, "the view is somebody else's, who shares it"));
        }
        Err(missing())
    }

    async fn answer(&self, done: Executed<SavedView>) -> Result<Answer<SavedViewView>, Problem> {
        let (SavedView::Saved(view) | SavedView::Removed(view)) = done.state.clone() else {
            return Err(Problem::internal());
        };
        let events = self.reader.read_stream(done.stream, 0).await.map_err(read_problem)?;
        let created_at = events.first().map_or_else(|| Timestamp::from_unix(0), |first| first.recorded_at);
        let ViewContents { name, filter, sort, columns, shared } = view.contents;
        let (id, owner_id, organization_id) = (SavedViewId(done.stream), view.owner_id, view.organization_id);
        let (of, version) = (view.of, done.version);
        let view = SavedViewView {
            id,
            organization_id,
            owner_id,
            of,
            name,
            filter,
            sort,
            columns,
            shared,
            created_at,
            version,
        };
        Ok(done.answer(|_| view))
    }
}

/// The read model of saved views.
pub struct SavedViewProjection;

impl Projection for SavedViewProjection {
    const NAME: &'static str = "saved_view";
    const VERSION: i32 = 1;
    const CATEGORIES: &'static [&'static str] = &[SavedViewEvent::CATEGORY];
    const TABLES: &'static [&'static str] = &["saved_view"];

    fn tables(&self, generation: &Generation) -> String {
        let table = generation.table("saved_view");
        format!(
            "create table {table} (id uuid primary key, organization uuid not null, version int not null, \
             created_at timestamptz not null, owner uuid not null, document jsonb not null);\n\
             create index on {table} (organization);\n"
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        let table = generation.table("saved_view");
        vec![View {
            name: "saved_view",
            select: format!(
                "select id, organization, version, created_at, owner, document ->> 'name' as name, \
                 document ->> 'of' as kind, (document -> 'shared')::boolean as shared, document from {table}"
            ),
            scope: Scope::Organization("organization"),
        }]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        let table = generation.table("saved_view");
        for recorded in events {
            let (id, version) = (recorded.stream, recorded.version);
            match SavedViewEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)? {
                SavedViewEvent::Created(created) => {
                    let mut document = shown(&created.contents);
                    for (member, value) in [
                        ("id", json!(created.id)),
                        ("organizationId", json!(created.organization_id)),
                        ("ownerId", json!(created.owner_id)),
                        ("of", json!(created.of)),
                        ("createdAt", json!(recorded.recorded_at)),
                        ("version", json!(version)),
                    ] {
                        document[member] = value;
                    }
                    let sql = format!(
                        "insert into {table} (id, organization, version, created_at, owner, document) \
                         values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing"
                    );
                    let statement = transaction.prepare_cached(&sql).await?;
                    let (at, owner) = (&recorded.recorded_at.0, created.owner_id.uuid());
                    transaction
                        .execute(&statement, &[&id, &recorded.tenant, &version, at, &owner, &document])
                        .await?;
                }
                SavedViewEvent::Updated(updated) => {
                    let mut document = shown(&updated.contents);
                    document["version"] = version.into();
                    let sql =
                        format!("update {table} set version = $2, document = document || $3 where id = $1");
                    let statement = transaction.prepare_cached(&sql).await?;
                    transaction.execute(&statement, &[&id, &version, &document]).await?;
                }
                SavedViewEvent::Removed(_) => {
                    let statement =
                        transaction.prepare_cached(&format!("delete from {table} where id = $1")).await?;
                    transaction.execute(&statement, &[&id]).await?;
                }
            }
        }
        Ok(())
    }
}

/// With a member for what is missing, so that it takes the place of what was there.
fn shown(contents: &ViewContents) -> Value {
    json!({"name": contents.name, "filter": contents.filter, "sort": contents.sort, "columns": contents.columns,
        "shared": contents.shared})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use contracts::{AdministratorId, OrganizationId, inventory::ViewOf};
    use runtime::aggregate::test::given;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn created(name: &str) -> SavedViewCreated {
        SavedViewCreated {
            id: SavedViewId(Uuid::from_u128(1)),
            organization_id: OrganizationId(Uuid::from_u128(2)),
            owner_id: AdministratorId(Uuid::from_u128(3)),
            of: ViewOf::Certificates,
            contents: contents(name),
        }
    }

    fn contents(name: &str) -> ViewContents {
        ViewContents {
            name: name.into(),
            filter: BTreeMap::from([("status".into(), "expired".into())]),
            sort: Some("-notAfter".into()),
            ..ViewContents::default()
        }
    }

    #[test]
    fn a_view_changes_field_by_field_until_it_is_removed() {
        let save = |name: &str| SavedViewCommand::Save(Box::new(created(name)));
        let update = |changes: ViewChanges| SavedViewCommand::Update(changes);
        let saved =
            || given::<SavedView>([]).when(save("gone soon"), NOON).then([created("gone soon").into()]);
        let shared = ViewContents { shared: true, sort: None, ..contents("gone soon") };
        let changes = ViewChanges { shared: Some(true), sort: Some(String::new()), ..ViewChanges::default() };
        saved().when(update(changes), NOON).then([SavedViewUpdated { contents: shared }.into()]);
        saved().when(update(ViewChanges::default()), NOON).changes_nothing();
        let removed = || saved().when(SavedViewCommand::Remove, NOON).then([SavedViewRemoved {}.into()]);
        removed().when(SavedViewCommand::Remove, NOON).changes_nothing();
        removed().when(update(ViewChanges::default()), NOON).refused(SavedViewRefusal::Missing);
    }

    #[test]
    fn a_view_has_a_name() {
        for name in ["", "  ", "a\nb", &"x".repeat(101)] {
            let refused = SavedView::default().decide(SavedViewCommand::Save(Box::new(created(name))), NOON);
            assert!(matches!(refused, Err(SavedViewRefusal::Invalid(_))), "{name}");
        }
    }
}
