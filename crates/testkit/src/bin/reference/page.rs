//! Tables of Markdown.

use std::fmt::Write;

use crate::judge::Verdict;

/// What became of each row in each column.
pub(crate) struct Matrix {
    /// Names of the columns.
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// One thing that can be said.
pub(crate) struct Row {
    pub(crate) topic: &'static str,
    pub(crate) name: String,
    /// One for each column.
    pub(crate) cells: Vec<Cell>,
}

/// What became of it in one dialect.
pub(crate) struct Cell {
    pub(crate) verdict: Verdict,
    /// On streams, where that differs.
    pub(crate) streamed: Option<Verdict>,
}

/// Things by name, in the order in which they came.
pub(crate) type Lists<T> = Vec<(String, Vec<T>)>;

impl Matrix {
    /// One table for each topic, with the reasons below it.
    pub(crate) fn write(&self, heading: &str, out: &mut String) {
        let mut topics: Vec<&str> = self.rows.iter().map(|row| row.topic).collect();
        topics.dedup();
        for topic in topics {
            let rows = self.rows.iter().filter(|row| row.topic == topic);
            let _ = write!(out, "\n{heading} {topic}\n\n| |");
            for column in &self.columns {
                let _ = write!(out, " {column} |");
            }
            let _ = write!(out, "\n|---|{}\n", "---|".repeat(self.columns.len()));
            let mut reasons = Reasons::default();
            for Row { name, cells, .. } in rows {
                let _ = write!(out, "| {name} |");
                for (column, Cell { verdict, streamed }) in self.columns.iter().zip(cells) {
                    let _ = match streamed {
                        Some(streamed) => write!(out, " {verdict} (stream: {streamed}) |"),
                        None => write!(out, " {verdict} |"),
                    };
                    reasons.add(name, column, verdict);
                }
                out.push('\n');
            }
            reasons.write(out);
        }
    }
}

/// Why things are not native: for each column the reasons, and for each reason what it is about.
#[derive(Default)]
struct Reasons(Lists<(String, Vec<String>)>);

impl Reasons {
    fn add(&mut self, name: &str, column: &str, verdict: &Verdict) {
        if let Some(reason) = verdict.reason().filter(|it| !is_plain(it)) {
            let reasons = list(&mut self.0, column);
            list(reasons, reason).push(name.to_owned());
        }
    }

    fn write(&self, out: &mut String) {
        if !self.0.is_empty() {
            out.push('\n');
        }
        // What is the same for several columns is told once.
        let mut told: Lists<&str> = Vec::new();
        for (column, reasons) in &self.0 {
            let reasons = reasons
                .iter()
                .map(|(reason, names)| format!("{}: *{}*", names.join(", "), reason.trim_end_matches('.')));
            list(&mut told, &reasons.collect::<Vec<_>>().join("; ")).push(column);
        }
        for (text, columns) in told {
            let _ = writeln!(out, "- **{}**: {text}", columns.join(", "));
        }
    }
}

/// The list of a name; a new one at the end where there is none.
pub(crate) fn list<'a, T>(lists: &'a mut Lists<T>, name: &str) -> &'a mut Vec<T> {
    let at = lists.iter().position(|(of, _)| of == name).unwrap_or_else(|| {
        lists.push((name.to_owned(), Vec::new()));
        lists.len() - 1
    });
    &mut lists[at].1
}

/// Does the reason say no more than that it is dropped or refused?
fn is_plain(reason: &str) -> bool {
    ["no such", "has this field", "runs this tool", "only its own provider understands"]
        .iter()
        .any(|it| reason.contains(it))
}
