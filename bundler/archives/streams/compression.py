"""Compression: zstd for `.tar.zst`; imported only when it is used."""

from typing import Any, Protocol

from ...errors import InvalidArchive, MissingLibrary
from .copying import Sink

MAGIC = b"\x28\xb5\x2f\xfd"
_LEVEL = 3
_THREADS = 4  # a fixed number: the bytes shall not depend on the machine
_WINDOW = 1 << 27  # bytes of memory that a frame may ask for
_FREE = 4 << 30  # bytes that may come out of any number of bytes
_RATIO = 1000  # above that: what grows more is a bomb, or hardly worth its name


class Readable(Protocol):
    """A binary file that can be read."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""


class Compressor:
    """A sink that compresses into another."""

    def __init__(self, sink: Sink) -> None:
        module = _zstandard()
        self._sink = sink
        settings = module.ZstdCompressionParameters.from_level(
            _LEVEL, threads=_THREADS, write_checksum=True
        )
        self._stream = module.ZstdCompressor(compression_params=settings).compressobj()

    def write(self, data: bytes | memoryview) -> None:
        """Compress every byte."""
        if compressed := self._stream.compress(data):
            self._sink.write(compressed)

    def fileno(self) -> None:
        """None: all bytes must be compressed here."""
        return

    def close(self) -> None:
        """Write the end of the stream."""
        self._sink.write(self._stream.flush())


class Decompressor:
    """Decompresses what `Compressor` or `zstd` wrote."""

    def __init__(self, source: Readable, where: str) -> None:
        self._module = _zstandard()
        self._where = where
        self._source = _Counted(source)
        self._stream: Any = self._module.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(
            self._source, read_across_frames=True
        )
        self._made = 0

    def readinto(self, buffer: memoryview) -> int:
        """Fill the start of `buffer`; 0 at the end.

        Raises:
            InvalidArchive: when it is damaged, or decompresses to more than is allowed.
        """
        try:
            count: int = self._stream.readinto(buffer)
        except self._module.ZstdError as error:
            raise InvalidArchive(f"{self._where} cannot be decompressed: {error}.") from error
        self._made += count
        if self._made > _FREE + _RATIO * self._source.taken:
            raise InvalidArchive(
                f"{self._where} holds {self._source.taken:,} bytes that become more than "
                f"{_FREE:,}.",
                hint="If you know where it comes from: `zstd -dc FILE | bundle import -`.",
            )
        return count


class _Counted:
    def __init__(self, source: Readable) -> None:
        self._source = source
        self.taken = 0

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self.taken += len(data)
        return data


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise MissingLibrary("A `.tar.zst`", "zstandard", "zstd") from error
    return zstandard
