//! Somebody who calls the server over HTTP: `anon`, `alice` or `bob`. Every answer they get is held to the
//! contract before the test sees it.

use serde_json::{Value, json};
use ureq::http::Request;

use super::client::{Client, PASSWORD};
use super::forge::Forge;
use super::{Answer, contract};

/// A name and a value.
pub type Header<'a> = (&'a str, &'a str);

#[derive(Clone)]
pub struct Actor<'a> {
    client: &'a Client,
    pub token: Option<String>,
    refresh_token: Option<String>,
}

impl<'a> Actor<'a> {
    /// Somebody without a token.
    pub fn new(client: &'a Client) -> Self {
        Self { client, token: None, refresh_token: None }
    }

    /// Whoever got this answer to a login or a refresh.
    #[track_caller]
    pub fn logged_in(client: &'a Client, answer: &Answer) -> Self {
        let refresh_token = answer.json["refresh_token"].as_str().map(str::to_owned);
        Self { client, token: Some(answer.text("access_token").to_owned()), refresh_token }
    }

    /// The same server, called with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { client: self.client, token: Some(token.to_owned()), refresh_token: None }
    }

    /// The same person's program, with a new API key of this scope.
    #[track_caller]
    pub fn with_key(&self, scope: &str) -> Self {
        let made = self.post("/me/keys", &json!({"name": "A program", "scope": scope})).expect(201);
        self.with_token(made.text("key"))
    }

    /// The same token, sent another way: from another source, or to another instance.
    pub fn by<'b>(&self, client: &'b Client) -> Actor<'b> {
        Actor { client, token: self.token.clone(), refresh_token: self.refresh_token.clone() }
    }

    /// The access token of somebody who is logged in.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("somebody who is logged in")
    }

    /// The refresh token of somebody who is logged in, and not by a cookie.
    pub fn refresh_token(&self) -> &str {
        self.refresh_token.as_deref().expect("somebody who got a refresh token")
    }

    /// The id of the session that the token belongs to.
    pub fn session(&self) -> i64 {
        Forge::of(self.token()).claims["sid"].as_i64().expect("a session's id")
    }

    /// The same person, logged in once more.
    pub fn once_more(&self) -> Self {
        let me = self.get("/me").expect(200);
        let client = self.client;
        Self::logged_in(client, &client.try_log_in(me.text("username"), PASSWORD).expect(200))
    }

    /// What becomes of the refresh token.
    pub fn try_refresh(&self) -> Answer {
        Self::new(self.client).post("/auth/refresh", &json!({"refresh_token": self.refresh_token()}))
    }

    /// The same person with the successors of both tokens.
    #[track_caller]
    pub fn refresh(&self) -> Self {
        Self::logged_in(self.client, &self.try_refresh().expect(200))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send_json("POST", path, body)
    }

    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send_json("PATCH", path, body)
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send_json("PUT", path, body)
    }

    pub fn send_json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send_text(method, path, &body.to_string())
    }

    /// Sends text as if it were JSON, whatever it is.
    pub fn send_text(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send(method, path, &[("Content-Type", "application/json")], Some(body.as_bytes()))
    }

    /// Sends JSON, or no body, with headers of its own: preconditions, a key.
    pub fn ask(&self, method: &str, path: &str, headers: &[Header<'_>], body: Option<&Value>) -> Answer {
        let Some(body) = body else { return self.send(method, path, headers, None) };
        let headers = [headers, &[("Content-Type", "application/json")]].concat();
        self.send(method, path, &headers, Some(body.to_string().as_bytes()))
    }

    /// Sends any request that an HTTP library can; for others there is [`Client::wire`].
    pub fn send(&self, method: &str, path: &str, headers: &[Header<'_>], body: Option<&[u8]>) -> Answer {
        self.try_send(method, path, headers, body).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same to a server that may die over it; the error says how far the answer came.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[Header<'_>],
        body: Option<&[u8]>,
    ) -> Result<Answer, String> {
        let asked = format!("{method} {path}");
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.client.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let agent = &self.client.agent;
        let answered = match body {
            None => request.body(()).map(|request| agent.run(request)),
            Some(body) => request.body(body).map(|request| agent.run(request)),
        };
        let response = answered
            .map_err(|error| format!("{asked}: cannot be sent: {error}"))?
            .map_err(|error| format!("{asked}: no answer: {error}"))?;
        let (parts, body) = response.into_parts();
        let body = body.into_with_config().limit(16 << 20).read_to_vec();
        let body = body.map_err(|error| format!("{asked}: the body broke off: {error}"))?;
        let answer = Answer::new(method, path, parts.status.as_u16(), parts.headers, body);
        contract::hold(self.client.engine, &answer);
        Ok(answer)
    }

    /// Makes an owner and gives its id.
    pub fn owner(&self, name: &str) -> i64 {
        self.post("/dogowner/owners", &json!({ "name": name })).expect(201).id()
    }

    /// Makes a dog of one of my owners and gives its id.
    pub fn dog(&self, name: &str, owner_id: i64) -> i64 {
        self.post("/dogowner/dogs", &json!({"name": name, "owner_id": owner_id})).expect(201).id()
    }

    /// Makes a task about no dog in particular and gives its id.
    pub fn task(&self, name: &str) -> i64 {
        self.post("/dogowner/tasks", &json!({ "name": name })).expect(201).id()
    }

    /// Makes my page public, if it is not yet.
    pub fn go_public(&self) -> Answer {
        let answer = self.put("/me/profile", &json!({"description": "Two dogs, one sofa."}));
        assert!([200, 201].contains(&answer.status), "{answer}");
        answer
    }

    /// Makes somebody a co-owner of a dog.
    pub fn share(&self, dog: i64, owner: i64) {
        self.send("PUT", &format!("/dogowner/dogs/{dog}/co-owners/{owner}"), &[], None).expect(204);
    }

    /// My user id.
    pub fn id(&self) -> i64 {
        self.get("/me").expect(200).id()
    }
}
