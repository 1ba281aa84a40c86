//! Settings of an account at a service or a server that follows OpenAI's dialect.

use crate::account::account_config;

account_config! {
    /// An account at a service, or a server, that is known and follows OpenAI's dialect. `base_url` is the usual place
    /// unless set; servers of one's own need no key.
    {}
}
