"""Frame: tracks the frames of a pickle, which Python's reader reads as a whole.

Python's reader drops what is left of one when an opcode wants more than there is, and goes on
behind it; a reader of opcodes alone would not notice, and see another program than the one that
runs. No pickler writes an opcode across the end of a frame, nor a frame within another.
Source: PEP 3154.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Frame:
    """The current frame, by the position of its `end`; 0 outside of frames."""

    end: int = 0

    def reach(self, place: int) -> None:
        """An opcode begins at `place`.

        Raises:
            ValueError: when the one before it stood across the end.
        """
        if self.end and place >= self.end:
            if place > self.end:
                raise ValueError("an opcode across the end of a frame")
            self.end = 0

    def begin(self, place: int, size: int) -> None:
        """A frame begins at `place`; raises ValueError within another one."""
        if self.end:
            raise ValueError("a frame within a frame")
        self.end = place + size

    def leave(self, place: int) -> None:
        """Whoever reads the file itself goes on at `place`, or nobody does.

        Raises:
            ValueError: when the frame does not end there.
        """
        self.reach(place)
        if self.end:
            raise ValueError("a frame that is not read to its end")
