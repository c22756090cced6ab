"""The stores, through obstore: opened with mounted credentials, and faults told in a sentence.

Nothing is held but one piece of a stream at a time: the size of an object does not matter.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import obstore
from obstore import exceptions
from obstore.store import ObjectStore

from etcd_operator.api.store_forms import BUCKET, BUCKET_REMEDY
from etcd_operator.core.tasks.jobs.paths import STORE
from etcd_operator.errors import TaskError
from etcd_operator.jobs.io.open_store import open_store
from etcd_operator.jobs.store_access import (
    SCHEMES,
    Access,
    AzureAccess,
    GcsAccess,
    LocalAccess,
    S3Access,
)

# What is read, compressed or written at a time.
PIECE: Final = 2**20
# A part of an upload: the least that S3 takes. An upload has 10000 parts at most: 50 GB.
PART: Final = 5 * 2**20
# Parts on the way at the same time; the product bounds the memory that an upload takes.
PARALLEL: Final = 3
# What is less than this is no upload of parts.
WHOLE: Final = 8 * 2**20
# How long parts on the way have to arrive before an upload is aborted, in seconds.
ARRIVING: Final = 2.0
_CODE: Final = re.compile(r"<Code>(\w{1,100})</Code>")
_SAID: Final = re.compile(r"<Message>([^<]{1,500})")
# Of a URL: a SAS token is part of it, and errors repeat the whole URL.
_QUERY: Final = re.compile(r"[?][^\s)>\"']*")


@dataclass(frozen=True, slots=True)
class Location:
    """An object store by its URL: scheme, bucket (or container) and a key in it."""

    scheme: str
    bucket: str
    key: str

    @property
    def url(self) -> str:
        """Written out."""
        return f"{self.scheme}://{self.bucket}/{self.key}"

    def beside(self, name: str) -> Location:
        """Another object in the same directory."""
        directory = self.key.rpartition("/")[0]
        return Location(self.scheme, self.bucket, f"{directory}/{name}" if directory else name)


def locate(url: str) -> Location:
    """Read a URL; raises TaskError for one that names no object."""
    parts = urlsplit(url)
    found = Location(parts.scheme, parts.netloc, parts.path.strip("/"))
    if found.scheme not in SCHEMES.values() or not found.key:
        raise TaskError(f"{url} names no object: use one such as s3://bucket/path/name.json.")
    if found.bucket and not re.fullmatch(BUCKET, found.bucket):
        raise TaskError(f"{found.bucket} of {url} is not the name of a bucket: {BUCKET_REMEDY}.")
    return found


def locate_directory(scheme: str, access: Access, directory: str) -> Location:
    """Return where a destination's directory lies."""
    match access:
        case S3Access() | GcsAccess():
            return Location(scheme, access.bucket, directory)
        case AzureAccess():
            return Location(scheme, access.container, directory)
        case LocalAccess():
            return Location(scheme, "", directory)


class Store:
    """One bucket, and how to call it in sentences."""

    def __init__(self, location: Location, access: Access) -> None:
        self._name = f"{location.scheme}://{location.bucket}"
        self._access = access
        self._store = self._open(location)

    def _open(self, location: Location) -> ObjectStore:
        try:
            return open_store(location.bucket, self._access)
        except exceptions.BaseError as error:
            raise self._explain(error) from error

    def upload(self, key: str, pieces: Iterable[bytes]) -> None:
        """Store a stream; on a fault nothing of it becomes visible. Raises TaskError.

        A small one goes in one request, which leaves nothing if it fails. A larger one goes in
        parts: whatever ends the stream, also an exception out of `pieces`, takes them back. Only a
        process that is killed leaves them, in no listing, until the service removes them.
        """
        stream = iter(pieces)
        begun = _take(stream, WHOLE)
        if len(begun) < WHOLE:
            self.put(key, begun)
            return
        try:
            obstore.put(
                self._store,
                key,
                itertools.chain([begun], _let_arrive(stream)),
                use_multipart=True,
                chunk_size=PART,
                max_concurrency=PARALLEL,
            )
        except (exceptions.BaseError, FileNotFoundError) as error:
            raise self._explain(error) from error

    def put(self, key: str, content: bytes) -> None:
        """Store a small object. Raises TaskError."""
        try:
            obstore.put(self._store, key, content)
        except (exceptions.BaseError, FileNotFoundError) as error:
            raise self._explain(error) from error

    def size(self, key: str) -> int:
        """Return an object's size in bytes. Raises TaskError."""
        try:
            return int(obstore.head(self._store, key)["size"])
        except (exceptions.BaseError, FileNotFoundError) as error:
            raise self._explain(error, key) from error

    def read(self, key: str) -> bytes:
        """Return a small object. Raises TaskError."""
        try:
            return bytes(obstore.get(self._store, key).bytes())
        except (exceptions.BaseError, FileNotFoundError) as error:
            raise self._explain(error, key) from error

    def download(self, key: str) -> Iterator[bytes]:
        """Yield an object in pieces, no sooner than they are wanted. Raises TaskError.

        A request that ends before the object does, be it because its time is up, is followed by one
        for the rest, as long as each brings something.
        """
        there, size = 0, self.size(key)
        while there < size:
            begun, fault = there, None
            try:
                for piece in self._stream(key, there):
                    there += len(piece)
                    yield bytes(piece)
            except (exceptions.BaseError, FileNotFoundError) as error:
                fault = error
            if there == begun:
                early = EOFError(f"{key} ends after {there} of {size} bytes")
                raise self._explain(fault or early, key) from fault

    def _stream(self, key: str, start: int) -> obstore.BytesStream:
        answer = obstore.get(self._store, key, options={"range": {"offset": start}})
        return answer.stream(min_chunk_size=PIECE)

    def list_names(self, directory: str) -> list[str]:
        """Return the names of the objects right in a directory. Raises TaskError."""
        try:
            found = obstore.list_with_delimiter(self._store, directory)["objects"]
        except FileNotFoundError:
            return []
        except exceptions.BaseError as error:
            raise self._explain(error) from error
        return [str(entry["path"]).rpartition("/")[2] for entry in found]

    def delete(self, key: str) -> None:
        """Delete an object, which may be gone already. Raises TaskError."""
        try:
            obstore.delete(self._store, key)
        except (FileNotFoundError, exceptions.NotFoundError):
            return
        except exceptions.BaseError as error:
            raise self._explain(error) from error

    def delete_unfinished(self, directory: str, chosen: Callable[[str], bool]) -> None:
        """Delete what killed writers left beside the objects of a disk, where no listing shows it.

        The library writes `name#1` and renames that. Raises TaskError.
        """
        if not isinstance(self._access, LocalAccess):
            return
        try:
            for path in Path(STORE, directory).glob("*#*"):
                if chosen(path.name):
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise self._explain(error) from error

    def _explain(self, error: Exception, key: str = "") -> TaskError:
        return TaskError(explain(error, self._name, self._access, key))


