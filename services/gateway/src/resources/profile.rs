//! `/me/…`: what somebody sees and changes of themselves: profile, password, second factor.

use contracts::{
    Code, Credential, Problem, SecretText,
    directory::{
        ChangePassword, ConfirmSecondFactor, EnrolSecondFactor, EnrolledSecondFactor, ProfileView,
        RecoveryCodes, RemoveSecondFactor, ShowProfile, UpdateProfile,
    },
};
use http::{StatusCode, header};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::sessions::drawn;
use crate::{answer::Answer, call::Call, cookie, operation::Operation};

/// A change of one's own password.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PasswordChange {
    /// The password now.
    old_password: SecretText,
    /// The new password: at least 12 characters, and none of those that are tried first.
    new_password: SecretText,
}

/// A code of an authenticator.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Confirmation {
    /// The six digits that it shows.
    code: SecretText,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let profile = json!({"name": "alice", "displayName": "Alice Example", "email": "alice@example.com",
        "hasPassword": true, "hasSecondFactor": false});
    let enrolled = json!({"secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        "url": "otpauth://totp/Chancery%20%28pki.example.com%29:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Chancery"});
    let operations =
        vec![
        Operation::get(
            "/api/v1/me/profile",
            "getMyProfile",
            "Show who is signed in: names, address, how they sign in",
        )
        .signed_in()
        .answers::<ProfileView>(StatusCode::OK, "The caller.", profile.clone())
        .problem(Code::CommandTimeout)
        .handled_by(show),
        Operation::patch(
            "/api/v1/me/profile",
            "updateMyProfile",
            "Change one's own name for display or e-mail address",
        )
        .signed_in()
        .takes::<UpdateProfile>(json!({"displayName": "Alice Example"}))
        .answers::<ProfileView>(StatusCode::OK, "The caller as they are now.", profile)
        .handled_by(update),
        Operation::post(
            "/api/v1/me/password",
            "changeMyPassword",
            "Change one's own password; every other session of one's own ends",
        )
        .signed_in()
        .at_the_door()
        .takes::<PasswordChange>(
            json!({"oldPassword": "plum tractor sails north", "newPassword": "violet engine hums softly"}),
        )
        .answers::<Value>(
            StatusCode::OK,
            "The new password counts; a session gets another cookie.",
            json!({}),
        )
        .problems(&[Code::SignInLocked, Code::InvalidState, Code::CommandTimeout])
        .handled_by(change_password),
        Operation::post(
            "/api/v1/me/mfa/totp",
            "enrolMyTotp",
            "Begin to set up one-time passwords; the seed is shown this once",
        )
        .signed_in().step_up()
        .at_the_door()
        .answers::<EnrolledSecondFactor>(
            StatusCode::CREATED,
            "The seed. It counts once a code of it was confirmed.",
            enrolled,
        )
        .problems(&[Code::StepUpRequired, Code::InvalidState, Code::CommandTimeout])
        .handled_by(enrol),
        Operation::post(
            "/api/v1/me/mfa/totp/confirm",
            "confirmMyTotp",
            "Prove that an authenticator holds the seed; recovery codes are shown this once",
        )
        .signed_in().step_up()
        .at_the_door()
        .takes::<Confirmation>(json!({"code": "123456"}))
        .answers::<RecoveryCodes>(
            StatusCode::OK,
            "Signing in needs a code from here on.",
            json!({"recoveryCodes": ["abcd-efgh-ijkl-mnop"]}),
        )
        .problems(&[Code::StepUpRequired, Code::SignInLocked, Code::InvalidState, Code::CommandTimeout])
        .handled_by(confirm),
        Operation::delete("/api/v1/me/mfa/totp", "removeMyTotp", "Take one's own second factor away")
            .signed_in().step_up()
            .answers::<Value>(StatusCode::OK, "Signing in needs no code any more.", json!({}))
            .problems(&[Code::StepUpRequired, Code::InvalidState])
            .handled_by(remove),
    ];
    operations.into_iter().map(|operation| operation.tagged("Sign-in")).collect()
}

async fn show(call: Call) -> Result<Answer, Problem> {
    call.send(ShowProfile {}, |profile, _| Answer::json(StatusCode::OK, &profile)).await
}

async fn update(call: Call) -> Result<Answer, Problem> {
    let command: UpdateProfile = call.json()?;
    call.send(command, |profile, _| Answer::json(StatusCode::OK, &profile)).await
}

async fn change_password(call: Call) -> Result<Answer, Problem> {
    let PasswordChange { old_password, new_password } = call.json()?;
    let text = match call.caller()?.credential {
        Credential::Session(session) => Some(drawn(&call, Some(session))),
        _ => None,
    };
    let command = ChangePassword {
        hash: text.as_ref().map(|text| hex::encode(text.hash())),
        old_password,
        new_password,
        address: call.address.map(|address| address.to_string()),
    };
    call.send(command, |(), _| {
        let Some(text) = &text else { return Answer::json(StatusCode::OK, &json!({})) };
        Ok(Answer::json(StatusCode::OK, &json!({"csrfToken": text.csrf_token()}))?
            .with(header::SET_COOKIE, cookie::set(cookie::SESSION, &text.reveal())))
    })
    .await
}

async fn enrol(call: Call) -> Result<Answer, Problem> {
    call.send(EnrolSecondFactor {}, |enrolled, _| Answer::json(StatusCode::CREATED, &enrolled)).await
}

async fn confirm(call: Call) -> Result<Answer, Problem> {
    let Confirmation { code } = call.json()?;
    call.send(ConfirmSecondFactor { code }, |codes, _| Answer::json(StatusCode::OK, &codes)).await
}

async fn remove(call: Call) -> Result<Answer, Problem> {
    call.send(RemoveSecondFactor {}, |(), _| Answer::json(StatusCode::OK, &json!({}))).await
}
