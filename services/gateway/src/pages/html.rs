//! What the pages say.

use contracts::{Code, Problem};
use http::{HeaderValue, StatusCode, header};

use super::provider::Offered;
use crate::{answer::Answer, docs::escaped};

/// What whoever forgot their password reads.
pub const FORGOTTEN: &str = "<h1>Mail is on its way</h1><p>If there is somebody of this name whose e-mail address is known, \
    a link to set a new password is on its way. It works once, for a day.</p><p><a href=\"/sign-in\">Sign in</a></p>";
/// What whoever set a password reads.
pub const PASSWORD_SET: &str =
    "<h1>Your password counts</h1><p>The link is used up.</p><p><a href=\"/sign-in\">Sign in</a></p>";

/// What a form sent.
#[derive(Debug)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`. Errors: `malformed_request`.
    pub fn read(body: &[u8]) -> Result<Self, Problem> {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let longest = contracts::SecretText::LIMIT;
        if pairs.len() > 10 || pairs.iter().any(|(_, value)| value.len() > longest || value.contains('\0')) {
            return Err(Problem::new(Code::MalformedRequest, "this is not what the page's form sends"));
        }
        Ok(Self(pairs))
    }

    /// A field; empty where it is missing.
    #[must_use]
    pub fn get(&self, name: &str) -> String {
        self.0.iter().find(|(known, _)| known == name).map_or_else(String::new, |(_, value)| value.clone())
    }
}

/// A page: no script, no frame, nothing from elsewhere.
pub fn page(status: StatusCode, title: &str, content: &str) -> Answer {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{} · Chancery</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"stylesheet\" href=\"/docs/style.css\">\
         </head><body><main>{content}</main></body></html>\n",
        escaped(title)
    );
    let policy =
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    Answer::new(status, "text/html; charset=utf-8", html)
        .with(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy))
        // So that browsers name the origin of the form; other sites still learn nothing.
        .with(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"))
}

/// Sends a browser on to a provider, which learns nothing of where it comes from.
pub fn sent_to(url: &str) -> Answer {
    Answer::new(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "")
        .located(url)
        .with(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
}

/// What whoever came from an identity provider reads who is not let in.
pub fn shut_out(code: &str, message: &str, support: Option<&str>) -> String {
    format!(
        "<h1>You are not signed in</h1>{}<p>If you ask for help, say: <code>{}</code></p>\
         <p><a href=\"/sign-in\">Sign in</a></p>{}",
        alert(message),
        escaped(code),
        help(support)
    )
}

/// The form to sign in with.
pub fn sign_in(
    organization: &str,
    message: &str,
    token: &str,
    offered: &[Offered],
    support: Option<&str>,
) -> String {
    let (at, action) = match organization {
        "" => (String::new(), "/sign-in".to_owned()),
        name => (format!(" to {}", escaped(name)), format!("/sign-in/{}", escaped(name))),
    };
    let link = |one: &Offered| {
        format!("<p><a href=\"{}\" rel=\"nofollow\">Sign in with {}</a></p>", one.path(), escaped(&one.name))
    };
    let (links, support) = (offered.iter().map(link).collect::<String>(), help(support));
    format!(
        "<h1>Sign in{at}</h1>{}{links}<form method=\"post\" action=\"{action}\">{}\
         <p><label>Name<br><input name=\"name\" autocomplete=\"username\" required autofocus></label></p>\
         <p><label>Password<br><input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label></p>\
         <p><label>Code, if you have a second factor<br>\
         <input name=\"code\" autocomplete=\"one-time-code\"></label></p>\
         <p><button>Sign in</button></p></form>\
         <details><summary>Password forgotten</summary><form method=\"post\" action=\"/sign-in/forgotten\">{}\
         <p><label>Name<br><input name=\"name\" autocomplete=\"username\" required></label></p>\
         <p><button>Send a link to set a new one</button></p></form></details>{support}",
        alert(message),
        hidden(token),
        hidden(token),
    )
}

/// The form to set a password with.
pub fn link(message: &str, token: &str) -> String {
    format!(
        "<h1>Set your password</h1>{}<p>At least 12 characters; a few unrelated words are good. This link works once.</p>\
         <form method=\"post\">{}\
         <p><label>New password<br><input name=\"password\" type=\"password\" autocomplete=\"new-password\" \
         minlength=\"12\" required autofocus></label></p>\
         <p><label>Once more<br><input name=\"repeated\" type=\"password\" autocomplete=\"new-password\" required></label></p>\
         <p><button>Set the password</button></p></form>",
        alert(message),
        hidden(token),
    )
}

/// The form to confirm a domain with.
pub fn confirm(message: &str, token: &str) -> String {
    format!(
        "<h1>Confirm a domain</h1>{}<p>The mail with this link names an organization and a domain. Whoever controls the domain \
         confirms here that the organization may get certificates for it; nobody else should.</p>\
         <form method=\"post\">{}<p><button>Confirm</button></p></form>",
        alert(message),
        hidden(token),
    )
}

/// What whoever confirmed a domain reads.
pub fn confirmed(domain: &str, until: &str) -> String {
    let (domain, until) = (escaped(domain), escaped(until));
    format!("<h1>{domain} is confirmed</h1><p>Until {until}. The link is used up.</p>")
}

/// Who is signed in.
pub fn signed_in(name: &str, token: &str) -> String {
    format!(
        "<h1>Signed in as {}</h1><p><a href=\"/api/v1/me/profile\">My profile</a> · <a href=\"/docs/api\">The API</a></p>\
         <form method=\"post\" action=\"/sign-out\">{}<p><button>Sign out</button></p></form>",
        escaped(name),
        hidden(token),
    )
}

fn help(support: Option<&str>) -> String {
    support.map_or_else(String::new, |url| {
        format!("<p><a href=\"{}\" rel=\"noreferrer\">Help with signing in</a></p>", escaped(url))
    })
}

fn hidden(token: &str) -> String {
    format!("<input type=\"hidden\" name=\"token\" value=\"{}\">", escaped(token))
}

fn alert(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!("<p role=\"alert\">{}</p>", escaped(message)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_send_is_shown_as_text() {
        let strange = "\"><script>alert(1)</script>";
        let offered =
            [Offered { id: contracts::IdentityProviderId(uuid::Uuid::nil()), name: strange.into() }];
        let shown = [
            sign_in(strange, strange, "00", &offered, Some(strange)),
            link(strange, "00"),
            confirm(strange, "00"),
            confirmed(strange, strange),
            signed_in(strange, "00"),
            shut_out(strange, strange, Some(strange)),
        ];
        for html in shown {
            assert!(!html.contains("<script") && !html.contains(strange), "{html}");
        }
    }

    #[test]
    fn a_form_is_read_within_limits() {
        let form = Form::read(b"name=alice+b&password=%C3%BC").unwrap();
        assert_eq!(
            (form.get("name"), form.get("password"), form.get("code")),
            ("alice b".into(), "ü".into(), String::new())
        );
        assert!(Form::read(format!("name={}", "x".repeat(2_000)).as_bytes()).is_err());
        assert!(Form::read(b"name=%00").is_err());
    }
}