def _let_arrive(stream: Iterator[bytes]) -> Iterator[bytes]:
    """Pass a stream on; if it fails, only when parts on the way have had time to arrive.

    The upload is aborted then, and a part that the service is just writing would outlive that.
    """
    try:
        yield from stream
    except Exception:
        time.sleep(ARRIVING)
        raise


def _take(stream: Iterator[bytes], size: int) -> bytes:
    """Return the beginning of a stream: so many bytes or a piece more, or all there is."""
    begun = bytearray()
    while len(begun) < size and (piece := next(stream, b"")):
        begun += piece
    return bytes(begun)


def explain(error: Exception, name: str, access: Access, key: str = "") -> str:
    """Say what a store has against a request, in one sentence with the remedy."""
    text = str(error)
    code = next(iter(_CODE.findall(text)), "")
    said = next(iter(_SAID.findall(text)), "")
    if code == "NoSuchBucket" or "ContainerNotFound" in text:
        return _explain_missing(name, access)
    if code in ("ExpiredToken", "TokenRefreshRequired", "RequestExpired"):
        return (
            f"The temporary credentials for {name} have expired: renew the Secret. {said}".strip()
        )
    denied = isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError)
    if denied or code in _DENIED:
        why = f"{code}: {said}" if code else _first_line(text)
        return f"{name} refuses the credentials{_name_secret(access)}, or forbids this: {why}"
    if isinstance(error, exceptions.NotFoundError | FileNotFoundError):
        return (
            f"{name}/{key} does not exist: name another backup."
            if key
            else _explain_missing(name, access)
        )
    if isinstance(access, S3Access | AzureAccess) and (why := _find_connection_fault(text)):
        where = access.endpoint or "its public endpoint"
        return f"{name} cannot be reached at {where}: {why}"
    if "os error 28" in text or "No space left" in text:
        return f"The disk of {name} is full: enlarge it, or keep fewer backups."
    return f"Request to {name} failed: {f'{code}: {said}' if code else _first_line(text)}"


def _explain_missing(name: str, access: Access) -> str:
    kind = "container" if isinstance(access, AzureAccess) else "bucket"
    return f"The {kind} of {name} does not exist: create it, or name another."


def _name_secret(access: Access) -> str:
    secret = getattr(access, "credentials_secret", "") or getattr(access, "access_key_secret", "")
    return f" of Secret {secret}" if secret else ""


_DENIED: Final = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AccessDenied",
    "XAdminUserNotFound",  # versitygw's word for a key it does not know, with status 404
)
_NO_STORE: Final = "what answers there is no such object store: correct the endpoint."
_FAULTS: Final = (
    ("dns error", "its name is not known to the cluster's DNS: correct the endpoint."),
    ("Connection refused", "nobody listens there: correct the endpoint, or start the service."),
    ("certificate", "its certificate is not trusted: set caSecret to the CA that signed it."),
    ("UnknownIssuer", "its certificate is not trusted: set caSecret to the CA that signed it."),
    ("No route to host", "there is no route: correct the endpoint or the network policies."),
    ("timed out", "it does not answer in time: correct the endpoint, or see why it is slow."),
    ("operation timed out", "it does not answer in time."),
    ("503", "it answers 503, it is overloaded or down: see why."),
    ("SlowDown", "it asks to slow down: see why."),
    ("Unable to extract metadata from headers", _NO_STORE),
    ("Got invalid list response", _NO_STORE),
    ("Got invalid put response", _NO_STORE),
    ("Got invalid multipart response", _NO_STORE),
    ("error sending request", "the connection fails: correct the endpoint."),
)


def _find_connection_fault(text: str) -> str:
    return next((sentence for sign, sentence in _FAULTS if sign in text), "")


def _first_line(text: str) -> str:
    lines = [line.strip() for line in _QUERY.sub("", text).splitlines() if line.strip()]
    return lines[0][:300] if lines else "no reason given"
