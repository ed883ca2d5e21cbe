"""Offering: gives a running server a model of the store that it asks for.

It is a program of its own, which `bundle serve` tells its server how to start. The name comes from
a client of that server, so what is said of it names no path of this machine; the rest is told on
stderr, which is the server's log.
"""

import argparse
import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime import digest
from ...runtime.errors import BundleError, InvalidBundle, NotTrusted
from ...runtime.manifests.file_entry import FileEntry
from ...runtime.process.supervising.resolver import Resolver
from ..errors import Damaged, InvalidTag, NotFound, Refused

if TYPE_CHECKING:
    from ..store import Item, Store

MODULE = "modelbundle.bundler.serving.offering"
_CONFIG = "model.json"
_KINDS: tuple[tuple[type[BundleError], str, str], ...] = (
    (NotFound, "unknown", "the store has no such model"),
    (InvalidTag, "unknown", "the store has no such model"),
    (NotTrusted, "refused", "loading it runs code that is not trusted on this machine"),
    (
        Refused,
        "refused",
        "the policy of this machine does not allow it: it is not signed as that asks",
    ),
    (Damaged, "failed", "it is damaged in the store"),
    (InvalidBundle, "failed", "it is damaged in the store"),
)


@dataclass(frozen=True, slots=True)
class Offering:
    """Models of a store for one server, laid out in a directory of that server's.

    policy  says whose signature they must have; None: the store's own does, if there is one
    """

    store: "Store"
    place: Path
    policy: Path | None

    def offer(self, name: str) -> dict[str, Any]:
        """The model called `name:version`, `name@alias` or `name`, with all of its files there.

        Raises:
            BundleError: when there is none, or it may not run here, or is damaged.
        """
        from ..building.chosen_model import ChosenModel, check_trust
        from ..signing.policy import Policy

        item = self.store.find(name, "model")
        if policy := Policy.of(self.store, self.policy):
            policy.check(item, self.store)
        model = ChosenModel.of(item.name, item, self.store)
        check_trust([model], self.store)
        return {"entry": model.entry.to_json(), "directory": str(self._laid_out(item))}

    def _laid_out(self, item: "Item") -> Path:
        """A directory of links, whose bytes are those that their digests name."""
        directory = self.place / secrets.token_hex(8)
        config = FileEntry(_CONFIG, item.digest, len(self.store.config(item)))
        try:
            for entry in (config, *self.store.files(item)):
                self._place(entry, directory, item.tag)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        return directory

    def _place(self, entry: FileEntry, directory: Path, tag: str) -> None:
        path = directory / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.store.place(entry.digest, path, executable=entry.executable)
        if digest.of_file(path) != entry.digest:
            raise Damaged(f"`{entry.path}` of the model `{tag}` differs from its digest.")


def resolver(
    store: "Store", place: Path, policy: Path | None, variables: Mapping[str, str]
) -> Resolver:
    """How a server whose environment is `variables` asks this tool for models of `store`.

    The tool runs in its own environment, not in that of the bundle.
    """
    command = [sys.executable, "-P", "-m", MODULE, f"--store={store.root}", f"--place={place}"]
    if policy is not None:
        command.append(f"--policy={policy.absolute()}")
    own = {
        name: os.environ.get(name)
        for name, text in variables.items()
        if os.environ.get(name) != text
    }
    return Resolver((*command, "--"), place, own)


def main(arguments: Sequence[str] | None = None) -> int:
    """Offer the model that the command line names: one JSON object on stdout."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--place", type=Path, required=True)
    parser.add_argument("--policy", type=Path)
    parser.add_argument("name")
    given = parser.parse_args(arguments)
    from ..store import Store

    offering = Offering(Store(given.store), given.place, given.policy)
    try:
        answer = offering.offer(given.name)
    except BundleError as error:
        sys.stderr.write(f"error: {error}\n")
        kinds = ((kind, why) for type_, kind, why in _KINDS if isinstance(error, type_))
        kind, why = next(
            kinds, ("failed", "the store cannot give it; the log of the server says why")
        )
        answer = {"refused": kind, "why": why}
    with suppress(BrokenPipeError):  # the server has ended
        sys.stdout.write(json.dumps(answer))
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
