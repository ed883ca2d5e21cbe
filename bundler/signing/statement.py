"""Statement: the signed document: every file with its digest.

An in-toto statement with the predicate of OpenSSF model signing 1.0. Source:
github.com/sigstore/model-transparency, docs of `model_signing`; in-toto attestation spec v1.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ...runtime import canonical
from ...runtime.first_few import first_few
from ...runtime.printable import printable
from ..errors import InvalidSignature
from ..untrusted import strict_json

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
PAYLOAD = "application/vnd.in-toto+json"
UNSIGNED = (".git", ".gitattributes", ".github", ".gitignore")
"""What model signing leaves out of every model, at its root."""

_HEX = re.compile(r"[0-9a-f]{64}")
_SHOWN = 3  # differences in a message


@dataclass(frozen=True, slots=True)
class Statement:
    """The digest ("sha256:...") of each file by its path; `subject` is a name, for people."""

    subject: str
    files: Mapping[str, str]

    @classmethod
    def of(cls, subject: str, files: Mapping[str, str]) -> Self:
        """The statement for these files, without those that model signing ignores."""
        return cls(subject, {path: digest for path, digest in files.items() if is_signed(path)})

    def encode(self) -> bytes:
        """The bytes to sign."""
        resources = [
            {"name": path, "algorithm": "sha256", "digest": _hex(self.files[path])}
            for path in sorted(self.files, key=lambda path: path.split("/"))
        ]
        serialization = {
            "method": "files",
            "hash_type": "sha256",
            "allow_symlinks": False,
            "ignore_paths": list(UNSIGNED),
        }
        subject = {"name": self.subject, "digest": {"sha256": _root(resources)}}
        return canonical.dumps(
            {
                "_type": TYPE,
                "subject": [subject],
                "predicateType": PREDICATE,
                "predicate": {"serialization": serialization, "resources": resources},
            }
        )

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Parse a statement; verify its signature before using it.

        Raises:
            InvalidSignature: when it is invalid, contradicts itself, or needs unsupported features.
        """
        try:
            return cls._read(strict_json.loads(payload))
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            raise InvalidSignature(f"The statement is not of a model: {error}.") from error

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        _equal("statement", document["_type"], TYPE)
        _equal("predicate", document["predicateType"], PREDICATE)
        serialization = document["predicate"]["serialization"]
        _equal("serialization", serialization["method"], "files")
        _equal("hash", serialization["hash_type"], "sha256")
        resources = document["predicate"]["resources"]
        files = dict(map(_file, resources))
        if len(files) < len(resources):
            raise ValueError("it names a file twice")
        (subject,) = document["subject"]
        if subject["digest"] != {"sha256": _root(resources)}:
            raise ValueError("the digest of its subject is not that of its files")
        return cls(str(subject["name"]), files)

    def check(self, files: Mapping[str, str], covered: Mapping[str, str]) -> None:
        """Compare with the actual files; those `covered` are vouched for by a signed file.

        Raises:
            InvalidSignature: with the files that were changed, added or removed.
        """
        found = []
        for path in sorted(self.files.keys() | files.keys()):
            signed, there = self.files.get(path), files.get(path)
            if signed is None and not is_signed(path) and covered.get(path) == there:
                continue
            if signed != there:
                found.append(_difference(path, signed, there))
        if found:
            raise InvalidSignature(
                f"The signature is about other files: {first_few(found, _SHOWN)}."
            )


def is_signed(path: str) -> bool:
    """Whether model signing looks at a file of this path."""
    return path.partition("/")[0] not in UNSIGNED


def _difference(path: str, signed: str | None, there: str | None) -> str:
    change = "was added" if signed is None else "is missing" if there is None else "is another"
    return f"`{printable(path)}` {change}"


def _file(resource: Mapping[str, Any]) -> tuple[str, str]:
    _equal("algorithm", resource["algorithm"], "sha256")
    if not isinstance(resource["name"], str) or not _HEX.fullmatch(resource["digest"]):
        raise ValueError("it names a file without its digest")
    return resource["name"], f"sha256:{resource['digest']}"


def _root(resources: list[dict[str, Any]]) -> str:
    """One digest over the digests of all files, in the order in which they are listed."""
    return hashlib.sha256(b"".join(bytes.fromhex(r["digest"]) for r in resources)).hexdigest()


def _equal(what: str, got: Any, expected: str) -> None:
    if got != expected:
        raise ValueError(f"its {what} is {got!r} instead of {expected!r}")


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
