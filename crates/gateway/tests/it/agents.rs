//! Coding agents against every kind of provider: the requests that Claude Code and Codex send by themselves, through a whole
//! turn with tools and back, without a refusal, with what is lost named.
//!
//! `accounts` lists the kinds, `upstream` plays them, `claude_code` and `codex` hold what the clients send and need. Facts about
//! the clients: code.claude.com/docs/en/llm-gateway, github.com/openai/codex (codex-rs/codex-api, codex-rs/tools).

mod accounts;
mod claude_code;
mod codex;
mod upstream;

/// Ends a check with a message unless this holds.
macro_rules! ensure {
    ($holds:expr, $($says:tt)*) => {
        if !$holds {
            return Err(format!($($says)*));
        }
    };
}
use ensure;

/// What a check says: what is wrong.
type Checked<T> = Result<T, String>;
