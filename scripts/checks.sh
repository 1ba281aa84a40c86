# The checks that `lint` and `test` share; sourced by both. Each goes on after a failure, so that one run tells all.
# shellcheck shell=bash

passed=0
failed=0
skipped=0
failures=()

# check NAME COMMAND…: runs it and counts how it went.
check() {
    local name=$1
    shift
    say "$name"
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        failures+=("$name")
    fi
}

# The database is cloned over git: there is none without a way to GitHub.
advisories() {
    if timeout 20 git ls-remote --quiet https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
        check "advisories" "$deny" --locked check advisories
    else
        say "advisories NOT checked: the RustSec database cannot be reached from here"
        skipped=$((skipped + 1))
    fi
}

lints() {
    need_lints
    need_deny
    check "formatting" cargo fmt --all --check
    check "clippy" cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
    check "tidy" cargo xtask tidy
    check "schema is up to date" cargo xtask schema --check
    check "licences, bans, sources" "$deny" --locked check licenses bans sources
    advisories
}

# The last word. Takes what is to be said of tests before it.
verdict() {
    local failure
    for failure in "${failures[@]}"; do
        printf 'FAILED: %s\n' "$failure"
    done
    printf '%s%d checks passed, %d failed, %d not possible here\n' "$1" "$passed" "$failed" "$skipped"
    [ "$failed" -eq 0 ]
}
