"""Registry: one repository of an OCI registry, over HTTP."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ....runtime import digest as digests
from ...errors import Damaged, RegistryError
from ...store import Blob, oci
from ...untrusted import shallow_json
from ..http import remedy
from ..http.answer import Answer
from ..http.exchange import Access, Exchange
from ..http.limits import Limits
from ..http.retry import Retry
from ..http.transient_error import TransientError
from ..reference import RegistryReference
from .content import Content, FileContent
from .remote import Advance, Stream, Way
from .upload import Upload

_OK, _PARTIAL, _BAD_REQUEST, _MISSING = 200, 206, 400, 404
_ACCEPT = (
    f"{oci.MANIFEST}, {oci.INDEX}, application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json"
)
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


class Registry:
    """A `Remote` that is asked over HTTP; making the object opens no connection.

    mounts   digest -> another repository of this registry that has it
    """

    def __init__(
        self,
        reference: RegistryReference,
        access: Access,
        *,
        plain_http: bool = False,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self.reference = reference
        self.limits = limits
        self.mounts: Mapping[str, str] = {}
        self._exchange = Exchange(reference, access, limits, plain_http=plain_http)
        self.stop = self._exchange.stop

    def manifest(self) -> bytes:
        """The manifest of the tag or digest; see `Remote`."""
        wanted = self.reference.digest or self.reference.tag or "latest"
        answer = self._exchange.ask(
            "GET", self._exchange.url(f"manifests/{wanted}"), {"Accept": _ACCEPT}
        )
        if answer.status == _MISSING:
            raise RegistryError(
                f"`{self.reference}` is not there"
                + ("." if self._exchange.is_logged_in else ", or only for those who log in."),
                hint=f"Correct the name, or log in with `docker login {self.reference.host}`.",
            )
        self._exchange.expect(answer, {_OK}, f"the manifest of `{self.reference}`")
        kind = answer.header("Content-Type").partition(";")[0].strip().lower()
        data = answer.read(self.limits.manifest)
        if kind.startswith("text/"):
            raise self._no_manifest(f"a page ({kind})")
        self._check_digest(data, self.reference.digest or answer.header("Docker-Content-Digest"))
        return data

    def has(self, blob: Blob) -> bool:
        """Whether the repository has the complete blob."""
        return self._exchange.has(blob)

    def read(self, blob: Blob, offset: int) -> Stream:
        """Begin to read a blob, without retries."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        answer = self._exchange.once("GET", self._exchange.url(f"blobs/{blob.digest}"), headers)
        self._exchange.expect(answer, {_OK, _PARTIAL}, f"the blob `{blob.digest}`")
        start = 0
        if answer.status == _PARTIAL:
            found = _CONTENT_RANGE.fullmatch(answer.header("Content-Range"))
            if not found or int(found[1]) != offset:
                answer.close()
                raise RegistryError(
                    f"Asked for a blob from byte {offset:,} on, `{self.reference.host}` answered "
                    f"with {answer.header('Content-Range')[:80]!r}."
                )
            start = offset
        if answer.length is not None and answer.length != blob.size - start:
            answer.close()
            raise Damaged(
                f"The blob `{blob.digest}` has {answer.length + start:,} bytes in "
                f"`{self.reference}`; its manifest says {blob.size:,}."
            )
        return Stream(start, answer.pieces(blob.size - start + 1), answer.close)

    def send(self, blob: Blob, path: Path, advance: Advance) -> Way:
        """Upload a blob, or mount it from another repository."""
        return self.upload(blob, FileContent(path), advance)

    def upload(
        self, blob: Blob, content: Content, advance: Advance, source: str | None = None
    ) -> Way:
        """Upload a blob that need not be a file; `source` is a repository that has it."""
        upload = Upload(self._exchange, blob, content, advance)
        return upload.run(source or self.mounts.get(blob.digest))

    def digest(self, tag: str) -> str | None:
        """The current digest of a tag."""
        answer = self._exchange.ask(
            "HEAD", self._exchange.url(f"manifests/{tag}"), {"Accept": _ACCEPT}
        )
        if answer.status == _MISSING:
            return None
        self._exchange.expect(answer, {_OK}, "a tag")
        found = answer.header("Docker-Content-Digest")
        return found if digests.is_digest(found) else self._digest_of_content(tag)

    def _digest_of_content(self, tag: str) -> str | None:
        """Compute the digest of a manifest, for a registry that does not report it."""
        data = self._list(f"manifests/{tag}")
        if data is None:
            return None
        try:
            shallow_json.loads(data)
        except ValueError as error:
            raise self._no_manifest("something that is not JSON") from error
        return digests.of_bytes(data)

    def publish(
        self, manifest: bytes, tags: Sequence[str], over: Sequence[str | None] = ()
    ) -> None:
        """PUT the manifest under every tag."""
        del over  # registries know no condition
        for tag in tags:
            self._put(manifest, tag)

    def _put(self, manifest: bytes, tag: str) -> Answer:
        retry = Retry(self.limits, self.stop)
        while _is_half_read(answer := self._try_put(manifest, tag)):
            retry.wait(TransientError(self._exchange.refusal(answer, f"the manifest `{tag}`")))
        self._exchange.expect(answer, {_OK, 201, 202}, f"the manifest `{tag}`")
        stored = answer.header("Docker-Content-Digest")
        if not digests.is_digest(stored):  # a page of something between is a 200, too
            stored = self.digest(tag) or ""
            if not stored:
                raise RegistryError(
                    f"`{self.reference.host}` answered {answer.status} for the manifest `{tag}`, "
                    "and does not have it.",
                    hint=remedy.ELSEWHERE,
                )
        self._check_digest(manifest, stored)
        return answer

    def _try_put(self, manifest: bytes, tag: str) -> Answer:
        kind = shallow_json.loads(manifest).get("mediaType", oci.MANIFEST)
        headers = {"Content-Type": kind, "Content-Length": str(len(manifest))}
        url = self._exchange.url(f"manifests/{tag}")
        return self._exchange.ask("PUT", url, headers, lambda: manifest)

    def tagged(self, tag: str) -> bytes | None:
        """The manifest or index of a tag or digest."""
        return self._list(f"manifests/{tag}")

    def refer(self, manifest: bytes) -> bool:
        """PUT the manifest by its digest; a registry with the referrers API answers its subject."""
        return bool(self._put(manifest, digests.of_bytes(manifest)).header("OCI-Subject"))

    def referrers(self, digest: str) -> bytes | None:
        """The answer of the referrers API, if the registry has it."""
        return self._list(f"referrers/{digest}")

    def _list(self, path: str) -> bytes | None:
        answer = self._exchange.ask("GET", self._exchange.url(path), {"Accept": _ACCEPT})
        if answer.status != _OK:
            answer.close()
            return None
        return answer.read(self.limits.manifest)

    def cut(self) -> None:
        """Abort all requests and pauses."""
        self._exchange.cut()

    def close(self) -> None:
        """Close the connections."""
        self._exchange.close()

    def _no_manifest(self, what: str) -> RegistryError:
        return RegistryError(
            f"`{self.reference.host}` answered with {what} instead of a manifest.",
            hint=remedy.ELSEWHERE,
        )

    def _check_digest(self, data: bytes, expected: str) -> None:
        got = digests.of_bytes(data)
        if expected and digests.is_digest(expected) and expected != got:
            raise Damaged(
                f"`{self.reference.host}` answered with another manifest: expected {expected}, "
                f"got {got}."
            )


def _is_half_read(answer: Answer) -> bool:
    """Whether another client writes the same manifest at the same time.

    The reference registry then compares the digest with a half-written file.
    """
    return answer.status == _BAD_REQUEST and answer.message().startswith("DIGEST_INVALID")
