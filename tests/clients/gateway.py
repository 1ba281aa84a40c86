"""The gateway as a child process, with a configuration that points at the scripted providers."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

NAMED_BINARY = os.environ.get("PATHGATE_BIN")
KEY = "the-key-of-the-client-tests"
LIMITED_KEY = "the-key-with-a-limit-of-one"
NARROW_KEY = "the-key-for-the-alias-fast-only"
ADMIN_KEY = "the-admin-key-of-the-client-tests"

CONFIG = """
server:
  listen: {listen}
  max_body: 1MiB
storage:
  database: sqlite://{dir}/pathgate.db
auth:
  admin_key: {admin_key}
providers:
  house:
    kind: openai-compatible
    base_url: {house}/v1
    api_key: sk-house
  claude:
    kind: anthropic
    base_url: {claude}
    api_key: sk-claude
  gem:
    kind: gemini
    base_url: {gem}
    api_key: sk-gem
models:
  fast:
    route:
      targets:
        - to: house/text
  once:
    route:
      targets:
        - to: house/err-429
      retry:
        total: 1
keys:
  - name: clients
    key: {key}
  - name: limited
    key: {limited}
    limits:
      requests: 1/day
  - name: narrow
    key: {narrow}
    models: [fast]
"""


def binary():
    """The binary under test: $PATHGATE_BIN, or the debug build of this checkout."""
    return pathlib.Path(NAMED_BINARY) if NAMED_BINARY else pathlib.Path(__file__).parents[2] / "target/debug/pathgate"


def free_address():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


class Gateway:
    def __init__(self, providers):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="pathgate-clients-"))
        self.url = f"http://{free_address()}"
        config = CONFIG.format(
            listen=self.url.removeprefix("http://"),
            dir=self.dir,
            admin_key=ADMIN_KEY,
            key=KEY,
            limited=LIMITED_KEY,
            narrow=NARROW_KEY,
            **{name: provider.url for name, provider in providers.items()},
        )
        (self.dir / "pathgate.yaml").write_text(config)
        self.log = (self.dir / "log").open("wb")
        self.process = subprocess.Popen(
            [binary(), "serve", "--config", self.dir / "pathgate.yaml"],
            cwd=self.dir,
            env={"PATH": os.environ["PATH"]},
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self.wait()

    def wait(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=5).read()
                return
            except OSError:
                time.sleep(0.02)
        self.process.kill()
        raise AssertionError(f"the gateway did not get ready:\n{(self.dir / 'log').read_text()}")

    def close(self):
        """Stops it as an orchestrator does; it must drain and leave with 0."""
        self.process.terminate()
        try:
            status = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "killed after 30 s"
        self.log.close()
        output = (self.dir / "log").read_text()
        shutil.rmtree(self.dir)
        assert status == 0, f"the gateway ended with {status}:\n{output}"
