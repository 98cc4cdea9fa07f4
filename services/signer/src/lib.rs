//! The signer: certification authorities, certificate profiles and policies, and the certificates that come of them.
//!
//! | | |
//! |---|---|
//! | commands answered | `submit_certificate_request` `receive_certificate` `mail_csr` `build_csr` `create_ca` `suspend_ca` `resume_ca` `create_profile` `update_profile` `create_policy` `update_policy` |
//! | commands sent | directory's `request_approval`; keystore's `generate_ca_key` `generate_request_key` `sign_certificate` `sign_self_signed` `sign_csr` `sign_built_csr` `sign_ca_certificate` |
//! | events written | `certificate_request.*` `guarded_act.*` `issuance.*` `ca.*` `profile.*` `policy.*` `signer_name.*` |
//! | tables owned | `signer.certificate_request` `ca` `profile` `policy` (read models, seen as `api_signer.*`) |
//!
//! A request, from its arrival to its certificate:
//!
//! | file | says |
//! |---|---|
//! | [`submit`] | the command: judge, record, issue, answer; [`repeat`]: the same command again |
//! | [`select`], [`catalog`] | which profile, policy and CA it is judged by, from memory; [`rules`], [`issuer`]: those, read once |
//! | [`certificate_request`], [`applicant`], [`names`] | what is refused, all at once |
//! | [`managed_key`] | the managed key that a request names; which keys are refused because others know them |
//! | [`subject`], [`organizations`] | what the organization's values change of the subject |
//! | [`draft`], [`throwaway`] | the bytes that will be signed, judged before they are |
//! | [`issue`] | keystore's signature, the last checks, the certificate in the log |
//! | [`finisher`] | what was left open by a crash |
//! | [`approval`], [`hold`] | what has to be approved first, and how it waits; also CAs, profiles and policies |
//! | [`guarded_acts`], [`proceed`], [`guarded_act`] | the process that asks for approvals and goes on once they are granted |
//! | [`build_csr`] | CSRs without a request |
//! | [`manual`], [`answer`], [`outside`] | requests for a CA outside: the CSR, what the CA answers, what completes it later |
//!
//! What it stands on:
//!
//! | file | says |
//! |---|---|
//! | [`create_ca`], [`ca_plan`], [`suspend_ca`], [`ca`] | certification authorities |
//! | [`micro_ca`] | what every organization starts with |
//! | [`profiles`], [`profile`], [`policies`], [`policy`] | profiles and policies: handlers and aggregates |
//! | [`expiry`] | CAs that are about to end |
//! | [`fields`], [`log`], [`view`], [`projection`], [`metrics`] | checks; reading back; what users and operators see |

pub mod answer;
pub mod applicant;
pub mod approval;
pub mod build_csr;
pub mod ca;
pub mod ca_plan;
pub mod catalog;
pub mod certificate_request;
pub mod create_ca;
pub mod draft;
pub mod expiry;
pub mod fields;
pub mod finisher;
pub mod guarded_act;
pub mod guarded_acts;
pub mod hold;
pub mod issue;
pub mod issuer;
pub mod log;
pub mod managed_key;
pub mod manual;
pub mod metrics;
pub mod micro_ca;
pub mod names;
pub mod organizations;
pub mod outside;
pub mod policies;
pub mod policy;
pub mod proceed;
pub mod profile;
pub mod profiles;
pub mod projection;
pub mod repeat;
pub mod rules;
pub mod select;
pub mod signer;
pub mod subject;
pub mod submit;
pub mod suspend_ca;
pub mod throwaway;
pub mod view;

use std::{sync::Arc, time::Duration};

use bus::BusError;
use contracts::signer::{
    BuildCsr, CreateCa, CreatePolicy, CreateProfile, MailCsr, ReceiveCertificate, ResumeCa,
    SubmitCertificateRequest, SuspendCa, UpdatePolicy, UpdateProfile,
};
use runtime::{error::words, service::ServiceContext};

use crate::signer::Signer;

/// Tables beside the read models: none.
pub const MIGRATIONS: &[&str] = &[];

/// Pause before the next try.
const PAUSE: Duration = Duration::from_millis(500);

runtime::projections!(
    contracts::Service::Signer,
    [projection::requests::Requests, projection::catalog::Catalog]
);

/// Starts the service. What is missing for now (PostgreSQL, NATS, keystore) shows in the health and is waited for.
///
/// Errors: NATS does not let it answer its commands.
pub async fn start(context: ServiceContext) -> Result<(), BusError> {
    let signer = Signer::start(&context);
    start_projections(&context);
    finisher::start(&context, signer.clone());
    guarded_acts::start(&context, signer.clone());
    expiry::start(&context, signer.clone());
    outside::start(&context, signer.clone());
    context.shutdown.spawn_droppable(furnish_first(context.clone(), signer.clone()));
    serve(&context, signer).await
}

async fn serve(context: &ServiceContext, signer: Arc<Signer>) -> Result<(), BusError> {
    macro_rules! serve {
        ($($command:ty => $method:ident),* $(,)?) => {$(
            let own = signer.clone();
            context
                .bus
                .serve::<$command, _, _, _>(move |context, command| {
                    let signer = own.clone();
                    async move { signer.$method(context, command).await }
                })
                .await?;
        )*};
    }
    serve! {
        SubmitCertificateRequest => submit,
        ReceiveCertificate => receive_certificate,
        MailCsr => mail_csr,
        BuildCsr => build_csr,
        CreateCa => create_ca,
        SuspendCa => suspend_ca,
        ResumeCa => resume_ca,
        CreateProfile => create_profile,
        UpdateProfile => update_profile,
        CreatePolicy => create_policy,
        UpdatePolicy => update_policy,
    }
    Ok(())
}

/// Gives the first organization its Micro CA, policy and profile as soon as there is one and keystore answers.
async fn furnish_first(context: ServiceContext, signer: Arc<Signer>) {
    let health = context.health.register("micro-ca");
    loop {
        if let Some(organization) = signer.catalog.read(catalog::Catalog::first_organization) {
            match signer.furnish(organization).await {
                Ok(()) => return health.set_ready(),
                // People open the keystore, and reach it without this.
                Err(problem) if problem.code == contracts::Code::KeystoreSealed => {
                    health.set_waiting(words(&problem))
                }
                Err(problem) => health.set_failing(words(&problem)),
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
