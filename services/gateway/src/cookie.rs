//! The session's cookie, and how requests of our own pages are told from those of others.

use contracts::{Code, Problem, session::SessionText};
use http::{HeaderMap, HeaderValue, Method, header};
use subtle::ConstantTimeEq as _;

/// Its name: browsers take it only over HTTPS, for this host and every path.
pub const SESSION: &str = "__Host-chancery-session";
/// The header that repeats what only our own pages know.
pub const CSRF: &str = "x-csrf-token";

/// The value of a cookie; of one that is sent twice, nothing is believed.
#[must_use]
pub fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = lines.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    });
    let first = found.next();
    found.next().is_none().then_some(first).flatten()
}

/// The session whose cookie was sent.
#[must_use]
pub fn session(headers: &HeaderMap) -> Option<SessionText> {
    SessionText::parse(value(headers, SESSION)?)
}

/// The header that sets a cookie until the browser ends; our servers say when it counts.
#[must_use]
pub fn set(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax")
}

/// The header that sets a cookie for so many seconds.
#[must_use]
pub fn set_for(name: &str, value: &str, seconds: u32) -> String {
    format!("{}; Max-Age={seconds}", set(name, value))
}

/// The header that takes a cookie away.
#[must_use]
pub fn cleared(name: &str) -> String {
    format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

/// Whether a request that changes something and has nothing but a cookie to show comes from our own pages: it names their
/// origin, and repeats what only they know. Errors: `cross_site_request`.
pub fn check_own_page(
    method: &Method,
    headers: &HeaderMap,
    origin: &str,
    session: &SessionText,
) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    if headers.get(header::ORIGIN).is_none_or(|sent| sent != origin) {
        let words = format!("a request by cookie comes from the origin {origin}, and says so in 'Origin'");
        return Err(Problem::new(Code::CrossSiteRequest, words));
    }
    let sent = headers.get(CSRF).map_or(&b""[..], HeaderValue::as_bytes);
    check_token(sent, session.csrf_token().as_bytes())
}

/// Whether a request is not known to come from another site's page. Errors: `cross_site_request`.
pub fn check_not_foreign(headers: &HeaderMap, origin: &str) -> Result<(), Problem> {
    let foreign = headers.get(header::ORIGIN).is_some_and(|sent| sent != origin)
        || headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site");
    if foreign {
        let words = format!("this is only for pages of the origin {origin}, or for what is no page");
        return Err(Problem::new(Code::CrossSiteRequest, words));
    }
    Ok(())
}

/// Whether what was repeated is what was given out. Errors: `cross_site_request`.
pub fn check_token(sent: &[u8], expected: &[u8]) -> Result<(), Problem> {
    if bool::from(sent.ct_eq(expected)) {
        return Ok(());
    }
    let words = "a request by cookie repeats the session's token in 'X-CSRF-Token'; GET /api/v1/sessions/current tells it";
    Err(Problem::new(Code::CrossSiteRequest, words))
}

#[cfg(test)]
mod tests {
    use contracts::SessionId;
    use uuid::Uuid;

    use super::*;

    const OURS: &str = "https://pki.example.com";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn text() -> SessionText {
        SessionText::new(SessionId(Uuid::from_u128(1)), [1; 32])
    }

    #[test]
    fn a_cookie_is_found_among_others_and_not_believed_twice() {
        let ours = format!("a=b; {SESSION}={}; c=d", text().reveal());
        assert_eq!(session(&headers(&[("cookie", &ours)])).map(|found| found.id), Some(text().id));
        assert!(session(&headers(&[("cookie", &ours), ("cookie", &ours)])).is_none());
        assert!(session(&headers(&[("cookie", "chancery-session=x")])).is_none());
    }

    #[test]
    fn what_changes_something_needs_origin_and_token() {
        let token = text().csrf_token();
        let other = SessionText::new(text().id, [2; 32]).csrf_token();
        for (sent, allowed) in [
            (vec![("origin", OURS), (CSRF, token.as_str())], true),
            (vec![("origin", OURS)], false),
            (vec![("origin", OURS), (CSRF, &other)], false),
            (vec![(CSRF, &token)], false),
            (vec![("origin", "https://evil.example"), (CSRF, &token)], false),
            (vec![("origin", "null"), (CSRF, &token)], false),
            (vec![("origin", "https://pki.example.com.evil.example"), (CSRF, &token)], false),
        ] {
            let judged = check_own_page(&Method::POST, &headers(&sent), OURS, &text());
            assert_eq!(judged.is_ok(), allowed, "{sent:?}");
        }
        assert_eq!(check_own_page(&Method::GET, &HeaderMap::new(), OURS, &text()), Ok(()));
    }

    #[test]
    fn a_page_of_another_site_cannot_sign_anybody_in() {
        for (sent, allowed) in [
            (vec![], true),
            (vec![("origin", OURS), ("sec-fetch-site", "same-origin")], true),
            (vec![("origin", "https://evil.example")], false),
            (vec![("sec-fetch-site", "cross-site")], false),
        ] {
            assert_eq!(check_not_foreign(&headers(&sent), OURS).is_ok(), allowed, "{sent:?}");
        }
    }
}
