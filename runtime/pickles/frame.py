"""Frame: tracks the frames of a pickle, which Python's reader reads as a whole.

If an opcode needs more bytes than are left in a frame, Python's reader drops the rest of the frame
and reads on after it. An analysis that ignores frames would then see another program than the one
that runs. Picklers never write an opcode across the end of a frame, nor nested frames, so both are
refused. Source: PEP 3154.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Frame:
    """The current frame, by the position of its `end`; 0 outside of frames."""

    end: int = 0

    def reach(self, place: int) -> None:
        """Note that an opcode begins at `place`.

        Raises:
            ValueError: when the previous opcode crossed the end of the frame.
        """
        if self.end and place >= self.end:
            if place > self.end:
                raise ValueError("an opcode across the end of a frame")
            self.end = 0

    def begin(self, place: int, size: int) -> None:
        """Note that a frame begins at `place`; raises ValueError within another frame."""
        if self.end:
            raise ValueError("a frame within a frame")
        self.end = place + size

    def leave(self, place: int) -> None:
        """Note that joblib reads from the file itself at `place`, bypassing the frame.

        Raises:
            ValueError: when the frame does not end there.
        """
        self.reach(place)
        if self.end:
            raise ValueError("a frame that is not read to its end")
