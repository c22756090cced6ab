"""What libraries and Python itself have to say, in the operator's log: no line has another form.

Each test runs a process: what it writes is more than what goes through `sys.stderr`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etcd_operator.runtime.pki.x509 import issue_certificate, make_authority
from tests.builders.log_lines import read_lines

LIFETIME = timedelta(days=1)
CAPTURE = """
from etcd_operator.runtime.process import library_logs, logs
logs.configure("info")
library_logs.capture("info")
"""
LIBRARY = """
import asyncio, logging
from tests.fakes.clock import LoopClock

log = logging.getLogger("some.library")
log.debug("Answer read.")
log.info("Request sent.")
log.warning("%s of %d", "one", 2)
log.critical("worse")

async def work():
    with logs.in_pass("EtcdCluster", ("team", "db"), {}, LoopClock()):
        log.error("odd")

asyncio.run(work())
"""
UNCAUGHT = """
import asyncio, gc, threading, warnings

class Odd:
    def __del__(self):
        fail("finalizer")

def fail(what):
    raise ValueError(f"odd {what}")

async def fail_later():
    fail("task")

async def work():
    task = asyncio.ensure_future(fail_later())
    await asyncio.sleep(0.01)
    del task
    gc.collect()

warnings.warn("odd")
Odd()
thread = threading.Thread(target=fail, args=["thread"])
thread.start()
thread.join()
asyncio.run(work())
fail("process")
"""
# A member whose certificate nobody has reason to trust.
WRONG_CERTIFICATE = """
import os, sys
from pathlib import Path
from etcd_operator.__main__ import silence_grpc

silence_grpc(os.environ)
import asyncio, grpc

async def connect():
    key, certificate, other = (Path(name).read_bytes() for name in sys.argv[1:])
    server = grpc.aio.server()
    own = grpc.ssl_server_credentials([(key, certificate)])
    port = server.add_secure_port("127.0.0.1:0", own)
    await server.start()
    credentials = grpc.ssl_channel_credentials(other)
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
        try:
            await channel.unary_unary("/etcdserverpb.KV/Range")(b"", timeout=20)
        except grpc.aio.AioRpcError as error:
            print(error.code().name)
    await server.stop(None)

asyncio.run(connect())
"""
START = """
import os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "grpc":
            print(os.environ["GRPC_VERBOSITY"])

sys.meta_path.insert(0, Watch())
from etcd_operator.__main__ import main
try:
    main()
finally:
    from etcd_operator.cli import load_operator
    load_operator()
"""


def run(code: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own; it writes nothing to standard error."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
        timeout=50,
    )
    assert done.stderr == ""
    return done


def test_a_library_logs_as_the_operator_does_and_no_trifles() -> None:
    first, second, in_pass = read_lines(run(CAPTURE + LIBRARY).stdout)
    assert {line["logger"] for line in (first, second, in_pass)} == {"some.library"}
    assert (first["event"], first["level"]) == ("one of 2", "warning")
    assert (second["event"], second["level"]) == ("worse", "error")
    assert (in_pass["cluster"], in_pass["pass"], in_pass["level"]) == ("team/db", 1, "error")


def test_a_warning_of_python_and_what_nobody_caught_are_a_line_each() -> None:
    done = run(CAPTURE + UNCAUGHT)
    warning, *crashes = read_lines(done.stdout)
    assert done.returncode == 1
    assert (warning["level"], warning["logger"]) == ("warning", "py.warnings")
    assert [(line["logger"], line["exception"].splitlines()[-1]) for line in crashes] == [
        ("python", "ValueError: odd finalizer"),
        ("python", "ValueError: odd thread"),
        ("asyncio", "ValueError: odd task"),
        ("python", "ValueError: odd process"),
    ]


def test_grpc_writes_nothing_about_a_certificate_that_it_refuses(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    own, other = (make_authority(name, now) for name in ("own", "other"))
    leaf = issue_certificate(own, "c-0", now, LIFETIME, names=["127.0.0.1"], server=True)
    files = {"key": leaf.key, "certificate": leaf.certificate, "other": other.certificate}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    done = run(WRONG_CERTIFICATE, *(str(tmp_path / name) for name in files))
    assert done.stdout == "UNAVAILABLE\n"


@pytest.mark.exhaustive
def test_grpc_is_silenced_first_and_what_keeps_the_operator_from_running_is_a_line() -> None:
    done = run(START, LOG_LEVEL="loud")
    said, verbosity = done.stdout.splitlines()
    (line,) = read_lines(said)
    assert verbosity == "NONE"
    assert done.returncode == 1
    assert (line["event"], line["level"]) == ("cannot run", "error")
    assert "LOG_LEVEL" in line["error"]
