//! `logprobs` of a text ↔ canon's.

use contract::canon::{Alternative, TokenLogprob};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Token {
    token: String,
    logprob: f64,
    #[serde(default)]
    bytes: Option<Vec<u8>>,
    #[serde(default)]
    top_logprobs: Option<Vec<Token>>,
}

impl Token {
    fn alternative(self) -> Alternative {
        Alternative { text: self.token, logprob: self.logprob, bytes: self.bytes }
    }
}

/// Reads a list of tokens; none if it is something else.
pub(super) fn read(list: &Value) -> Option<Vec<TokenLogprob>> {
    let tokens = Vec::<Token>::deserialize(list).ok()?;
    let canon = |mut token: Token| {
        let top = token.top_logprobs.take().unwrap_or_default();
        TokenLogprob { token: token.alternative(), top: top.into_iter().map(Token::alternative).collect() }
    };
    Some(tokens.into_iter().map(canon).collect())
}

/// Writes a list of tokens. Clients count on the bytes: those of the text where the provider gave none.
pub(super) fn write(tokens: &[TokenLogprob]) -> Value {
    let one = |it: &Alternative| {
        let bytes = it.bytes.as_deref().unwrap_or(it.text.as_bytes());
        json!({"token": it.text, "logprob": it.logprob, "bytes": bytes})
    };
    let all = tokens.iter().map(|token| {
        let mut value = one(&token.token);
        value["top_logprobs"] = token.top.iter().map(one).collect();
        value
    });
    all.collect()
}

/// Takes the tokens of a text of so many bytes from the front of a list.
pub(super) fn take<'a>(rest: &mut &'a [TokenLogprob], bytes: usize) -> &'a [TokenLogprob] {
    let mut covered = 0;
    let count = rest.iter().take_while(|it| {
        let goes_on = covered < bytes;
        covered += it.token.bytes.as_ref().map_or(it.token.text.len(), Vec::len);
        goes_on
    });
    let (taken, left) = rest.split_at(count.count());
    *rest = left;
    taken
}
