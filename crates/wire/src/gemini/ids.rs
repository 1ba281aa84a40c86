//! Ids of calls. Gemini may leave them out: calls and results then belong together by name and order, and canon gets ids
//! that are the same for the same conversation.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Makes up ids for calls that come without, and finds the calls of results.
#[derive(Default)]
pub(super) struct Ids {
    /// Comes before the number: told by the answer, so that the calls of two answers differ.
    scope: String,
    by_content: bool,
    made: u32,
    /// Calls by name, in order; those that have their result may still be among them.
    open: HashMap<String, VecDeque<String>>,
    answered: HashSet<String>,
    taken: HashSet<String>,
    code: Option<String>,
}

impl Ids {
    /// Ids of the answer of this id.
    pub(super) fn of_answer(answer: &str) -> Self {
        let fits = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        let id: String = answer.chars().filter(fits).collect();
        // Servers that do not number their answers: told apart by what they call.
        Self { by_content: id.is_empty(), scope: format!("call_{id}"), ..Self::default() }
    }

    /// Ids of a conversation that a client sends.
    pub(super) fn of_request() -> Self {
        Self { scope: "call_g".to_owned(), ..Self::default() }
    }

    /// A call that has an id.
    pub(super) fn given(&mut self, id: String, name: &str) -> String {
        self.open.entry(name.to_owned()).or_default().push_back(id.clone());
        self.taken.insert(id.clone());
        id
    }

    /// The id of a call that has none.
    pub(super) fn call(&mut self, name: &str, arguments: &str) -> String {
        let mut scope = self.scope.clone();
        if self.by_content {
            let mut hasher = DefaultHasher::new();
            (name, arguments).hash(&mut hasher);
            scope = format!("call_{:016x}", hasher.finish());
        }
        let id = loop {
            self.made += 1;
            let id = format!("{scope}_{}", self.made);
            if !self.taken.contains(&id) {
                break id;
            }
        };
        self.given(id, name)
    }

    /// A result that names its call.
    pub(super) fn answered(&mut self, id: String) -> String {
        self.answered.insert(id.clone());
        id
    }

    /// The call that a result without an id answers: the first of its name that has none yet.
    pub(super) fn answer(&mut self, name: &str) -> String {
        let mut open = self.open.get_mut(name);
        while let Some(id) = open.as_mut().and_then(|calls| calls.pop_front()) {
            if !self.answered.contains(&id) {
                return id;
            }
        }
        self.made += 1;
        format!("{}_{}", self.scope, self.made)
    }

    /// The id of a call of one of Google's own tools.
    pub(super) fn code(&mut self, given: Option<String>) -> String {
        let id = given.filter(|id| !id.is_empty()).unwrap_or_else(|| {
            self.made += 1;
            format!("{}_{}", self.scope.replacen("call", "run", 1), self.made)
        });
        self.code = Some(id.clone());
        id
    }

    /// The id of the call that such a result belongs to: the one before it.
    pub(super) fn code_result(&mut self, given: Option<String>) -> String {
        match given.filter(|id| !id.is_empty()).or_else(|| self.code.clone()) {
            Some(id) => id,
            None => self.code(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_find_their_calls_by_name_and_order() {
        let mut ids = Ids::of_request();
        let first = ids.call("f", "{}");
        let other = ids.call("g", "{}");
        let second = ids.call("f", "{}");
        assert_eq!([first.as_str(), &other, &second], ["call_g_1", "call_g_2", "call_g_3"]);
        assert_eq!([ids.answer("f"), ids.answer("f"), ids.answer("g")], [first, second, other]);
        assert_eq!(ids.answer("f"), "call_g_4");
    }

    #[test]
    fn ids_differ_from_given_ones_and_between_answers() {
        let mut ids = Ids::of_answer("r/1");
        ids.given("call_r1_1".to_owned(), "f");
        assert_eq!(ids.call("f", "{}"), "call_r1_2");
        let (mut one, mut two) = (Ids::of_answer(""), Ids::of_answer(""));
        assert_ne!(one.call("f", "1"), two.call("f", "2"));
    }
}
