//! Each rule on a small sample that breaks it, beside one that does not.

use super::tree::{Manifest, Source, Tree};
use super::{check, lexer};

fn manifest(name: &str, dependencies: &str) -> Manifest {
    Manifest {
        path: format!("crates/{name}/Cargo.toml"),
        text: format!("[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n{dependencies}"),
    }
}

fn source(path: &str, text: &str) -> Source {
    Source::parse(path.to_owned(), text).unwrap()
}

#[track_caller]
fn expect(tree: &Tree, expected: &[&str]) {
    let breaches: Vec<_> = check(tree).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(breaches, expected);
}

#[track_caller]
fn expect_source(path: &str, text: &str, expected: &[&str]) {
    let tree =
        Tree { sources: vec![source(path, text)], roadmap: "## realtime\n".to_owned(), ..Tree::default() };
    expect(&tree, expected);
}

#[track_caller]
fn expect_manifest(name: &str, dependencies: &str, expected: &[&str]) {
    expect(&Tree { manifests: vec![manifest(name, dependencies)], ..Tree::default() }, expected);
}

#[test]
fn the_arrows_of_the_plan_pass() {
    for (name, dependencies) in [
        ("contract", "[dependencies]\nserde.workspace = true"),
        ("wire", "[dependencies]\ncontract.workspace = true"),
        ("engine", "[dependencies]\ncontract.workspace = true\nwire.workspace = true"),
        (
            "routing",
            "[dependencies]\ncontract.workspace = true\n[dev-dependencies]\ntestkit.workspace = true",
        ),
        ("gateway", "[dependencies]\nengine.workspace = true\nrouting = { path = \"../routing\" }"),
        ("storage", "[dependencies]\nsqlx.workspace = true"),
        ("egress", "[dependencies]\nhyper-util.workspace = true"),
    ] {
        expect_manifest(name, dependencies, &[]);
    }
}

#[test]
fn any_other_arrow_is_a_breach() {
    for (name, section, dependency, says) in [
        ("contract", "dependencies", "wire.workspace = true", "`contract` may not depend on `wire`"),
        ("engine", "dependencies", "providers.workspace = true", "`engine` may not depend on `providers`"),
        ("routing", "dependencies", "wire.workspace = true", "`routing` may not depend on `wire`"),
        ("edge", "build-dependencies", "admin.workspace = true", "`edge` may not depend on `admin`"),
        ("edge", "dependencies", "testkit.workspace = true", "`edge` may not depend on `testkit`"),
        ("xtask", "dependencies", "gateway.workspace = true", "`xtask` may not depend on `gateway`"),
        (
            "engine",
            "dependencies",
            "x = { package = \"edge\", path = \"y\" }",
            "`engine` may not depend on `edge`",
        ),
        ("edge", "target.'cfg(unix)'.dependencies", "egress = \"1\"", "`edge` may not depend on `egress`"),
    ] {
        let section_name = section.rsplit('.').next().unwrap();
        let expected = format!("crates/{name}/Cargo.toml: {says} ({section_name})");
        expect_manifest(name, &format!("[{section}]\n{dependency}"), &[&expected]);
    }
}

#[test]
fn heavy_crates_have_one_owner() {
    expect_manifest(
        "metering",
        "[dependencies]\nsqlx.workspace = true\nhyper-util.workspace = true\n[dev-dependencies]\nhyper = \"1\"",
        &[
            "crates/metering/Cargo.toml: `hyper` belongs to [\"edge\", \"egress\"]; `metering` may not depend on `hyper-util`",
            "crates/metering/Cargo.toml: `sqlx` belongs to [\"storage\"]; `metering` may not depend on `sqlx`",
        ],
    );
}

#[test]
fn crates_are_planned_and_keep_the_lints() {
    let text = "[package]\nname = \"common\"\n".to_owned();
    let tree = Tree {
        manifests: vec![Manifest { path: "crates/common/Cargo.toml".to_owned(), text }],
        ..Tree::default()
    };
    expect(
        &tree,
        &[
            "crates/common/Cargo.toml: crate `common` is not in the plan of crates (ARCHITECTURE.md)",
            "crates/common/Cargo.toml: must say `[lints] workspace = true`",
            "crates/common/Cargo.toml: no crate is called `common`",
        ],
    );
}

#[test]
fn files_begin_with_their_purpose() {
    expect_source("crates/edge/src/a.rs", "//! What it is.\nfn a() {}\n", &[]);
    let says =
        "crates/edge/src/a.rs:1: a file begins with `//!`: what it is, what it is not, where to look next";
    expect_source("crates/edge/src/a.rs", "// What it is.\nfn a() {}\n", &[says]);
}

#[test]
fn empty_names_are_refused_for_files_folders_and_modules() {
    expect_source(
        "crates/edge/src/utils.rs",
        "//! x\n",
        &["crates/edge/src/utils.rs: no module is called `utils`"],
    );
    expect_source(
        "crates/edge/src/types/a.rs",
        "//! x\nmod core {}\nmod typed {}\n",
        &[
            "crates/edge/src/types/a.rs: no module is called `types`",
            "crates/edge/src/types/a.rs:2: no module is called `core`",
        ],
    );
}

