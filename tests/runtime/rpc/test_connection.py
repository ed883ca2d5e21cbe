"""One end of a stream of frames: how much may wait there, and what ends it."""

import asyncio
import socket

from modelbundle.runtime.rpc.connection import HIGH_WATER, Connection
from modelbundle.runtime.rpc.frame import Frame, FrameKind


async def connect(*, on_frame=lambda _: None, on_lost=lambda _: None, on_room=lambda: None):
    """A connection, and the socket at its other end."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    made = Connection(on_frame, on_lost, on_room)
    await asyncio.get_running_loop().create_unix_connection(lambda: made, sock=ours)
    return made, theirs


async def drained(stream, size):
    got = b""
    while len(got) < size:
        got += await asyncio.get_running_loop().sock_recv(stream, 1 << 20)
    return got


def run(scenario):
    async def main():
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(main())


def test_there_is_no_room_until_the_other_end_has_read():
    """What is sent nevertheless arrives whole."""

    async def scenario():
        room = asyncio.Event()
        connection, stream = await connect(on_room=room.set)
        frame = Frame(FrameKind.PART, 7, b"", bytes(range(256)) * (HIGH_WATER >> 8))
        sent = 0
        while connection.has_room:
            assert sent < 16, "the other end has read nothing"
            connection.send(*frame)
            sent += 1
        connection.send(*frame)
        assert not room.is_set()
        whole = b"".join(frame.pieces()) * (sent + 1)
        assert await drained(stream, len(whole)) == whole
        await room.wait()
        assert connection.has_room
        connection.close()
        stream.close()

    run(scenario)


def test_the_end_is_told_once_with_what_was_wrong():
    async def scenario():
        for said, expected in ((b"", ""), (b"\xff" * 24, "said what cannot be understood: BadF")):
            lost = asyncio.Queue()
            connection, stream = await connect(on_lost=lost.put_nowait)
            stream.send(said) if said else stream.close()
            assert (await lost.get()).startswith(expected)
            assert lost.empty()
            connection.send(FrameKind.PING)  # nobody listens
            connection.close()
            stream.close()

    run(scenario)


def test_what_cannot_be_taken_ends_it_and_nothing_after_it_is_heard():
    async def scenario():
        heard, lost = [], asyncio.Queue()

        def take(frame):
            heard.append(frame.number)
            if frame.number == 2:
                raise KeyError

        _, stream = await connect(on_frame=take, on_lost=lost.put_nowait)
        pieces = [b"".join(Frame(FrameKind.PONG, number).pieces()) for number in (1, 2, 3)]
        stream.send(b"".join(pieces))
        assert await lost.get() == "said what cannot be understood: KeyError"
        assert heard == [1, 2]
        stream.close()

    run(scenario)


def test_closing_is_at_once_whatever_still_waits():
    async def scenario():
        lost = asyncio.Queue()
        connection, stream = await connect(on_lost=lost.put_nowait)
        while connection.has_room:
            connection.send(FrameKind.PART, 1, b"", bytes(HIGH_WATER))
        connection.close()
        assert await lost.get() == ""
        stream.close()

    run(scenario)
