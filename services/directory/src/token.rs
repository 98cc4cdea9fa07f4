//! An API token: narrower than its owner's rights, at most 365 days, revocable at once.

use contracts::{
    Code, Lifetime, Problem, Timestamp, TokenId, Violation,
    directory::{TokenEvent, TokenIssued, TokenRevoked, TokenScope, TokenSuperseded},
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};

use crate::fields;

/// The longest a token may be valid.
pub const LONGEST: Lifetime = Lifetime::days(365);

/// One API token.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Token {
    /// Nothing has happened yet.
    #[default]
    Unissued,
    /// Valid until it expires.
    Active(Box<IssuedToken>),
    /// No longer valid.
    Revoked(Box<IssuedToken>),
}

/// What was issued, and what takes its place.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuedToken {
    /// As it was issued, with the end that it has now.
    pub issued: TokenIssued,
    /// The token that takes its place.
    pub superseded_by: Option<TokenId>,
}

/// What may be asked of a token.
#[derive(Clone, Debug)]
pub enum TokenCommand {
    /// Let it be valid, within what the issuer's own token may do.
    Issue {
        /// The token.
        issued: Box<TokenIssued>,
        /// The limits of the token it is issued with.
        issuer: TokenScope,
    },
    /// End it when its successor has been taken up.
    Supersede(TokenSuperseded),
    /// End it.
    Revoke(TokenRevoked),
}

/// Why a token refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TokenRefusal {
    /// There is none with this id.
    #[error("the token does not exist")]
    NotIssued,
    /// The id is taken. Its text was shown once and cannot be shown again (L-3).
    #[error("the token was issued already; its text was shown once and is not kept")]
    AlreadyIssued,
    /// It was revoked.
    #[error("the token was revoked")]
    Revoked,
    /// Another token takes its place already.
    #[error("the token '{0}' takes its place already")]
    Superseded(TokenId),
    /// Some fields hold what they may not.
    #[error("{} field(s) of the token are not allowed", .0.len())]
    Invalid(Vec<Violation>),
}

impl From<TokenRefusal> for Problem {
    fn from(refusal: TokenRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            TokenRefusal::NotIssued => Self::new(Code::NotFound, detail),
            TokenRefusal::AlreadyIssued => Self::new(Code::AlreadyExists, detail),
            TokenRefusal::Revoked | TokenRefusal::Superseded(_) => Self::new(Code::InvalidState, detail),
            TokenRefusal::Invalid(errors) => Self::new(Code::ValidationFailed, detail).with_errors(errors),
        }
    }
}

impl Aggregate for Token {
    type Command = TokenCommand;
    type Event = TokenEvent;
    type Refusal = TokenRefusal;

    fn decide(&self, command: TokenCommand, now: Timestamp) -> Result<Vec<TokenEvent>, TokenRefusal> {
        match (self, command) {
            (Self::Unissued, TokenCommand::Issue { issued, issuer }) => {
                let errors = check(&issued, &issuer, now);
                if errors.is_empty() {
                    Ok(vec![(*issued).into()])
                } else {
                    Err(TokenRefusal::Invalid(errors))
                }
            }
            (Self::Active(_) | Self::Revoked(_), TokenCommand::Issue { .. }) => {
                Err(TokenRefusal::AlreadyIssued)
            }
            (Self::Unissued, _) => Err(TokenRefusal::NotIssued),
            (Self::Revoked(_), TokenCommand::Supersede(_)) => Err(TokenRefusal::Revoked),
            (Self::Active(token), TokenCommand::Supersede(superseded)) => match token.superseded_by {
                Some(by) if by == superseded.by => Ok(vec![]),
                Some(by) => Err(TokenRefusal::Superseded(by)),
                None => {
                    let expires_at = superseded.expires_at.min(token.issued.expires_at);
                    Ok(vec![TokenSuperseded { expires_at, ..superseded }.into()])
                }
            },
            (Self::Active(_), TokenCommand::Revoke(revoked)) => Ok(vec![revoked.into()]),
            (Self::Revoked(_), TokenCommand::Revoke(_)) => Ok(vec![]),
        }
    }