#[test]
fn allow_is_found_inside_macros_and_not_in_comments() {
    let text =
        "//! x\n// #[allow(dead_code)]\nfn a() { m! { #[allow(x)] fn b() {} } }\n#[expect(x)]\nfn c() {}\n";
    let says = "crates/edge/src/a.rs:3: write `#[expect(lint, reason = \"…\")]`, never `#[allow]`";
    expect_source("crates/edge/src/a.rs", text, &[says]);
}

#[test]
fn loose_ends_are_planned() {
    let word = concat!("TO", "DO");
    let text = format!("//! x\n// {word}(realtime): y\n// {word}: z\nconst A: &str = \"{word}\";\n");
    let says = format!("crates/edge/src/a.rs:3: `{word}` must name an entry of ROADMAP.md: `{word}(entry)`");
    expect_source("crates/edge/src/a.rs", &text, &[&says]);
}

#[test]
fn files_are_short_but_for_tests_and_tables() {
    let long = |prefix: &str| format!("//! x\n{prefix}{}", "const A: u8 = 1;\n".repeat(600));
    expect_source(
        "crates/edge/src/a.rs",
        &long(""),
        &["crates/edge/src/a.rs: 601 lines; a file has at most 600"],
    );
    expect_source("crates/edge/src/a/tests.rs", &long(""), &[]);
    let table = format!("//! x\n// tidy: table\nconst A: &[u8] = &[\n{}];\n", "1,\n".repeat(700));
    expect_source("crates/edge/src/a.rs", &table, &[]);
}

#[test]
fn functions_are_short_and_take_few_arguments() {
    let body = "    drop(());\n".repeat(79);
    let text = format!("//! x\nfn a() {{\n{body}}}\n// tidy: table\nfn b() {{\n{body}}}\n");
    expect_source("crates/edge/src/a.rs", &text, &["crates/edge/src/a.rs:2: `a` has 81 lines; at most 80"]);
    expect_source(
        "crates/edge/src/a.rs",
        "//! x\nimpl A {\n    fn a(&self, a: u8, b: u8, c: u8, d: u8, e: u8) {}\n}\ntrait B {\n    fn b(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8);\n}\n",
        &["crates/edge/src/a.rs:6: `b` takes 6 arguments; at most 5"],
    );
}

#[test]
fn the_request_path_and_the_contract_have_caps() {
    let text = format!("//! x\n{}", "const A: u8 = 1;\n".repeat(200));
    expect_source(
        "crates/engine/src/pipeline.rs",
        &text,
        &["crates/engine/src/pipeline.rs: 201 lines; the request path has at most 200"],
    );
    let text = format!("//! x\n{}", "const A: u8 = 1;\n".repeat(550));
    let sources = (0..11).map(|number| source(&format!("crates/contract/src/a{number}.rs"), &text)).collect();
    expect(
        &Tree { sources, ..Tree::default() },
        &["crates/contract/src/: 6061 lines; the contract has at most 6000"],
    );
}

#[test]
fn vendors_are_named_only_where_they_are_spoken_to() {
    let text = "//! OpenAI here is fine.\n\
        fn openai() {}\n\
        fn a() { let x = Dialect::OpenaiChat; } // gemini\n\
        const B: &str = \"anthropic-beta\";\n\
        struct MyGeminiKey;\n\
        struct Ollamas;\n\
        fn geminious() {}\n\
        const C: &str = \"mistral\";\n\
        struct VertexToken;\n\
        #[cfg(test)]\nmod tests { fn anthropic() {} }\n";
    let at = |line: usize, vendor: &str| {
        format!("crates/edge/src/a.rs:{line}: `{vendor}` is named outside `providers` and `wire`")
    };
    let expected = [at(2, "openai"), at(4, "anthropic"), at(5, "gemini"), at(8, "mistral"), at(9, "vertex")];
    expect_source("crates/edge/src/a.rs", text, &expected.each_ref().map(String::as_str));
    expect_source("crates/wire/src/a.rs", text, &[]);
}

#[test]
fn files_behind_cfg_test_are_tests() {
    let vendor = "//! x\nconst A: &str = \"openai\";\n";
    let sources = vec![
        source("crates/edge/src/lib.rs", "//! x\n#[cfg(test)]\nmod fakes;\nmod a;\n"),
        source("crates/edge/src/a.rs", "//! x\n#[cfg(test)]\nmod samples;\n"),
        source("crates/edge/src/fakes.rs", vendor),
        source("crates/edge/src/fakes/more.rs", vendor),
        source("crates/edge/src/a/samples.rs", vendor),
        source("crates/edge/src/samples.rs", vendor),
    ];
    let mut tree = Tree { sources, ..Tree::default() };
    tree.mark_test_files();
    expect(&tree, &["crates/edge/src/samples.rs:2: `openai` is named outside `providers` and `wire`"]);
}

#[test]
fn code_strings_and_comments_are_told_apart() {
    let lines = lexer::lines(
        "let a = \"x // y\\\"z\"; // c\nlet b = r#\"q\"w\"#; /* d /* e */ f */ g::<'a>('\"', '\\'', b'x');\n\"two\nlines\" end\n",
    );
    let parts: Vec<_> =
        lines.iter().map(|line| (line.code.as_str(), line.strings.trim(), line.comment.trim())).collect();
    assert_eq!(
        parts,
        [
            ("let a = \"\"; ", "x // y z", "c"),
            ("let b = \"\";  g::<'a>('', '', b'');", "q\"w \" \\' x", "d  e  f"),
            ("\"", "two", ""),
            ("\" end", "lines", ""),
        ]
    );
}
