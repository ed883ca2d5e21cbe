"""`bundle verify --signer`: who must have signed a bundle or a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...usage import WrongUsage

if TYPE_CHECKING:
    from ....bundler.signing import Verifier
    from ....bundler.store import Item, Store


@dataclass(frozen=True, slots=True)
class RequiredSigners:
    """Who must have signed it, and where else its signatures are.

    signers     files of keys or certificates
    identity    and issuer: of a certificate, or of sigstore
    trust       another sigstore than the public one
    signatures  files; none: those in the store
    """

    signers: Sequence[Path] = ()
    identity: str | None = None
    issuer: str | None = None
    trust: Path | None = None
    signatures: Sequence[Path] = ()

    @property
    def is_asked(self) -> bool:
        """Whether a signature matters at all."""
        given = (self.identity, self.issuer, self.trust)  # an empty variable of a script is one
        return bool(self.signers or self.signatures) or any(one is not None for one in given)

    @property
    def verifiers(self) -> "list[Verifier]":
        """Those who may have signed it; raises WrongUsage when nobody is named."""
        from ....bundler.signing import known_signers

        found = known_signers.named(self.signers, self.identity, self.issuer, self.trust)
        if not found:
            raise WrongUsage(
                "No signer is named.",
                hint="Add `--signer KEY.pub`, or `--identity` and `--issuer`.",
            )
        return found

    def of_item(self, item: "Item", store: "Store") -> str:
        """Who has signed an item; raises InvalidSignature when none of the required signers has."""
        from ....bundler.signing import verify

        return verify(item, store, self.verifiers, self._given()).name

    def of_directory(self, directory: Path) -> str:
        """Who has signed the bundle in a directory, whose files were compared.

        Raises:
            InvalidSignature: when nobody of them has.
        """
        from ....bundler.signing import verify_directory

        if not self.signatures:
            raise WrongUsage(
                "A directory has no signature.",
                hint="Add `--signature FILE`; keep that file outside of the directory.",
            )
        return verify_directory(directory, self.verifiers, self._given()).name

    def _given(self) -> list[bytes]:
        from ....bundler.signing.key import content

        return [content(path) for path in self.signatures]
