"""etcdctl against a cluster: in a member where everything is open, else through a port-forward.

The image of the members has etcdctl and no shell, and members hold no client certificate. So with
TLS the Secret of a client is read with the user's rights, and a local etcdctl uses it. So is that
of a user's password: what runs in a member is told by words, which the API server may log.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from etcd_operator.core.auth.state import OPERATOR_USER
from etcd_operator.json_types import Json
from etcd_operator.plugin.clusters import find_object, members_of
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.port_forward import find_last_line, forward, judge
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes.api import SECRETS

CLIENT_PORT: Final = 2379
FILES: Final = {"ca.crt": "ETCDCTL_CACERT", "tls.crt": "ETCDCTL_CERT", "tls.key": "ETCDCTL_KEY"}
# So much of what a command says as it fails is looked at.
LAST_WORDS: Final = 4096


@dataclass(frozen=True, slots=True)
class Etcdctl:
    """A command that is etcdctl for one cluster, and the environment that it needs.

    `is_lost`: whether the connection that it uses has ended.
    """

    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    is_lost: Callable[[], bool] = lambda: False

    async def run(self, *words: str, reads: bool = True) -> Exit:
        """Run it on the user's terminal; returns the exit code.

        `reads`: whether it is given what is typed, or piped in, meanwhile.
        """
        process = await asyncio.create_subprocess_exec(
            *self.command,
            *words,
            env={**os.environ, **self.environment},
            stdin=None if reads else asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            said = await _pass_on(process.stderr)
            return Exit.DONE if await process.wait() == 0 else self._judge(said)
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()

    async def read(self, *words: str) -> str:
        """Return what it prints; raises PluginError with what it says when it fails."""
        process = await asyncio.create_subprocess_exec(
            *self.command,
            *words,
            env={**os.environ, **self.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        if process.returncode != 0:
            said = err.decode(errors="replace")
            raise PluginError(f"etcdctl: {find_last_line(said) or 'it failed'}", self._judge(said))
        return out.decode(errors="replace")

    def _judge(self, said: str) -> Exit:
        """Return the exit code: that of the connection, where it is not etcd that says no."""
        return Exit.UNREACHABLE if self.is_lost() else judge(said)


async def _pass_on(stream: asyncio.StreamReader | None) -> str:
    """Print what a command says as it says it; returns the end of that."""
    said = b""
    while stream is not None and (part := await stream.read(LAST_WORDS)):
        sys.stderr.write(part.decode(errors="replace"))
        sys.stderr.flush()
        said = (said + part)[-LAST_WORDS:]
    return said.decode(errors="replace")


def has_client_tls(cluster: Json, member: str = "") -> bool:
    """Whether clients speak TLS with a member, by its URL in the status, else by the spec.

    While TLS is turned on or off, some members serve otherwise than the spec has it.
    """
    for each in members_of(cluster):
        if each["name"] == member and each.get("clientURL"):
            return str(each["clientURL"]).startswith("https:")
    tls = (cluster["spec"].get("security") or {}).get("tls")
    if tls is None:
        return False
    return bool(tls.get("enabled", True) and tls.get("clientTLSEnabled", True))


def choose_secret(cluster: Json, user: str) -> str:
    """Return the Secret with the client certificate: of a user, of root with users, or of all."""
    name = cluster["metadata"]["name"]
    if user:
        return f"{name}-user-{user}"
    auth = (cluster["spec"].get("security") or {}).get("auth")
    if auth is None or auth.get("enabled") is False:
        return f"{name}-client-tls"
    roots = [
        each["name"] for each in auth.get("users") or () if "root" in (each.get("roles") or ())
    ]
    return f"{name}-user-{roots[0]}" if roots else f"{name}-operator-tls"


def choose_login(cluster: Json, user: str) -> tuple[str, str] | None:
    """Return whom to log in as without TLS, and the Secret with the password; None as nobody.

    Raises PluginError for a user that has no password.
    """
    name, auth = cluster["metadata"]["name"], (cluster["spec"].get("security") or {}).get("auth")
    managed = auth is not None and auth.get("mode") != "Unmanaged"
    if auth is None or (managed and auth.get("enabled") is False):
        return None
    own_root = f"{name}-root-password" if managed else ""
    known = {each["name"]: each.get("passwordSecret") for each in auth.get("users") or ()}
    known["root"] = auth.get("rootPasswordSecret") or own_root
    if user:
        if not known.get(user):
            raise PluginError(f"spec.security.auth has no password of user {user}.", Exit.NOT_FOUND)
        return user, str(known[user])
    for each in auth.get("users") or ():
        if "root" in (each.get("roles") or ()) and each.get("passwordSecret"):
            return str(each["name"]), str(each["passwordSecret"])
    if managed:
        return OPERATOR_USER, f"{name}-operator-password"
    return ("root", str(known["root"])) if known["root"] else None


def choose_member(cluster: Json, wanted: str = "") -> str:
    """Return the member to ask: the wanted one, or the first that serves."""
    names = [member["name"] for member in members_of(cluster)]
    if wanted and wanted not in names:
        raise PluginError(f"There is no member {wanted}: {', '.join(names)}.", Exit.NOT_FOUND)
    serving = [member["name"] for member in members_of(cluster) if member.get("ready")]
    found = [wanted] if wanted else serving or names
    if not found:
        name = cluster["metadata"]["name"]
        raise PluginError(f"EtcdCluster {name} has no member to ask.", Exit.FAILED)
    return found[0]


@asynccontextmanager
async def open_etcdctl(
    session: Session, cluster: Json, *, user: str = "", member: str = "", local: bool = False
) -> AsyncIterator[Etcdctl]:
    """Yield etcdctl for a cluster; `local` has it run here, so that it can write files."""
    asked = choose_member(cluster, member)
    secure = has_client_tls(cluster, asked)
    login = None if secure else choose_login(cluster, user)
    if not local and not secure and not login:
        words = ("exec", "--stdin", asked, "--container=etcd", "--", "etcdctl")
        yield Etcdctl(tuple(session.kubectl(*words)))
        return
    program = shutil.which("etcdctl")
    if program is None:
        why = "the cluster speaks TLS" if secure else "it writes here"
        why = "users of the cluster have passwords" if login else why
        raise PluginError(f"etcdctl is not on PATH, and is needed: {why}.", Exit.TOOL_MISSING)
    with tempfile.TemporaryDirectory(prefix="kubectl-etcd-") as folder:
        environment = await find_credentials(session, cluster, user, Path(folder), secure=secure)
        async with forward(session, asked, CLIENT_PORT) as way:
            scheme = "https" if secure else "http"
            endpoint = {"ETCDCTL_ENDPOINTS": f"{scheme}://127.0.0.1:{way.port}"}
            yield Etcdctl((program,), environment | endpoint, lambda: way.lost)


async def find_credentials(
    session: Session, cluster: Json, user: str, folder: Path, *, secure: bool
) -> dict[str, str]:
    """Return the environment of etcdctl that lets it in: files in the folder, or a password."""
    if secure:
        return await write_client_files(session, cluster, user, folder)
    login = choose_login(cluster, user)
    if login is None:
        return {}
    name, secret = login
    data = (await find_object(session, SECRETS, secret)).get("data") or {}
    password = base64.b64decode(data.get("password") or "").decode(errors="replace")
    if not password:
        said = f"Secret {secret} has no password for user {name}: write it into its key password."
        raise PluginError(said, Exit.FAILED)
    return {"ETCDCTL_USER": f"{name}:{password}"}


async def write_client_files(
    session: Session, cluster: Json, user: str, folder: Path
) -> dict[str, str]:
    """Write the client certificate for the user alone; returns the environment of etcdctl."""
    secret = await find_object(session, SECRETS, choose_secret(cluster, user))
    data, environment = secret.get("data") or {}, {}
    for name, variable in FILES.items():
        path = folder / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(base64.b64decode(data.get(name, "")))
        environment[variable] = str(path)
    return environment
