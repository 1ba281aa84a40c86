# Shared by the scripts beside it, which source it: what they need and how it gets here.
# shellcheck shell=bash

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# Whatever is expensive to make and outlives a `cargo clean`.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pathgate
target=${CARGO_TARGET_DIR:-$root/target}
deny_version=0.20.2

say() { printf '==> %s\n' "$*" >&2; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# apt_install PACKAGE…: Debian packages, as root or through sudo.
apt_install() {
    command -v apt-get >/dev/null || fail "this needs: $*. Install it and try again."
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "run as root: apt-get install $*"
        as_root=(sudo)
    fi
    say "installing Debian packages: $*"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

need_rust() {
    [ -x "$HOME/.cargo/bin/cargo" ] && PATH=$HOME/.cargo/bin:$PATH
    command -v cargo >/dev/null || fail "Rust is missing: see https://rustup.rs"
    # Some of what we build on is C.
    command -v cc >/dev/null || apt_install build-essential
}

need_lints() {
    local component
    for component in fmt clippy; do
        cargo "$component" --version >/dev/null 2>&1 && continue
        say "installing the Rust component $component"
        rustup component add "${component/fmt/rustfmt}"
    done
}

# Sets `deny` to cargo-deny, compiled once when it is missing or of another version.
need_deny() {
    deny=$cache/tools/bin/cargo-deny
    if [ "$("$deny" --version 2>/dev/null)" != "cargo-deny $deny_version" ]; then
        say "installing cargo-deny $deny_version into $cache/tools (compiles about 2 minutes, once)"
        CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root "$cache/tools" "cargo-deny@$deny_version"
    fi
}

# Sets `python` to one that is new enough and can make a venv.
need_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        python=$(command -v "$candidate" || true)
        [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' && break
        python=
    done
    if [ -z "$python" ]; then
        apt_install python3 python3-venv
        python=$(command -v python3)
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
}

# venv NAME REQUIREMENTS: makes $cache/NAME hold exactly these packages and sets `venv` to it.
need_venv() {
    local name=$1 requirements=$2 stamp
    need_python
    venv=$cache/$name
    stamp="$("$python" --version) $(sha256sum <"$requirements")"
    mkdir -p "$cache"
    # Two runs at once must not build one venv twice.
    exec 9>"$cache/$name.lock"
    flock 9
    if [ "$(cat "$venv/.stamp" 2>/dev/null)" != "$stamp" ]; then
        say "installing Python packages of $requirements into $venv"
        rm -rf "$venv"
        "$python" -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
        printf '%s\n' "$stamp" >"$venv/.stamp"
    fi
    exec 9>&-
}

# need_node NAME PACKAGES SCRIPT: makes $cache/NAME-node hold these npm packages with SCRIPT beside them, where its imports
# find them, and sets `node` and `node_script`.
need_node() {
    local folder=$cache/$1-node packages=$2 stamp
    command -v node >/dev/null || apt_install nodejs npm
    command -v npm >/dev/null || apt_install npm
    node=$(command -v node)
    stamp="$(node --version) $(sha256sum <"$packages")"
    mkdir -p "$folder"
    if [ "$(cat "$folder/.stamp" 2>/dev/null)" != "$stamp" ]; then
        say "installing npm packages of $packages into $folder"
        cp "$packages" "$folder/package.json"
        npm install --silent --no-audit --no-fund --prefix "$folder"
        printf '%s\n' "$stamp" >"$folder/.stamp"
    fi
    cp "$3" "$folder/"
    node_script=$folder/$(basename "$3")
}