    fn evolve(self, event: TokenEvent) -> Self {
        match (self, event) {
            (_, TokenEvent::Issued(issued)) => {
                Self::Active(Box::new(IssuedToken { issued, superseded_by: None }))
            }
            (Self::Active(mut token), TokenEvent::Superseded(superseded)) => {
                token.issued.expires_at = superseded.expires_at;
                token.superseded_by = Some(superseded.by);
                Self::Active(token)
            }
            (Self::Active(token) | Self::Revoked(token), _) => Self::Revoked(token),
            (Self::Unissued, _) => Self::Unissued,
        }
    }

    fn describe(&self) -> Value {
        self.issued().map_or(Value::Null, |issued| {
            json!({
                "name": issued.name,
                "scope": issued.scope,
                "expiresAt": issued.expires_at,
                "status": if self.is_revoked() { "revoked" } else { "active" },
            })
        })
    }
}

impl Token {
    /// What was issued, once it was.
    pub fn issued(&self) -> Option<&TokenIssued> {
        self.token().map(|token| &token.issued)
    }

    /// The token that takes its place.
    pub fn superseded_by(&self) -> Option<TokenId> {
        self.token()?.superseded_by
    }

    fn token(&self) -> Option<&IssuedToken> {
        match self {
            Self::Unissued => None,
            Self::Active(token) | Self::Revoked(token) => Some(token),
        }
    }

    /// Whether it was revoked.
    pub fn is_revoked(&self) -> bool {
        matches!(self, Self::Revoked(_))
    }
}

fn check(issued: &TokenIssued, issuer: &TokenScope, now: Timestamp) -> Vec<Violation> {
    let mut errors: Vec<_> = fields::text("#/name", &issued.name, 200).into_iter().collect();
    if issued.expires_at <= now || issued.expires_at > now.plus(LONGEST.duration()) {
        errors.push(Violation::at(
            "#/ttl",
            "ttl_not_allowed",
            format!("a token is valid for 1 second to {LONGEST}"),
        ));
    }
    if issued.hash.len() != 64 || !issued.hash.bytes().all(|b| b.is_ascii_hexdigit()) {
        errors.push(Violation::at("#/hash", "invalid_hash", "expected SHA-256 in hexadecimal"));
    }
    let scope = &issued.scope;
    if issuer.department.is_some() && scope.department != issuer.department {
        let words = "the new token must be for the department of the token that issues it";
        errors.push(Violation::at("#/scope/department", "scope_too_wide", words));
    }
    errors.extend(wider("roles", scope.roles.as_deref(), issuer.roles.as_deref()));
    errors.extend(wider("permissions", scope.permissions.as_deref(), issuer.permissions.as_deref()));
    errors.extend(wider("profiles", scope.profiles.as_deref(), issuer.profiles.as_deref()));
    errors.extend(wider("certificates", scope.certificates.as_deref(), issuer.certificates.as_deref()));
    errors
}

/// Nobody grants more than they hold (Z-1): each limit of the issuer's token binds the new one too.
fn wider<T: PartialEq + std::fmt::Display>(
    limit: &str,
    wanted: Option<&[T]>,
    held: Option<&[T]>,
) -> Option<Violation> {
    let held = held?;
    let within = wanted.is_some_and(|wanted| wanted.iter().all(|item| held.contains(item)));
    (!within).then(|| {
        Violation::at(
            format!("#/scope/{limit}"),
            "scope_too_wide",
            format!("the {limit} of the new token must be among those of the token that issues it"),
        )
        .allowing(held.iter().map(ToString::to_string))
    })
}

