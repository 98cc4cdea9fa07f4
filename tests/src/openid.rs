//! A real OpenID provider beside the tests (canaille), people who sign in there, and their browsers.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use bytes::Bytes;
use http::{Method, header};
use regex::Regex;
use serde_json::{Value, json};
use testkit::{Answer, Https};
use url::Url;

use crate::{
    tool::{self, run_with},
    world::eventually,
};

/// The name that the provider's certificate is for.
pub const NAME: &str = "login.example";
/// What we are called there.
pub const CLIENT: &str = "chancery";
/// Our secret there, with what has to be encoded.
pub const SECRET: &str = "s3cret: 100% + more";
/// Everybody's password there.
const PASSWORD: &str = "correct horse battery staple";

/// The provider.
#[derive(Debug)]
pub struct OpenIdProvider {
    /// Where it is.
    pub address: Ipv4Addr,
    port: u16,
    folder: tempfile::TempDir,
    python: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl OpenIdProvider {
    /// Starts one.
    pub async fn start() -> Self {
        let [address] = testkit::ports::free().map(|address: SocketAddr| address);
        let port = address.port();
        let std::net::IpAddr::V4(ip) = address.ip() else { unreachable!("tests are at home on IPv4") };
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
        fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
        fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let config = json!({"name": format!("{NAME}:{port}"), "bind": address,
            "certificate": folder.path().join("ca.pem"), "key": folder.path().join("key.pem"),
            "database": folder.path().join("people.sqlite")});
        let mut command = tool::openid_python();
        command.args(["-c", include_str!("openid_provider.py"), &config.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(fs::File::create(folder.path().join("log")).unwrap());
        let mut python = command.spawn().unwrap();
        let (stdin, stdout) = (python.stdin.take().unwrap(), BufReader::new(python.stdout.take().unwrap()));
        let provider = Self { address: ip, port, folder, python, stdin, stdout };
        let ready = async || std::net::TcpStream::connect(address).ok();
        eventually("the OpenID provider listens", ready).await;
        provider
    }

    /// Who issues its tokens.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("https://{NAME}:{}", self.port)
    }

    /// Its certificate, which is its own CA.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Lets somebody sign in there.
    pub fn user(&mut self, name: &str) {
        let family = name.to_uppercase();
        self.put(&json!({"user": {"user_name": name, "password": PASSWORD, "family_name": family,
            "given_name": name, "formatted_name": format!("{name} {family}"), "emails": [format!("{name}@example.com")]}}));
    }

    /// Lets a group have exactly these members.
    pub fn group(&mut self, name: &str, members: &[&str]) {
        self.put(&json!({"group": {"display_name": name, "members": members}}));
    }

    /// Lets us be a client that gets people back at this address.
    pub fn client(&mut self, redirect: &str) {
        self.put(&json!({"client": {"client_id": CLIENT, "client_secret": SECRET, "client_name": "Chancery",
            "client_uri": "https://chancery.example", "redirect_uris": [redirect], "scope": ["openid", "profile",
            "email", "groups"], "token_endpoint_auth_method": "client_secret_basic", "grant_types":
            ["authorization_code"], "response_types": ["code"]}}));
    }

    fn put(&mut self, change: &Value) {
        writeln!(self.stdin, "{change}").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert_eq!(line, "done\n", "{change}: {}", log());
    }

    /// Takes it away: nobody answers any more.
    pub fn stop(&mut self) {
        _ = self.python.kill();
        _ = self.python.wait();
    }

    /// Somebody with a browser of their own.
    #[must_use]
    pub fn person(&self, name: &str) -> Person {
        let jar = self.folder.path().join(format!("{name}.cookies"));
        let resolve = format!("{NAME}:{}:{}", self.port, self.address);
        Person { name: name.to_owned(), jar, resolve, ca: self.ca_file() }
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Somebody who signs in at the provider, with curl.
#[derive(Clone, Debug)]
pub struct Person {
    name: String,
    jar: PathBuf,
    resolve: String,
    ca: PathBuf,
}

/// A page that curl was given.
struct Page {
    status: u16,
    redirect: String,
    text: String,
}

impl Person {
    /// Goes where the browser is sent, signs in where that is asked, and ends where the provider sends the browser back to.
    /// Errors: the page that it ends on instead.
    pub async fn goes(&self, to: &str) -> Result<Url, String> {
        let (mut at, mut form) = (Url::parse(to).unwrap(), vec![]);
        for _ in 0..12 {
            let page = self.load(&at, &form).await;
            form.clear();
            match page.status {
                301..=303 => at = at.join(&page.redirect).unwrap(),
                200 => form = self.fill(&page.text).ok_or(page.text)?,
                _ => return Err(format!("{} {}", page.status, page.text)),
            }
            if at.host_str() != Some(NAME) {
                return Ok(at);
            }
        }
        Err("it has no end".to_owned())
    }

    async fn load(&self, at: &Url, form: &[(String, String)]) -> Page {
        let mut curl = Command::new("curl");
        let (ca, jar): (&Path, &Path) = (&self.ca, &self.jar);
        curl.args(["--silent", "--show-error", "--max-time", "60", "--cacert"]).arg(ca);
        curl.args(["--resolve", &self.resolve, "--cookie"]).arg(jar).arg("--cookie-jar").arg(jar);
        curl.args(["--write-out", "\n%{http_code} %header{location}", "--referer", at.as_str()]);
        for (name, value) in form {
            curl.args(["--data-urlencode", &format!("{name}={value}")]);
        }
        curl.arg(at.as_str());
        let out = run_with(curl, b"").await.done();
        let (text, last) = out.rsplit_once('\n').unwrap();
        let (status, redirect) = last.split_once(' ').unwrap();
        Page { status: status.parse().unwrap(), redirect: redirect.to_owned(), text: text.to_owned() }
    }

    /// The form of a page, filled in; `None`: there is none that asks for a name or a password.
    fn fill(&self, page: &str) -> Option<Vec<(String, String)>> {
        let attribute = |tag: &str, name: &str| {
            let found = Regex::new(&format!("\\b{name}=\"([^\"]*)\"")).unwrap();
            found.captures(tag).map(|found| found[1].to_owned())
        };
        let inputs = Regex::new("(?s)<input[^>]*>").unwrap();
        let mut form = vec![];
        for input in inputs.find_iter(page) {
            let input = input.as_str();
            let value = match attribute(input, "name").as_deref() {
                Some("login") => self.name.clone(),
                Some("password") => PASSWORD.to_owned(),
                Some("csrf_token") => attribute(input, "value").unwrap_or_default(),
                _ => continue,
            };
            form.push((attribute(input, "name").unwrap(), value));
        }
        form.iter().any(|(name, _)| name != "csrf_token").then_some(form)
    }
}

/// A browser at Chancery: keeps every cookie.
#[derive(Clone, Debug)]
pub struct Visitor {
    api: Https,
    origin: String,
    cookies: Vec<(String, String)>,
}

impl Visitor {
    /// One that nobody has signed in with.
    #[must_use]
    pub fn new(api: &Https, origin: &str) -> Self {
        Self { api: api.with_token(None), origin: origin.to_owned(), cookies: vec![] }
    }

    /// Loads a page, or what a GET of the API answers.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Loads the address that a provider sends the browser back to.
    pub async fn returns(&mut self, to: &Url) -> Answer {
        let path = to.as_str().strip_prefix(&self.origin).unwrap_or_else(|| panic!("{to}")).to_owned();
        self.get(&path).await
    }

    /// A request with JSON, as our own pages make them.
    pub async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn send(&mut self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let token = if body.is_some() { self.csrf_token().await } else { String::new() };
        let mut headers = vec![("cookie", cookies.as_str())];
        if body.is_some() {
            headers.extend([("origin", self.origin.as_str()), ("x-csrf-token", &token)]);
            headers.push(("content-type", "application/json"));
        }
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let answer = self.api.request(method, path, &headers, body).await.unwrap();
        for set in answer.headers.get_all(header::SET_COOKIE) {
            let set = set.to_str().unwrap();
            for part in ["__Host-", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
                assert!(set.contains(part), "{part} is missing in {set}");
            }
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    async fn csrf_token(&self) -> String {
        let current = Box::pin(self.clone().current()).await;
        current["csrfToken"].as_str().unwrap_or_default().to_owned()
    }

    /// The session.
    pub async fn current(mut self) -> Value {
        let look = async || {
            let answer = self.get("/api/v1/sessions/current").await;
            answer.status.is_success().then(|| answer.json())
        };
        eventually("the session is shown", look).await
    }
}
