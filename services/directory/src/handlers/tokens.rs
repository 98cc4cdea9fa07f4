//! API tokens, and when they were last used.

use bus::{Answer, Context, Reply};
use contracts::{
    Problem, TokenId,
    directory::{IssueToken, RecordTokenUse, RevokeToken, TokenIssued, TokenRevoked, TokenStatus, TokenView},
};
use runtime::repository::Executed;

use super::{Handlers, hidden, within};
use crate::token::{Token, TokenCommand};

impl Handlers {
    /// Issues an API token that is no wider than the one it is issued with.
    pub async fn issue_token(
        &self,
        context: &Context,
        command: IssueToken,
    ) -> Result<Answer<TokenView>, Problem> {
        let issuer = self.authority.principal(&context.actor)?;
        let organization = match &command.organization {
            Some(reference) => self.organization(reference).await?,
            None => issuer.organization,
        };
        let context = &within(context, organization);
        self.authority.admit::<IssueToken>(context).map_err(|denied| match &command.organization {
            Some(reference) => hidden(denied, "organization", reference),
            None => denied,
        })?;
        let issued = TokenIssued {
            id: command.id,
            name: command.name,
            administrator_id: issuer.administrator,
            organization_id: organization,
            all_organizations: issuer.all_organizations && command.organization.is_none(),
            hash: command.hash,
            scope: command.scope,
            expires_at: self.clock.now().plus(command.ttl.duration()),
        };
        let issue = TokenCommand::Issue { issued: Box::new(issued), issuer: issuer.scope };
        let done = self.tokens.create(context, command.id.uuid(), issue).await?;
        self.token_answer(command.id, done).await
    }

    /// Revokes an API token and answers once this instance knows it.
    pub async fn revoke_token(
        &self,
        context: &Context,
        command: RevokeToken,
    ) -> Result<Answer<TokenView>, Problem> {
        let id = command.token.uuid();
        let tenant =
            self.tokens.load(id).await?.tenant.ok_or_else(|| Problem::not_found("token", command.token))?;
        let context = &within(context, tenant);
        self.authority
            .admit::<RevokeToken>(context)
            .map_err(|denied| hidden(denied, "token", &command.token))?;
        let revoke = TokenCommand::Revoke(TokenRevoked { reason: command.reason });
        let done = self.tokens.execute(context, id, revoke).await?;
        self.token_answer(command.token, done).await
    }

    /// Keeps when tokens were last used.
    pub async fn record_token_use(
        &self,
        context: &Context,
        command: RecordTokenUse,
    ) -> Result<Answer<()>, Problem> {
        self.authority.admit::<RecordTokenUse>(context)?;
        self.token_use.record(&command.uses).await?;
        Ok(Answer::Done(Reply::nothing(())))
    }

    async fn token_answer(&self, id: TokenId, done: Executed<Token>) -> Result<Answer<TokenView>, Problem> {
        let created_at = self.created_at(done.stream).await?;
        let last_used_at = self.token_use.last(id).await?;
        let status = if done.state.is_revoked() { TokenStatus::Revoked } else { TokenStatus::Active };
        let Some(issued) = done.state.issued().cloned() else {
            return Err(Problem::not_found("token", id));
        };
        Ok(done.answer(|done| TokenView {
            id,
            name: issued.name,
            administrator_id: issued.administrator_id,
            organization_id: issued.organization_id,
            scope: issued.scope,
            status,
            created_at,
            expires_at: issued.expires_at,
            last_used_at,
            version: done.version,
        }))
    }
}
