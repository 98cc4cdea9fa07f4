//! The signature under an administrator's command: only the gateway knows who is signed in, so only its word counts.
//!
//! It is an Ed25519 signature by the gateway's nkey over everything that gives the command its meaning. A service that
//! may send commands of its own can therefore neither act as a person nor reuse what a person sent (T4).

use contracts::Actor;
use nkeys::KeyPair;
use sha2::{Digest, Sha256};

use crate::{Context, User};

/// What one connection can do about signatures.
pub(crate) struct Signatures {
    /// The gateway's own key, on its own connection.
    own: Option<KeyPair>,
    /// The public half of the gateway's key.
    gateway: Option<KeyPair>,
}

impl Signatures {
    /// Of a connection of this user with this seed. Errors: what is no nkey.
    pub fn new(user: User, seed: &str, gateway: Option<&str>) -> Result<Self, nkeys::error::Error> {
        let own = KeyPair::from_seed(seed)?;
        let gateway = gateway.map(KeyPair::from_public_key).transpose()?;
        Ok(Self { own: (user == contracts::Service::Gateway.into()).then_some(own), gateway })
    }

    /// The signature that a command needs; services that act on their own account need none.
    pub fn sign(&self, subject: &str, context: &Context, body: &[u8]) -> Option<String> {
        let (Actor::Administrator { .. }, Some(own)) = (context.actor, &self.own) else { return None };
        own.sign(&signed(subject, context, body)).ok().map(hex::encode)
    }

    /// Whether the gateway signed this.
    pub fn holds(&self, subject: &str, context: &Context, body: &[u8], signature: Option<&str>) -> bool {
        let Actor::Administrator { .. } = context.actor else { return true };
        let (Some(gateway), Some(signature)) = (&self.gateway, signature) else { return false };
        hex::decode(signature)
            .is_ok_and(|bytes| gateway.verify(&signed(subject, context, body), &bytes).is_ok())
    }
}

/// What is signed: one line each, none of which can hold a line end, and the body by its hash.
fn signed(subject: &str, context: &Context, body: &[u8]) -> Vec<u8> {
    let Context { command_id, tenant, actor, deadline, correlation, causation, if_version, dry_run, .. } =
        context;
    let milliseconds = deadline.0.unix_timestamp_nanos() / 1_000_000;
    let (tenant, body) = (tenant.uuid(), hex::encode(Sha256::digest(body)));
    format!(
        "chancery actor v1\n{subject}\n{command_id}\n{tenant}\n{actor}\n{milliseconds}\n{correlation}\n{causation}\n\
         {if_version:?}\n{dry_run}\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use contracts::{AdministratorId, OrganizationId, Service, Timestamp, TokenId};
    use uuid::Uuid;

    use super::*;
    use crate::permissions::{public_key, seed_from};

    const SUBJECT: &str = "cmd.signer.v1.create_ca";

    fn context() -> Context {
        let id = Uuid::from_u128;
        let actor =
            Actor::Administrator { administrator: AdministratorId(id(1)), credential: TokenId(id(2)).into() };
        Context::new(id(3), OrganizationId(id(4)), actor, Timestamp::from_unix(1_790_000_000))
    }

    fn signatures(user: Service, gateway: u8) -> Signatures {
        let own = seed_from([if user == Service::Gateway { 7 } else { 8 }; 32]).unwrap();
        let gateway = public_key(&seed_from([gateway; 32]).unwrap()).unwrap();
        Signatures::new(user.into(), &own, Some(&gateway)).unwrap()
    }

    #[test]
    fn what_the_gateway_signed_holds_as_it_is_and_no_other_way() {
        let signer = signatures(Service::Signer, 7);
        let signature = signatures(Service::Gateway, 7).sign(SUBJECT, &context(), b"{}");
        let holds = |subject: &str, context: &Context, body: &[u8]| {
            signer.holds(subject, context, body, signature.as_deref())
        };
        assert!(holds(SUBJECT, &context(), b"{}"));
        assert!(!holds("cmd.signer.v1.suspend_ca", &context(), b"{}"), "another command");
        assert!(!holds(SUBJECT, &context(), b"{ }"), "another body");
        let other = |change: fn(&mut Context)| {
            let mut other = context();
            change(&mut other);
            other
        };
        for (words, changed) in [
            ("id", other(|it| it.command_id = Uuid::from_u128(9))),
            ("organization", other(|it| it.tenant = OrganizationId(Uuid::from_u128(9)))),
            ("deadline", other(|it| it.deadline = Timestamp::from_unix(1_790_000_001))),
            ("version", other(|it| it.if_version = Some(1))),
            ("dry run", other(|it| it.dry_run = true)),
            (
                "administrator",
                other(|it| {
                    let Actor::Administrator { credential, .. } = it.actor else { return };
                    it.actor = Actor::Administrator {
                        administrator: AdministratorId(Uuid::from_u128(9)),
                        credential,
                    };
                }),
            ),
        ] {
            assert!(!holds(SUBJECT, &changed, b"{}"), "another {words}");
        }
    }

    #[test]
    fn nobody_else_speaks_for_a_person() {
        let signer = signatures(Service::Signer, 7);
        assert_eq!(signatures(Service::Directory, 7).sign(SUBJECT, &context(), b"{}"), None);
        assert!(!signer.holds(SUBJECT, &context(), b"{}", None));
        assert!(!signer.holds(SUBJECT, &context(), b"{}", Some("not a signature")));
        let foreign = signatures(Service::Gateway, 7).sign(SUBJECT, &context(), b"{}");
        assert!(!signatures(Service::Signer, 9).holds(SUBJECT, &context(), b"{}", foreign.as_deref()));
    }

    #[test]
    fn a_service_needs_no_signature_for_itself() {
        let itself = Context { actor: Actor::Service(Service::Signer), ..context() };
        assert!(signatures(Service::Keystore, 7).holds(SUBJECT, &itself, b"{}", None));
    }
}
