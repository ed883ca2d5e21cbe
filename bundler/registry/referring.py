"""Referring: copies signatures together with the item that they are about, as OCI referrers.

Source: OCI distribution-spec 1.1, "Listing Referrers" and, for remotes that list none by
themselves, "Referrers Tag Schema". Pulled signatures are untrusted until they are verified.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from ...runtime import canonical
from ...runtime import digest as digests
from ..errors import Damaged, RegistryError
from ..progress import Progress
from ..store import Blob, Item, oci
from ..store.referrers import (
    LARGEST,
    MOST,
    SIGNATURE,
    TRAVELING,
    Referrer,
    is_of_model,
    read_manifest,
)
from ..untrusted import shallow_json
from .http.retry import Retry
from .remotes.download import Download
from .remotes.remote import Moved, Remote

if TYPE_CHECKING:
    from ..store import Store

_TRIES = 20  # of a list that others write as well
_LOOKS = 4 * MOST  # of the listed ones: each is a request, and the list may be wrong


def tag_of(digest: str) -> str:
    """The tag of the list of referrers of a manifest, for remotes without a referrers API."""
    return digest.replace(":", "-")


def send(remote: Remote, store: "Store", item: Item) -> int:
    """Push the signatures of an item that was pushed; returns their number.

    Raises:
        RegistryError: when the remote says no.
    """
    found = store.referrers.traveling(item)
    unlisted = [one for one in found if not _sent(remote, store, one)]
    if unlisted:
        _list(remote, store, item, unlisted)
    return len(found)


def _sent(remote: Remote, store: "Store", referrer: Referrer) -> bool:
    """Push one signature; returns whether the remote lists it by itself."""
    for digest in referrer.blobs[1:]:
        path = store.blob(digest)
        blob = Blob(digest, path.stat().st_size)
        if not remote.has(blob):
            remote.send(blob, path, lambda _: None)
    return remote.refer(store.referrers.manifest(referrer))


def _list(remote: Remote, store: "Store", item: Item, found: list[Referrer]) -> None:
    """Add them to the list under the tag; again if somebody else has added some meanwhile."""
    for _ in range(_TRIES):
        with suppress(Moved):
            _list_once(remote, store, item, found)
            return
    _list_once(remote, store, item, found)


def _list_once(remote: Remote, store: "Store", item: Item, found: list[Referrer]) -> None:
    tag = tag_of(item.manifest)
    listed = remote.tagged(tag)
    known = {entry["digest"]: entry for entry in _entries(listed)}
    for referrer in found:
        size = len(store.referrers.manifest(referrer))
        known[referrer.manifest] = {
            "mediaType": oci.MANIFEST,
            "digest": referrer.manifest,
            "size": size,
            "artifactType": referrer.kind,
        }
    manifests = [known[digest] for digest in sorted(known)]
    index = {"schemaVersion": 2, "mediaType": oci.INDEX, "manifests": manifests}
    over = digests.of_bytes(listed) if listed is not None else None
    remote.publish(canonical.dumps(index), [tag], over=(over,))


def receive(remote: Remote, store: "Store", item: Item, retry: Retry, progress: Progress) -> int:
    """Pull the signatures of a pulled item; returns their number.

    One that cannot be had keeps no other away, and the item neither.
    """
    came: Counter[bool] = Counter()
    try:
        listed = remote.referrers(item.manifest) or remote.tagged(tag_of(item.manifest))
    except RegistryError as error:
        progress.step(f"No signature was transferred: {error}")
        return 0
    found = (e for e in _entries(listed) if e.get("artifactType", SIGNATURE) in [*TRAVELING])
    for entry in islice(found, _LOOKS):
        if came[True] == MOST:
            break
        try:
            _take(remote, store, item, entry["digest"], retry, came)
        except (RegistryError, Damaged, ValueError) as error:
            progress.step(f"A signature was not transferred: {error}")
    return came.total()


def _take(
    remote: Remote, store: "Store", item: Item, digest: str, retry: Retry, came: Counter[bool]
) -> None:
    """Attach one; `came` counts those of models and the others, which keep none of these away."""
    data = remote.tagged(digest)
    if data is None or digests.of_bytes(data) != digest:
        return
    kind, subject, content = read_manifest(data)
    if kind not in TRAVELING or subject != item.manifest:
        return
    if not 0 < content.size <= LARGEST:
        return
    signature = Download(remote, content, retry, lambda _: None).to_bytes()
    is_ours = is_of_model(signature)
    if came[is_ours] < MOST:
        store.referrers.attach(item, kind, signature)
        came[is_ours] += 1


def _entries(data: bytes | None) -> Iterator[dict[str, Any]]:
    """The well-formed descriptors of a list."""
    try:
        found = shallow_json.loads(data or b"{}").get("manifests", [])
    except (ValueError, AttributeError):
        return
    for entry in found if isinstance(found, list) else []:
        if isinstance(entry, dict) and digests.is_digest(str(entry.get("digest"))):
            yield entry
