//! API tokens: issued, rotated, revoked.

use std::sync::Arc;

use bus::{Answer, Context};
use contracts::{
    AdministratorId, Code, Command, DepartmentId, OrganizationId, PermissionSet, Problem, TokenId, Violation,
    directory::{
        AdministratorStatus, IssueToken, RevokeToken, RotateToken, TokenIssued, TokenRevoked, TokenStatus,
        TokenSuperseded, TokenView,
    },
    id::Reference,
};
use runtime::{
    authority::{Caller, Held, KnownAdministrator, Principal, Target, bounded, covers_token},
    repository::Executed,
};

use super::{Handlers, hidden, within};
use crate::token::{Token, TokenCommand};

/// An API token that the caller reaches, and the caller.
struct Reached {
    principal: Principal,
    context: Context,
    issued: TokenIssued,
}

impl Handlers {
    /// Issues an API token that is no wider than what it is issued with.
    pub async fn issue_token(
        &self,
        context: &Context,
        command: IssueToken,
    ) -> Result<Answer<TokenView>, Problem> {
        let issuer = self.authority.principal(&context.actor)?;
        let administrator = command.administrator.unwrap_or(issuer.administrator);
        let held = self.held_by(&issuer, administrator).await?;
        let organization = match &command.organization {
            Some(reference) => self.organization(reference).await?,
            None => usual_organization(&issuer, &held),
        };
        let mut scope = command.scope;
        scope.department = scope.department.or_else(|| only_department(&held, organization));
        if let Some(department) = scope.department {
            let named = Reference::Id(department);
            let found = self.authority.find(|authority| authority.department(organization, &named)).await?;
            found.ok_or_else(|| no_department(department))?;
        }
        let context = &within(context, organization);
        let target = Target::within(organization, scope.department).personal(administrator);
        self.authority.admit_to::<IssueToken>(context, &target).await.map_err(|denied| {
            match (&command.organization, &command.administrator) {
                (Some(reference), _) => hidden(denied, "organization", reference),
                (None, Some(administrator)) => hidden(denied, "administrator", administrator),
                (None, None) => denied,
            }
        })?;
        let issued = TokenIssued {
            id: command.id,
            name: command.name,
            administrator_id: administrator,
            organization_id: organization,
            all_organizations: issuer.all_organizations && command.organization.is_none(),
            hash: command.hash,
            scope,
            within: None,
            expires_at: self.clock.now().plus(command.ttl.duration()),
        };
        let issued = no_wider_than_now(&issuer, issued, &held);
        self.may_carry(&issuer, &issued, held)?;
        let issue = TokenCommand::Issue { issued: Box::new(issued), issuer: (*issuer.scope).clone() };
        let done = self.tokens.create(context, command.id.uuid(), issue).await?;
        self.token_answer(command.id, done).await
    }

    /// Issues the next token in the place of another one, which works until the overlap is over.
    pub async fn rotate_token(
        &self,
        context: &Context,
        command: RotateToken,
    ) -> Result<Answer<TokenView>, Problem> {
        let Reached { principal, context, issued: old } =
            self.reached::<RotateToken>(context, command.token).await?;
        let now = self.clock.now();
        let supersede = TokenCommand::Supersede(TokenSuperseded {
            by: command.id,
            expires_at: now.plus(command.overlap.duration()),
        });
        let held = self.held_by(&principal, old.administrator_id).await?;
        let expires_at = now.plus(command.ttl.duration());
        let next = TokenIssued { id: command.id, hash: command.hash, expires_at, ..old };
        let next = no_wider_than_now(&principal, next, &held);
        self.may_carry(&principal, &next, held)?;
        let check = Context { dry_run: true, if_version: None, ..context.clone() };
        let old_stream = command.token.uuid();
        if self.tokens.reload(command.id.uuid()).await?.version == 0 {
            // Judged first, so that a refusal leaves nothing; a repeat has superseded it already.
            self.tokens.execute(&check, old_stream, supersede.clone()).await?;
        }
        let issue = TokenCommand::Issue { issued: Box::new(next), issuer: (*principal.scope).clone() };
        let new = Context { if_version: None, ..context.clone() };
        let done = self.tokens.create(&new, command.id.uuid(), issue).await?;
        if done.dry_run.is_none() {
            self.tokens.execute(&context.step("superseded"), old_stream, supersede).await?;
        }
        self.token_answer(command.id, done).await
    }

    /// Revokes an API token.
    pub async fn revoke_token(
        &self,
        context: &Context,
        command: RevokeToken,
    ) -> Result<Answer<TokenView>, Problem> {
        let Reached { context, .. } = self.reached::<RevokeToken>(context, command.token).await?;
        let revoke = TokenCommand::Revoke(TokenRevoked { reason: command.reason });
        let done = self.tokens.execute(&context, command.token.uuid(), revoke).await?;
        self.token_answer(command.token, done).await
    }

    /// A token that the caller may do this to. Errors: `not_found`.
    async fn reached<C: Command>(&self, context: &Context, id: TokenId) -> Result<Reached, Problem> {
        let missing = || Problem::not_found("token", id);
        let principal = self.authority.principal(&context.actor)?;
        let snapshot = self.tokens.load(id.uuid()).await?;
        let issued = snapshot.state.issued().cloned().ok_or_else(missing)?;
        let context = within(context, issued.organization_id);
        let target = Target::within(issued.organization_id, issued.scope.department);
        let caller: Caller =
            self.authority.caller::<C>(&context).await.map_err(|denied| hidden(denied, "token", &id))?;
        caller
            .permit(&target.personal(issued.administrator_id))
            .map_err(|denied| hidden(denied, "token", &id))?;
        Ok(Reached { principal, context, issued })
    }

