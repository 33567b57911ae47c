//! Signing in and out, one's own account, and the accounts of all for operators.

use std::sync::Arc;

use axum::{
    Json as Answer, Router,
    extract::{FromRef, Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, patch, post, put},
};
use protocol::{
    ErrorCode,
    account::{AccountInfo, ChangeAccount, ChangePassword, CreateAccount, Login, Logout, Setup},
};

use super::{
    Accounts, Attempt, Change, Error as Refusal, NewAccount, cookie::SessionCookie, sessions::SignOut,
};
use crate::{
    api::{
        caller::{Credentials, Operator, SameOrigin, SignedIn, SigningOut},
        error::Error,
        extract::{Client, Json, OptionalJson},
    },
    audit,
    clock::Now,
};

/// What the handlers share.
struct Api {
    accounts: Arc<Accounts>,
    credentials: Credentials,
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}

/// The routes of accounts.
pub(super) fn router(accounts: Arc<Accounts>, credentials: Credentials) -> Router {
    Router::new()
        .route("/api/login", post(login))
        .route("/api/logout", post(logout))
        .route("/api/setup", post(set_up))
        .route("/api/me/password", put(change_own_password))
        .route("/api/accounts", get(list).post(create))
        .route("/api/accounts/{name}", patch(change).delete(remove))
        .with_state(Arc::new(Api { accounts, credentials }))
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let code = match &refusal {
            Refusal::Rule(_) => ErrorCode::InvalidRequest,
            Refusal::WrongPassword | Refusal::WrongOldPassword => ErrorCode::WrongPassword,
            Refusal::LockedOut(_) | Refusal::Full(_) => ErrorCode::LimitReached,
            Refusal::NameTaken(_) => ErrorCode::NameTaken,
            Refusal::Unknown(_) => ErrorCode::UnknownAccount,
            Refusal::LastOperator(_) => ErrorCode::LastOperator,
            Refusal::SetupRefused => ErrorCode::SetupRefused,
            Refusal::Hasher(_) | Refusal::Random(_) | Refusal::Store(_) => ErrorCode::Internal,
        };
        let message = refusal.to_string();
        match refusal {
            Refusal::LockedOut(wait) => Self::new(code, message).after(wait),
            Refusal::WrongOldPassword => Self::new(code, message).with_status(StatusCode::FORBIDDEN),
            Refusal::Hasher(error) => error.into(),
            Refusal::Store(error) => error.into(),
            Refusal::Random(error) => {
                tracing::error!("{error}");
                Self::internal()
            }
            _ => Self::new(code, message),
        }
    }
}

async fn login(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    cookie: SessionCookie,
    _: SameOrigin,
    Json(Login { name, password }): Json<Login>,
) -> Result<impl IntoResponse, Error> {
    let token = api.accounts.sign_in(Attempt { name, password, address }, Now::read()).await?;
    Ok((StatusCode::NO_CONTENT, cookie.set(&token, api.accounts.limits.session_max)))
}

async fn logout(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    cookie: SessionCookie,
    SigningOut(token): SigningOut,
    OptionalJson(Logout { everywhere }): OptionalJson<Logout>,
) -> Result<impl IntoResponse, Error> {
    // Without a session there is nothing to clear: a page of another site, whose requests carry none, signs nobody out.
    let Some(token) = token else { return Ok((None, StatusCode::NO_CONTENT)) };
    api.accounts.sign_out(SignOut { token, everywhere, address }, Now::read()).await?;
    Ok((Some(cookie.clear()), StatusCode::NO_CONTENT))
}

async fn set_up(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    cookie: SessionCookie,
    _: SameOrigin,
    Json(Setup { token, name, password }): Json<Setup>,
) -> Result<impl IntoResponse, Error> {
    let session = api.accounts.set_up(&token, Attempt { name, password, address }, Now::read()).await?;
    Ok((StatusCode::CREATED, cookie.set(&session, api.accounts.limits.session_max)))
}

async fn change_own_password(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    cookie: SessionCookie,
    SignedIn(person): SignedIn,
    Json(ChangePassword { old, new }): Json<ChangePassword>,
) -> Result<impl IntoResponse, Error> {
    let attempt = Attempt { name: person.name.clone(), password: old, address };
    let token = api.accounts.change_own_password(attempt, new, Now::read()).await?;
    audit::log(&person.name, address, "changed the own password");
    Ok((StatusCode::NO_CONTENT, cookie.set(&token, api.accounts.limits.session_max)))
}

async fn list(State(api): State<Arc<Api>>, _: Operator) -> Answer<Vec<AccountInfo>> {
    Answer(api.accounts.list())
}

async fn create(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    Operator(operator): Operator,
    Json(CreateAccount { name, password, role }): Json<CreateAccount>,
) -> Result<(StatusCode, Answer<AccountInfo>), Error> {
    let new = NewAccount { name, password, role };
    let account = api.accounts.create(new, address, Now::read()).await?;
    audit::log(&operator.name, address, &format!("added the account {} ({role:?})", account.name));
    Ok((StatusCode::CREATED, Answer(account)))
}

async fn change(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    Operator(operator): Operator,
    Path(name): Path<String>,
    Json(ChangeAccount { password, role }): Json<ChangeAccount>,
) -> Result<Answer<AccountInfo>, Error> {
    let what = match (&password, role) {
        (Some(_), _) => "password",
        (None, Some(_)) => "role",
        (None, None) => return Err(Error::invalid("password or role is required")),
    };
    let account = api.accounts.change(&name, Change { password, role }, address).await?;
    audit::log(&operator.name, address, &format!("changed the {what} of the account {}", account.name));
    Ok(Answer(account))
}

async fn remove(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    Operator(operator): Operator,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    let name = api.accounts.remove(&name).await?;
    audit::log(&operator.name, address, &format!("removed the account {name}"));
    Ok(StatusCode::NO_CONTENT)
}
