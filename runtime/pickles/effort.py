"""Effort: how much the analysis of one file may cost, however its parts refer to each other."""

from dataclasses import dataclass


@dataclass(slots=True)
class Effort:
    """What the analysis may still spend on one file and on all archives in it.

    opcodes   of all pickles
    parts     of arguments and of states of dtypes
    unpacked  bytes of compressed streams and of members of archives
    """

    opcodes: int = 2_000_000
    parts: int = 2_000_000
    unpacked: int = 64 << 20

    def step(self) -> None:
        """Count an opcode; raises ValueError beyond the bound."""
        self.opcodes -= 1
        if self.opcodes < 0:
            raise ValueError("too many opcodes")

    def look_at(self, parts: int) -> None:
        """Count parts; raises ValueError beyond the bound."""
        self.parts -= parts
        if self.parts < 0:
            raise ValueError("too many parts of arguments")

    def unpack(self, size: int) -> bool:
        """Whether `size` bytes more may be unpacked; they are counted if so."""
        is_possible = size <= self.unpacked
        self.unpacked -= size if is_possible else 0
        return is_possible
