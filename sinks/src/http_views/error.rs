//! Errors of HTTP answers: `{"code": ..., "message": ..., "hint": ...}` with a status.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error as JSON. The code is stable; the message is for people.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HttpError {
    /// The status of the answer.
    #[serde(skip)]
    pub status: StatusCode,
    /// What is wrong, as a stable code in snake case.
    pub code: &'static str,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl HttpError {
    /// The request is wrong.
    #[must_use]
    pub fn bad_request(code: &'static str, message: String, hint: String) -> HttpError {
        HttpError { status: StatusCode::BAD_REQUEST, code, message, hint }
    }

    /// There is no such thing.
    #[must_use]
    pub fn not_found(code: &'static str, message: String, hint: String) -> HttpError {
        HttpError { status: StatusCode::NOT_FOUND, code, message, hint }
    }

    /// No token, or none that is known.
    #[must_use]
    pub fn unauthorized() -> HttpError {
        HttpError {
            status: StatusCode::UNAUTHORIZED,
            code: "unauthorized",
            message: "a token is needed".to_owned(),
            hint: "send `Authorization: Bearer <token>`".to_owned(),
        }
    }

    /// A token, but not for this.
    #[must_use]
    pub fn forbidden(message: String, hint: String) -> HttpError {
        HttpError { status: StatusCode::FORBIDDEN, code: "forbidden", message, hint }
    }

    /// It cannot be done at the moment.
    #[must_use]
    pub fn unavailable(code: &'static str, message: String, hint: String) -> HttpError {
        HttpError { status: StatusCode::SERVICE_UNAVAILABLE, code, message, hint }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        (self.status, axum::Json(self)).into_response()
    }
}
