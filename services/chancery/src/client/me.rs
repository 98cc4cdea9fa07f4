//! `chancery me …`: who you are.

use clap::Subcommand;
use http::Method;
use serde_json::json;

use super::{
    api::Api,
    failure::Failure,
    listing::{change, read_input, show},
    org::given,
    output::Column,
};

const PROFILE: &[Column] = &[
    Column("NAME", "/name", false),
    Column("DISPLAY NAME", "/displayName", false),
    Column("E-MAIL", "/email", false),
    Column("PASSWORD", "/hasPassword", false),
    Column("SECOND FACTOR", "/hasSecondFactor", false),
];

/// `chancery me …`
#[derive(Subcommand, Debug)]
pub enum Me {
    /// Show your profile
    Show,
    /// Change your profile
    Update {
        /// What people call you
        #[arg(long)]
        display_name: Option<String>,
        /// Where mail reaches you
        #[arg(long)]
        email: Option<String>,
    },
    /// Change your password: the old and the new one are read from standard input, a line each
    Password,
}

impl Me {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let path = "/api/v1/me/profile";
        match self {
            Self::Show => show(api, path, PROFILE).await,
            Self::Update { display_name, email } => {
                let body = given(&[("displayName", display_name), ("email", email)]);
                change(api, Method::PATCH, path, Some(&body), PROFILE).await
            }
            Self::Password => {
                let input = read_input("-")?;
                let text = String::from_utf8_lossy(&input);
                let mut lines = text.lines();
                let mut line = || lines.next().unwrap_or_default();
                let body = json!({"oldPassword": line(), "newPassword": line()});
                api.change(Method::POST, "/api/v1/me/password", Some(&body)).await.map(drop)
            }
        }
    }
}
