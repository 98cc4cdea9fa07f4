//! Client certificates: bound to an administrator and taken away again.

use bus::{Answer, Context, Reply};
use contracts::{
    AdministratorId, Code, Problem, Thumbprint, Timestamp,
    directory::{
        AdministratorCertificateBound, AdministratorCertificateUnbound, BindCertificate,
        BoundCertificateView, CertificateMark, RecordCertificateUse, ShownCertificate, SignInFailure,
        UnbindCertificate, UnboundCertificateView,
    },
};
use runtime::config::ClientCertificates as Mode;

use super::{Handlers, within};
use crate::administrator::AdministratorCommand;

impl Handlers {
    /// Lets an administrator sign in with a certificate.
    pub async fn bind_certificate(
        &self,
        context: &Context,
        command: BindCertificate,
    ) -> Result<Answer<BoundCertificateView>, Problem> {
        let BindCertificate { administrator, certificate, sha1, not_after } = command;
        // One at a time, so that a certificate has one owner.
        let _turn = self.one_at_a_time().await?;
        let seen = self.seen::<BindCertificate>(context, administrator).await?;
        // Whoever binds a certificate could become that person.
        self.may_give(&seen.caller, &seen.principal, seen.grants.clone())?;
        let marks = [Some(certificate), sha1.map(CertificateMark::Sha1)];
        let mut owners =
            marks.into_iter().flatten().filter_map(|mark| self.authority.certificate_bound_to(mark));
        if owners.any(|owner| owner != administrator) {
            let words = "the certificate is bound to another administrator";
            return Err(Problem::new(Code::AlreadyExists, words));
        }
        let (sha256, sha1) = match certificate {
            CertificateMark::Sha256(hash) => (Some(hash), sha1),
            CertificateMark::Sha1(hash) => (None, Some(hash)),
        };
        let bind =
            AdministratorCommand::BindCertificate(AdministratorCertificateBound { sha256, sha1, not_after });
        let done = self.administrators.execute(&seen.context, administrator.uuid(), bind).await?;
        let bound = done.state.certificate(certificate).cloned();
        let view = BoundCertificateView {
            id: certificate,
            sha1: bound.as_ref().and_then(|bound| bound.sha1),
            not_after: bound.and_then(|bound| bound.not_after),
            bound_at: self.bound_at(administrator, certificate),
        };
        Ok(done.answer(|_| view))
    }

    /// Lets an administrator no longer sign in with a certificate.
    pub async fn unbind_certificate(
        &self,
        context: &Context,
        command: UnbindCertificate,
    ) -> Result<Answer<UnboundCertificateView>, Problem> {
        let UnbindCertificate { administrator, certificate, reason } = command;
        let _turn = self.one_at_a_time().await?;
        let seen = self.seen::<UnbindCertificate>(context, administrator).await?;
        self.may_give(&seen.caller, &seen.principal, seen.grants.clone())?;
        let unbound = AdministratorCertificateUnbound { certificate, reason };
        let unbind = AdministratorCommand::UnbindCertificate(unbound);
        let done = self.administrators.execute(&seen.context, administrator.uuid(), unbind).await?;
        Ok(done.answer(|_| UnboundCertificateView { id: certificate }))
    }

    /// Keeps the thumbprint of a certificate of which only the SHA-1 is bound.
    pub async fn record_certificate_use(
        &self,
        context: &Context,
        command: RecordCertificateUse,
    ) -> Result<Answer<()>, Problem> {
        self.authority.admit::<RecordCertificateUse>(context).await?;
        let shown = command.certificate;
        let _turn = self.one_at_a_time().await?;
        let owner = self.authority.certificate_owner(CertificateMark::Sha1(shown.sha1));
        let taken = self.authority.certificate_owner(CertificateMark::Sha256(shown.sha256));
        // Nothing waits for it any more, or it is known already.
        let (Some(owner), None) = (owner, taken) else { return Ok(Answer::Done(Reply::nothing(()))) };
        let snapshot = self.administrators.reload(owner.uuid()).await?;
        let tenant = snapshot.tenant.ok_or_else(|| Problem::not_found("administrator", owner))?;
        let used = AdministratorCommand::UseCertificate(shown);
        let done = self.administrators.execute(&within(context, tenant), owner.uuid(), used).await?;
        Ok(done.answer(|_| ()))
    }

    /// The certificate that somebody has to show on top of a password, where that is required.
    pub(super) fn on_top(
        &self,
        administrator: Option<AdministratorId>,
        shown: Option<&ShownCertificate>,
    ) -> Result<Option<Thumbprint>, SignInFailure> {
        if self.auth.client_certificates != Mode::Required {
            return Ok(None);
        }
        let shown = shown.ok_or(SignInFailure::CertificateRefused)?;
        let owner = shown.marks().into_iter().find_map(|mark| self.authority.certificate_owner(mark));
        if owner.is_some() && owner == administrator {
            Ok(Some(shown.sha256))
        } else {
            Err(SignInFailure::NotBound)
        }
    }

    fn bound_at(&self, administrator: AdministratorId, certificate: CertificateMark) -> Timestamp {
        let known = self.authority.certificates_of(administrator);
        let known = known.into_iter().find(|view| view.id == certificate);
        known.map_or_else(|| self.clock.now(), |view| view.bound_at)
    }
}
