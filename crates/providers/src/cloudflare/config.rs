//! Settings of a Cloudflare account.

use crate::account::account_config;

account_config! {
    /// A Cloudflare account with Workers AI. `account_id` or `base_url` (up to `/ai/v1`) must be set.
    {
        /// The account's id, 32 hexadecimal digits.
        account_id: Option<String>,
    }
}
