//! The reference pages of `docs/reference/`, made by doing what they tell of: each thing that can be said is said, written in
//! each dialect, and read back. `cargo xtask schema` keeps the pages; this prints one.

#![expect(clippy::print_stdout, reason = "the page is the product of this program")]

mod accounts;
mod judge;
mod others;
mod page;
mod providers_page;
mod replies;
mod requests;
mod translation;
mod variables;
mod ways;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let page = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["page", "translation"] => translation::page()?,
        ["page", "providers"] => providers_page::page()?,
        _ => bail!("usage: reference page translation|providers"),
    };
    print!("{page}");
    Ok(())
}
