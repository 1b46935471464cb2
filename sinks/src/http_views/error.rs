//! Errors of HTTP answers: a status, and the socket's error as `{"error": {...}}`.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use worldflow_proto::v1;

/// An error as JSON. The code is stable; the reason is for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpError {
    /// The status of the answer.
    pub status: StatusCode,
    /// What is wrong, as a stable code in snake case.
    pub code: &'static str,
    /// Which part of the request; empty for the whole.
    pub path: String,
    /// What is wrong: lower case, no full stop.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

impl HttpError {
    fn new(status: StatusCode, code: &'static str, reason: String, hint: String) -> HttpError {
        HttpError { status, code, path: String::new(), reason, hint }
    }

    /// The request is wrong.
    #[must_use]
    pub fn bad_request(code: &'static str, reason: String, hint: String) -> HttpError {
        HttpError::new(StatusCode::BAD_REQUEST, code, reason, hint)
    }

    /// There is no such thing.
    #[must_use]
    pub fn not_found(code: &'static str, reason: String, hint: String) -> HttpError {
        HttpError::new(StatusCode::NOT_FOUND, code, reason, hint)
    }

    /// No token, or none that is known.
    #[must_use]
    pub fn unauthenticated() -> HttpError {
        let hint = "pass it as `Authorization: Bearer`, or as `?token=`".to_owned();
        HttpError::new(StatusCode::UNAUTHORIZED, "unauthenticated", "a token is needed".to_owned(), hint)
            .at("token")
    }

    /// A token, but not for this.
    #[must_use]
    pub fn forbidden(reason: String, hint: String) -> HttpError {
        HttpError::new(StatusCode::FORBIDDEN, "not_allowed", reason, hint)
    }

    /// It cannot be done at the moment.
    #[must_use]
    pub fn unavailable(code: &'static str, reason: String, hint: String) -> HttpError {
        HttpError::new(StatusCode::SERVICE_UNAVAILABLE, code, reason, hint)
    }

    /// The same, about a part of the request.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> HttpError {
        self.path = path.into();
        self
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let error = v1::Error {
            code: self.code.to_owned(),
            path: self.path,
            reason: self.reason,
            hint: self.hint,
            retryable: self.status == StatusCode::SERVICE_UNAVAILABLE,
            about: None,
            retry_after_ms: None,
        };
        (self.status, axum::Json(serde_json::json!({ "error": error }))).into_response()
    }
}