    /// The grants of whom a token is for. Errors: `not_found` of somebody who is not there or beyond the caller's reach;
    /// `invalid_state` of somebody who may not act.
    async fn held_by(&self, issuer: &Principal, id: AdministratorId) -> Result<Arc<[Held]>, Problem> {
        if id == issuer.administrator {
            return carried(&issuer.held);
        }
        let works_here = |held: &Held| {
            let organization = held.grant.organization_id;
            organization.is_some_and(|organization| issuer.reaches(organization))
        };
        let everywhere = issuer.held.iter().any(|held| held.grant.organization_id.is_none());
        let visible = |known: &KnownAdministrator| everywhere || known.held.iter().any(works_here);
        let found = self.authority.find(|authority| authority.administrator(id).filter(&visible)).await?;
        let known = found.ok_or_else(|| Problem::not_found("administrator", id))?;
        if known.status != AdministratorStatus::Active {
            let words = format!("the administrator '{id}' may not act: enable them first");
            return Err(Problem::new(Code::InvalidState, words));
        }
        carried(&known.held)
    }

    /// Whether a token for somebody else carries no more than the caller holds. One's own tokens carry one's own
    /// grants, within the organization and the limits of the token that issues them. Errors: `forbidden`.
    fn may_carry(&self, issuer: &Principal, next: &TokenIssued, held: Arc<[Held]>) -> Result<(), Problem> {
        let wanted = Principal {
            administrator: next.administrator_id,
            credential: next.id.into(),
            stepped_up_until: None,
            organization: next.organization_id,
            all_organizations: next.all_organizations,
            carried: Principal::carried(&next.scope),
            scope: Arc::new(next.scope.clone()),
            held: match &next.within {
                None => held,
                Some(within) => bounded(&held, within),
            },
            expires_at: next.expires_at,
        };
        let own = wanted.administrator == issuer.administrator;
        let reached = issuer.all_organizations
            || (!wanted.all_organizations && wanted.organization == issuer.organization);
        if (own && reached) || covers_token(issuer, &wanted) {
            return Ok(());
        }
        let words = "nobody grants more than they hold: the token would carry more than yours does";
        Err(Problem::new(Code::Forbidden, words))
    }

    async fn token_answer(&self, id: TokenId, done: Executed<Token>) -> Result<Answer<TokenView>, Problem> {
        let created_at = self.created_at(done.stream).await?;
        let last_used_at = self.token_use.last(id).await?;
        let status = if done.state.is_revoked() { TokenStatus::Revoked } else { TokenStatus::Active };
        let superseded_by = done.state.superseded_by();
        let Some(issued) = done.state.issued().cloned() else {
            return Err(Problem::not_found("token", id));
        };
        Ok(done.answer(|done| TokenView {
            id,
            name: issued.name,
            administrator_id: issued.administrator_id,
            organization_id: issued.organization_id,
            all_organizations: issued.all_organizations,
            scope: issued.scope,
            superseded_by,
            status,
            created_at,
            expires_at: issued.expires_at,
            last_used_at,
            version: done.version,
        }))
    }
}

/// What tokens carry of grants: nothing that an identity provider gives, which is read anew at each sign-in. Errors:
/// `invalid_state`, when that is all there is.
fn carried(held: &Arc<[Held]>) -> Result<Arc<[Held]>, Problem> {
    let own: Arc<[Held]> =
        held.iter().filter(|held| held.grant.identity_provider_id.is_none()).cloned().collect();
    if own.is_empty() && !held.is_empty() {
        let words = "API tokens carry nothing that an identity provider gives, and this administrator has nothing else: \
            appoint a service, or give them a grant";
        return Err(Problem::new(Code::InvalidState, words));
    }
    Ok(own)
}

/// A token that somebody else than its administrator issues, and may have read: of what its administrator is granted later,
/// or what their roles allow later, it carries nothing.
fn no_wider_than_now(issuer: &Principal, issued: TokenIssued, held: &[Held]) -> TokenIssued {
    if issued.administrator_id == issuer.administrator || issuer.is_whole_master() {
        return issued;
    }
    let within = issued.within.unwrap_or_else(|| held.iter().map(|held| held.grant.clone()).collect());
    let mut scope = issued.scope;
    scope.permissions = scope.permissions.or_else(|| {
        let allowed = held.iter().fold(PermissionSet::default(), |sum, held| sum.or(held.permissions));
        Some(allowed.iter().collect())
    });
    TokenIssued { all_organizations: false, scope, within: Some(within), ..issued }
}

/// The organization a token acts in that names none: the issuer's, or the first one that its administrator works in.
fn usual_organization(issuer: &Principal, held: &[Held]) -> OrganizationId {
    let works_in = |organization| {
        let here = |held: &Held| held.grant.organization_id.is_none_or(|granted| granted == organization);
        held.iter().any(here)
    };
    if works_in(issuer.organization) {
        return issuer.organization;
    }
    held.iter().find_map(|held| held.grant.organization_id).unwrap_or(issuer.organization)
}

/// The department of somebody who works in an organization in one department only.
fn only_department(held: &[Held], organization: OrganizationId) -> Option<DepartmentId> {
    let here = |held: &&Held| held.grant.organization_id.is_none_or(|granted| granted == organization);
    let mut departments = held.iter().filter(here).map(|held| held.grant.department_id);
    let first = departments.next()??;
    departments.all(|department| department == Some(first)).then_some(first)
}

fn no_department(department: DepartmentId) -> Problem {
    let words = format!("the organization has no department '{department}'");
    Problem::new(Code::ValidationFailed, words.clone()).with_errors(vec![Violation::at(
        "#/scope/department",
        "department_not_found",
        words,
    )])
}
