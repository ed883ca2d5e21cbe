"""Staff: the processes of all crews: forked, heard, and buried."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from ..errors import BundleError
from .cgroup import Cgroup
from .child import Child, Work
from .control import Event
from .crew import Crew, FrontPost, ModelPost, Post
from .obituary import Obituary
from .watch import Watch


class Staff:
    """Who works at which post.

    on_ready  called with a post when whoever stands there says that it is ready
    on_event  called with what a front tells
    """

    def __init__(
        self,
        watch: Watch,
        work: Callable[[Post], Work],
        on_ready: Callable[[Post], None],
        on_event: Callable[[FrontPost, Event], None],
    ) -> None:
        self.crews: list[Crew] = []
        self._watch = watch
        self._work = work
        self._on_ready = on_ready
        self._on_event = on_event
        self._posts: dict[int, Post] = {}  # by pid
        self._kills = Cgroup.current().oom_kills()

    def __len__(self) -> int:
        """How many processes there are."""
        return len(self._posts)

    def send(self, number: int) -> None:
        """Send a signal to all."""
        for post in self._posts.values():
            post.send(number)

    # --- birth ---

    def fill(self, post: Post) -> None:
        """Have a process at a post.

        Raises:
            OSError: when there may be no more processes or descriptors.
        """
        try:
            if isinstance(post, FrontPost):
                self._prepare(post)
            child = Child(time.monotonic(), post.death_signal)
            post.generation += 1
            child.start(self._work(post), partial(self._let_go, post))
        except OSError:
            self._hang_up(post)
            raise
        post.child = child
        self._posts[child.pid] = post
        for voice in child.voices:
            self._watch.register(voice.reader, partial(self._hear, post, voice.read))
        if isinstance(post, ModelPost):
            post.tell("born")
        elif isinstance(post, FrontPost) and post.control is not None:
            post.control.front.close()

    def _prepare(self, front: FrontPost) -> None:
        """New lines for a new process: the old one may have died in the middle of a word."""
        line = front.prepare().supervisor
        line.on_event = partial(self._on_event, front)
        self._watch.register(line.fileno(), line.read)

    def _hang_up(self, post: Post) -> None:
        """Nobody is at the other end of a front's line."""
        if isinstance(post, FrontPost) and post.control is not None:
            self._watch.unregister(post.control.supervisor.fileno())
            post.control.close()

    def _let_go(self, own: Post) -> None:
        """In a child: close what is its supervisor's and its siblings'."""
        self._watch.let_go()
        for post in self._posts.values():
            for voice in post.child.voices if post.child else ():
                os.close(voice.reader)
        for crew in self.crews:
            for front in crew.fronts:
                front.let_go(but_for=own)

    def _hear(self, post: Post, read: Callable[[], bool]) -> bool:
        was_ready = post.is_ready
        goes_on = read()
        if post.is_ready and not was_ready:
            self._on_ready(post)
        return goes_on

    # --- death ---

    def reap(self) -> Iterator[tuple[Post, Child, Obituary]]:
        """Who has died; as process 1 of a container, bury also those whom nobody else will."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                post = self._posts.pop(pid, None)
                if post is not None and post.child is not None:
                    yield self._bury(post, post.child, status)

    def _bury(self, post: Post, child: Child, status: int) -> tuple[Post, Child, Obituary]:
        child.is_buried, post.child = True, None
        for voice in child.voices:
            self._watch.unregister(voice.reader)
        self._hang_up(post)
        words = child.last_words()
        return post, child, Obituary.of(status, words, is_out_of_memory=self._has_run_out(status))

    def _has_run_out(self, status: int) -> bool:
        """Whether the kernel has killed somebody for lack of memory since it was last asked."""
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            return False
        before, self._kills = self._kills, Cgroup.current().oom_kills()
        return self._kills > before

    def end(self) -> None:
        """Leave nobody behind."""
        self.send(signal.SIGKILL)
        for pid, post in self._posts.items():
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
            if post.child is not None:
                post.child.last_words()
        self._posts.clear()
        for crew in self.crews:
            crew.let_go()


def cannot_start(post: Post, error: OSError) -> BundleError:
    """What to say where `Staff.fill` fails."""
    return BundleError(f"{post.name} cannot be started: {error.strerror}.")
