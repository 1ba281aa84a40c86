//! Tells code, strings and comments of a Rust file apart, line by line. Enough of the lexical grammar for that, no more.

/// A line of a file, in three parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// What the compiler sees, string and character literals emptied.
    pub(super) code: String,
    /// What stands inside literals.
    pub(super) strings: String,
    /// What stands in comments, their marks left out.
    pub(super) comment: String,
}

#[derive(Clone, Copy)]
enum State {
    Code,
    LineComment,
    BlockComment { depth: usize },
    Text,
    RawText { hashes: usize },
}

/// The lines of a file.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut lexer = Lexer { done: Vec::new(), line: Line::default(), state: State::Code };
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        at += lexer.step(&chars[at..]);
    }
    if lexer.line != Line::default() {
        lexer.done.push(lexer.line);
    }
    lexer.done
}

struct Lexer {
    done: Vec<Line>,
    line: Line,
    state: State,
}

impl Lexer {
    /// Takes some characters and says how many.
    fn step(&mut self, rest: &[char]) -> usize {
        let Some(&c) = rest.first() else { return 1 };
        if c == '\n' {
            if matches!(self.state, State::LineComment) {
                self.state = State::Code;
            }
            self.done.push(std::mem::take(&mut self.line));
            return 1;
        }
        match self.state {
            State::Code => self.code(rest),
            State::LineComment => {
                self.line.comment.push(c);
                1
            }
            State::BlockComment { depth } => self.block_comment(rest, depth),
            State::Text => match c {
                '\\' => {
                    let taken = rest.iter().take(2).take_while(|c| **c != '\n').count();
                    self.line.strings.push(' ');
                    taken.max(1)
                }
                '"' => self.close(1),
                _ => {
                    self.line.strings.push(c);
                    1
                }
            },
            State::RawText { hashes } => {
                if c == '"' && rest[1..].iter().take_while(|c| **c == '#').count() >= hashes {
                    return self.close(1 + hashes);
                }
                self.line.strings.push(c);
                1
            }
        }
    }

    fn code(&mut self, rest: &[char]) -> usize {
        match rest {
            ['/', '/', ..] => {
                self.state = State::LineComment;
                // The third character of a doc comment belongs to the mark.
                if matches!(rest.get(2), Some('/' | '!')) { 3 } else { 2 }
            }
            ['/', '*', ..] => {
                self.state = State::BlockComment { depth: 1 };
                2
            }
            ['"', ..] => {
                self.open(State::Text);
                1
            }
            ['r', tail @ ..] if !self.in_word() => match raw_start(tail) {
                Some(hashes) => {
                    self.open(State::RawText { hashes });
                    hashes + 2
                }
                None => self.plain('r'),
            },
            ['b' | 'c', 'r', tail @ ..] if !self.in_word() => match raw_start(tail) {
                Some(hashes) => {
                    self.open(State::RawText { hashes });
                    hashes + 3
                }
                None => self.plain(rest[0]),
            },
            ['\'', tail @ ..] => {
                let length = char_literal(tail);
                if length == 0 {
                    return self.plain('\'');
                }
                self.line.strings.extend(&tail[..length - 1]);
                self.line.strings.push(' ');
                self.line.code.push_str("''");
                length + 1
            }
            [c, ..] => self.plain(*c),
            [] => 1,
        }
    }

    fn plain(&mut self, c: char) -> usize {
        self.line.code.push(c);
        1
    }

    fn open(&mut self, state: State) {
        self.line.code.push('"');
        self.state = state;
    }

    fn close(&mut self, taken: usize) -> usize {
        self.line.code.push('"');
        self.line.strings.push(' ');
        self.state = State::Code;
        taken
    }

    fn block_comment(&mut self, rest: &[char], depth: usize) -> usize {
        match rest {
            ['*', '/', ..] => {
                self.state = if depth == 1 { State::Code } else { State::BlockComment { depth: depth - 1 } };
                2
            }
            ['/', '*', ..] => {
                self.state = State::BlockComment { depth: depth + 1 };
                2
            }
            _ => {
                self.line.comment.extend(rest.first());
                1
            }
        }
    }

    fn in_word(&self) -> bool {
        self.line.code.ends_with(|c: char| c.is_alphanumeric() || c == '_')
    }
}

/// How many hashes begin a raw string whose `r` was just read; none when it is not one.
fn raw_start(rest: &[char]) -> Option<usize> {
    let hashes = rest.iter().take_while(|c| **c == '#').count();
    (rest.get(hashes) == Some(&'"')).then_some(hashes)
}

/// The length of a character literal after its opening quote, closing quote included; 0 for a lifetime.
fn char_literal(rest: &[char]) -> usize {
    match rest {
        ['\\', 'u', ..] | ['\\', 'x', ..] => rest.iter().position(|c| *c == '\'').map_or(0, |end| end + 1),
        ['\\', _, '\'', ..] => 3,
        [c, '\'', ..] if *c != '\'' => 2,
        _ => 0,
    }
}
