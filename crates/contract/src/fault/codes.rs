//! The table of public error codes. A code is never renamed or reused; `schema/errors.md` is generated from here.

use http::StatusCode;

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The caller sent something we cannot serve.
    Caller,
    /// A limit or rule that the operator set.
    Policy,
    /// The provider behind us.
    Upstream,
    /// We.
    Gateway,
}

impl Blame {
    /// The word used in logs and documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Policy => "policy",
            Self::Upstream => "upstream",
            Self::Gateway => "gateway",
        }
    }
}

/// The class of an error that every dialect has a word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Something in the request is wrong.
    InvalidRequest,
    /// The credential is missing or wrong.
    Authentication,
    /// The credential does not allow this.
    Permission,
    /// The thing named does not exist.
    NotFound,
    /// The request is too large.
    TooLarge,
    /// A limit was reached.
    RateLimit,
    /// No capacity at the moment.
    Overloaded,
    /// It took too long.
    Timeout,
    /// Anything else went wrong.
    Server,
}

macro_rules! codes {
    ($($name:ident $text:literal $status:literal $blame:ident $family:ident $retry:literal $say:literal;)*) => {
        /// A stable error code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $say] $name,)*
        }

        impl Code {
            /// Every code, in table order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as clients, logs and metrics see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            const fn row(self) -> (u16, Blame, Family, bool, &'static str) {
                match self { $(Self::$name => ($status, Blame::$blame, Family::$family, $retry, $say),)* }
            }
        }
    };
}

// tidy: table
codes! {
    MissingKey "missing_key" 401 Caller Authentication false "No API key was sent. Send it as 'Authorization: Bearer <key>' or 'x-api-key: <key>'.";
    InvalidKey "invalid_key" 401 Caller Authentication false "The API key is not known here. Check that it is complete and was made on this gateway.";
    ExpiredKey "expired_key" 401 Caller Authentication false "The API key has expired. Ask for a new one.";
    InsufficientScope "insufficient_scope" 403 Caller Permission false "The API key may not be used for this.";
    ModelForbidden "model_forbidden" 403 Policy Permission false "The API key may not use this model.";
    ModelNotFound "model_not_found" 404 Caller NotFound false "No such model. GET /v1/models lists those that exist.";
    ResponseNotFound "response_not_found" 404 Caller NotFound false "No such response is kept here for this API key's team. Responses are kept when 'store' is not false, and for a limited time.";
    PreviousResponseNotFound "previous_response_not_found" 400 Caller InvalidRequest false "The response that 'previous_response_id' names is not kept here, or no longer. Send the conversation in 'input'.";
    ItemNotFound "item_not_found" 404 Caller NotFound false "An item that 'input' refers to is not kept here, or no longer. Send the item itself.";
    NotFound "not_found" 404 Caller NotFound false "Nothing is served at this path.";
    MethodNotAllowed "method_not_allowed" 405 Caller InvalidRequest false "This path does not take this method.";
    InvalidJson "invalid_json" 400 Caller InvalidRequest false "The request body is not valid JSON.";
    InvalidRequest "invalid_request" 400 Caller InvalidRequest false "The request is not valid.";
    InvalidEncoding "invalid_encoding" 400 Caller InvalidRequest false "The request body is not valid UTF-8.";
    UnsupportedMediaType "unsupported_media_type" 415 Caller InvalidRequest false "Send the body as 'content-type: application/json' without content-encoding.";
    UnsupportedCapability "unsupported_capability" 400 Caller InvalidRequest false "The model cannot do what the request asks for.";
    NotTranslatable "not_translatable" 400 Caller InvalidRequest false "The target cannot express part of the request, and 'x-pathgate-strict: true' forbids dropping it.";
    BodyTooLarge "body_too_large" 413 Caller TooLarge false "The request body is larger than this gateway accepts.";
    HeadersTooLarge "headers_too_large" 431 Caller InvalidRequest false "The request headers are larger than this gateway accepts.";
    BodyTimeout "body_timeout" 408 Caller Timeout true "The request body did not arrive in time.";
    RateLimited "rate_limited" 429 Policy RateLimit true "The request limit of this API key is reached. Wait as long as 'retry-after' says.";
    Overloaded "overloaded" 503 Gateway Overloaded true "The gateway is at its limit of concurrent requests. Try again shortly.";
    Draining "draining" 503 Gateway Overloaded true "This instance is shutting down. Try again; another instance will answer.";
    UpstreamRejected "upstream_rejected" 400 Upstream InvalidRequest false "The provider refused the request.";
    UpstreamRateLimited "upstream_rate_limited" 429 Upstream RateLimit true "The provider's rate limit is reached.";
    UpstreamAuth "upstream_auth" 502 Upstream Server false "The provider refused the gateway's own credentials. Tell the operator of this gateway.";
    UpstreamError "upstream_error" 502 Upstream Server true "The provider failed to answer the request.";
    UpstreamInvalid "upstream_invalid" 502 Upstream Server true "The provider's answer could not be understood.";
    UpstreamConnect "upstream_connect" 502 Upstream Server true "The provider could not be reached.";
    UpstreamOverloaded "upstream_overloaded" 503 Upstream Overloaded true "The provider is overloaded.";
    UpstreamTimeout "upstream_timeout" 504 Upstream Timeout true "The provider did not answer in time.";
    UpstreamInterrupted "upstream_interrupted" 502 Upstream Server true "The provider's answer broke off before it was complete.";
    ClientGone "client_gone" 499 Caller InvalidRequest false "The client closed the connection before the answer was complete.";
    Conflict "conflict" 409 Caller InvalidRequest false "The resource was changed by somebody else, or exists already.";
    ReadOnly "read_only" 409 Policy InvalidRequest false "This resource comes from the configuration file and can only be changed there.";
    StorageUnavailable "storage_unavailable" 503 Gateway Overloaded true "The database cannot be reached at the moment. Nothing was changed.";
    Internal "internal" 500 Gateway Server true "Something went wrong inside the gateway. The request id leads to its log.";
}

impl Code {
    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn blame(self) -> Blame {
        self.row().1
    }

    /// The class that dialects have a word for.
    #[must_use]
    pub const fn family(self) -> Family {
        self.row().2
    }

    /// Can trying again, unchanged, help?
    #[must_use]
    pub const fn retryable(self) -> bool {
        self.row().3
    }

    /// The text a client reads when nothing more precise is known.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.row().4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_snake_case_and_have_a_valid_status() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            let text = code.as_str();
            assert!(seen.insert(text), "{text} stands twice");
            assert!(text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{text}");
            assert!(code.status().as_u16() >= 400, "{text}");
        }
    }
}