#[cfg(test)]
mod tests {
    use contracts::{AdministratorId, OrganizationId, Permission};
    use runtime::aggregate::test::given;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn issued(days: i64, scope: TokenScope) -> TokenIssued {
        TokenIssued {
            id: TokenId(Uuid::from_u128(4)),
            name: "ci".into(),
            administrator_id: AdministratorId(Uuid::from_u128(3)),
            organization_id: OrganizationId(Uuid::from_u128(1)),
            all_organizations: false,
            hash: "0".repeat(64),
            scope,
            within: None,
            expires_at: NOON.plus(Lifetime::days(days).duration()),
        }
    }

    fn issue(days: i64, scope: TokenScope, issuer: TokenScope) -> TokenCommand {
        TokenCommand::Issue { issued: Box::new(issued(days, scope)), issuer }
    }

    fn only(permissions: &[Permission]) -> TokenScope {
        TokenScope { permissions: Some(permissions.to_vec()), ..TokenScope::default() }
    }

    fn refused_codes(command: TokenCommand) -> Vec<String> {
        match Token::Unissued.decide(command, NOON) {
            Err(TokenRefusal::Invalid(errors)) => errors.into_iter().map(|error| error.code).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_lives_at_most_a_year() {
        given::<Token>([])
            .when(issue(365, TokenScope::default(), TokenScope::default()), NOON)
            .then([issued(365, TokenScope::default()).into()]);
        for days in [366, 0, -1] {
            assert_eq!(
                refused_codes(issue(days, TokenScope::default(), TokenScope::default())),
                ["ttl_not_allowed"]
            );
        }
    }

    #[test]
    fn nobody_grants_more_than_they_hold() {
        let held = only(&[Permission::RequestCreate, Permission::CertificateRead]);
        let narrower = only(&[Permission::CertificateRead]);
        given::<Token>([])
            .when(issue(1, narrower.clone(), held.clone()), NOON)
            .then([issued(1, narrower).into()]);
        for wider in [TokenScope::default(), only(&[Permission::CaCreate])] {
            assert_eq!(refused_codes(issue(1, wider, held.clone())), ["scope_too_wide"]);
        }
    }

    #[test]
    fn a_token_is_issued_once_and_revoked_for_good() {
        let event = TokenEvent::from(issued(1, TokenScope::default()));
        let again = issue(1, TokenScope::default(), TokenScope::default());
        given::<Token>([event.clone()]).when(again, NOON).refused(TokenRefusal::AlreadyIssued);
        let revoked = TokenRevoked { reason: None };
        given::<Token>([event.clone()])
            .when(TokenCommand::Revoke(revoked.clone()), NOON)
            .then([revoked.clone().into()])
            .when(TokenCommand::Revoke(revoked.clone()), NOON)
            .changes_nothing();
        given::<Token>([]).when(TokenCommand::Revoke(revoked), NOON).refused(TokenRefusal::NotIssued);
    }

    #[test]
    fn the_old_token_of_a_rotation_ends_when_the_overlap_is_over() {
        let event = || TokenEvent::from(issued(90, TokenScope::default()));
        let (next, other) = (TokenId(Uuid::from_u128(5)), TokenId(Uuid::from_u128(6)));
        let until = |by, days| TokenSuperseded { by, expires_at: NOON.plus(Lifetime::days(days).duration()) };
        given::<Token>([event()])
            .when(TokenCommand::Supersede(until(next, 7)), NOON)
            .then([until(next, 7).into()])
            .when(TokenCommand::Supersede(until(next, 7)), NOON)
            .changes_nothing();
        given::<Token>([event()])
            .when(TokenCommand::Supersede(until(next, 100)), NOON)
            .then([until(next, 90).into()]); // never longer than it was issued for
        given::<Token>([event(), until(next, 7).into()])
            .when(TokenCommand::Supersede(until(other, 7)), NOON)
            .refused(TokenRefusal::Superseded(next));
        given::<Token>([event(), TokenRevoked { reason: None }.into()])
            .when(TokenCommand::Supersede(until(next, 7)), NOON)
            .refused(TokenRefusal::Revoked);
    }
}
