"""Upkeep: verification, repair, garbage collection and disk usage of a store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import Damaged
from ...progress import Progress
from ..blobs.blobs import Blobs
from ..blobs.delivery import Delivery
from ..blobs.trees import Trees
from ..files.workspace import Workspace
from ..item import Item
from ..referrers import Referrers
from ..refs.refs import Refs
from .collecting import Collector
from .copies import Copies
from .reach import Reach
from .record_repair import RecordRepair
from .repairing import Repair
from .usage import Usage
from .verifying import Damage, Verification


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The upkeep of the store in `root`; the parts are those of `Store`."""

    root: Path
    refs: Refs
    blobs: Blobs
    trees: Trees
    referrers: Referrers
    workspace: Workspace

    def collector(self) -> Collector:
        """The garbage collector."""
        reach = Reach(self.refs, self.blobs, self.root / "tmp", self.referrers)
        return Collector(reach, self.trees, self.workspace, self.root / "memo")

    def verify(self, items: Iterable[Item] | None, progress: Progress) -> list[Damage]:
        """Read every byte of these items, or of the whole store; returns the damages."""
        stored = (self.refs, self.blobs, self.trees, self.referrers)
        return Verification(self.root, *stored).run(items, progress)

    def repair(
        self,
        items: Sequence[Item] | None,
        copies: Sequence[Copies],
        records: RecordRepair,
        delivery: Delivery,
    ) -> list[Item] | None:
        """Repair what `verify` has marked; returns the items, read again, or None for all."""
        chosen = Repair(self.refs, self.blobs, self.trees, records).run(items, copies, delivery)
        self.referrers.mend()
        return chosen

    def usage(self) -> Usage:
        """The disk usage; nothing counts as reclaimable while a ref or manifest is damaged."""
        try:
            reclaimable = self.collector().unreached()
        except Damaged:
            reclaimable = 0
        return Usage.of(self.root, self.refs, self.blobs, reclaimable)
