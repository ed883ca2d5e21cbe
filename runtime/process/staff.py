"""Staff: the processes of all crews: forked, heard, and buried."""

import logging
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
from .crew import Crew, FrontPost, ModelPost, Post, TemplatePost
from .obituary import Obituary
from .pending_forks import PendingForks
from .watch import Watch

log = logging.getLogger(__name__)

BIRTH = 10.0  # seconds that a template has to fork: one of many gigabytes takes a second or two
NEWS = 1.0  # seconds after them, in which we hear of what was forked while we did not run


class Staff:
    """Who works at which post.

    on_ready  called with a post when whoever stands there says that it is ready
    on_event  called with what a front tells
    on_failure  called with a post where there will be nobody, though `fork_from` seemed to go well
    """

    def __init__(
        self,
        watch: Watch,
        work: Callable[[Post], Work],
        on_ready: Callable[[Post], None],
        on_event: Callable[[FrontPost, Event], None],
        on_failure: Callable[[Post, OSError], None],
    ) -> None:
        self.crews: list[Crew] = []
        self._watch = watch
        self._work = work
        self._on_ready = on_ready
        self._on_event = on_event
        self._on_failure = on_failure
        self._posts: dict[int, Post] = {}  # by pid
        self._forks = PendingForks(self._born, self._not_born)
        self._strangers: dict[int, int] = {}  # pid -> wait status, while somebody is being born
        self._kills = Cgroup.current().oom_kills()

    def __len__(self) -> int:
        """How many processes there are, or soon will be."""
        return len(self._posts) + len(self._forks)

    def send(self, number: int) -> None:
        """Send a signal to all."""
        for post in self._posts.values():
            post.send(number)

    def catch_up(self, crew: Crew) -> None:
        """Hear what the fronts of a crew have said until this moment."""
        for front in crew.fronts:
            for voice in front.child.voices if front.child is not None else ():
                if not self._hear(front, voice.read):
                    self._watch.unregister(voice.reader)

    # --- birth ---

    def fill(self, post: Post) -> None:
        """Have a process at a post.

        Raises:
            OSError: when there may be no more processes or descriptors.
        """
        try:
            if isinstance(post, FrontPost):
                self._prepare(post)
            elif isinstance(post, TemplatePost):
                line = post.prepare().fileno()
                self._watch.register(line, partial(self._forks.hear, post))
            child = Child(time.monotonic(), post.death_signal)
            post.generation += 1
            child.start(self._work(post), partial(self._let_go, post))
        except OSError:
            self._hang_up(post)
            raise
        self._posts[child.pid] = post
        self._attend(post, child)
        if isinstance(post, FrontPost) and post.control is not None:
            post.control.front.close()
        elif isinstance(post, TemplatePost) and post.template is not None:
            post.template.close()

    def fork_from(self, template: TemplatePost, post: ModelPost) -> None:
        """Have a process at a post, forked from one that has loaded the model.

        Raises:
            ConnectionError: when there is no such process any more.
            OSError: when there may be no more descriptors.
        """
        child = Child(time.monotonic(), post.death_signal)
        post.generation += 1
        try:
            ticket = self._forks.ask(template, post, child)
        except OSError:
            child.listen()
            child.abandon()
            raise
        child.listen()
        self._attend(post, child)
        lose_patience = partial(self._forks.lose_patience, ticket)
        self._watch.later(BIRTH, partial(self._watch.later, NEWS, lose_patience))

    def _attend(self, post: Post, child: Child) -> None:
        """Listen to who stands at a post now."""
        post.child = child
        for voice in child.voices:
            self._watch.register(voice.reader, partial(self._hear, post, voice.read))
        if isinstance(post, ModelPost):
            post.tell("born")

    def _born(self, post: ModelPost, pid: int) -> None:
        """A template has forked it; perhaps for a front that has gone meanwhile."""
        if post.child is not None:
            post.child.pid = pid
            self._posts[pid] = post
            if pid in self._strangers:  # it has ended, which is told next: its number is nobody's
                return
            if post.is_dismissed or post.front is None or post.front.child is None:
                post.child.send(signal.SIGKILL)
            elif post.is_ready:  # it was faster than the news of its birth
                self._on_ready(post)

    def _not_born(self, post: ModelPost, error: OSError) -> None:
        child, post.child = post.child, None
        if child is not None:
            for voice in child.voices:
                self._watch.unregister(voice.reader)
            child.abandon()
        self._on_failure(post, error)

    def _prepare(self, front: FrontPost) -> None:
        """New lines for a new process: the old one may have died in the middle of a word."""
        line = front.prepare().supervisor
        line.on_event = partial(self._on_event, front)
        line.on_full = partial(self._watch.write, line.fileno(), line.flush)
        self._watch.register(line.fileno(), line.read)

    def _hang_up(self, post: Post) -> None:
        """Nobody is at the other end of the line."""
        if isinstance(post, TemplatePost) and post.supervisor is not None:
            self._watch.unregister(post.supervisor.fileno())
            self._forks.finish(post)
            post.let_go()
        if isinstance(post, FrontPost) and post.control is not None:
            self._watch.unregister(post.control.supervisor.fileno())
            post.control.close()

    def _let_go(self, own: Post) -> None:
        """In a child: close what is its supervisor's and its siblings'."""
        self._watch.let_go()
        for crew in self.crews:
            for post in crew.posts():
                for voice in post.child.voices if post.child else ():
                    os.close(voice.reader)
            for each in (*crew.fronts, *crew.templates.values()):
                each.let_go(but_for=own)

    def _hear(self, post: Post, read: Callable[[], bool]) -> bool:
        was_ready = post.is_ready
        goes_on = read()
        if post.is_ready and not was_ready and post.child is not None and post.child.pid:
            self._on_ready(post)
        return goes_on

    # --- death ---

    def reap(self) -> Iterator[tuple[Post, Child, Obituary]]:
        """Who has died; as process 1 of a container, bury also those whom nobody else will."""
        yield from self._reap_strangers()
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid not in self._posts and len(self._forks):
                    self._strangers[pid] = status
                yield from self._bury(pid, status)
        yield from self._reap_strangers()  # whom a template has told of, that has ended just now
        if not len(self._forks):
            self._strangers.clear()

    def _reap_strangers(self) -> Iterator[tuple[Post, Child, Obituary]]:
        """Those who had ended before we heard of their birth."""
        for pid in self._strangers.keys() & self._posts.keys():
            yield from self._bury(pid, self._strangers.pop(pid))

    def _bury(self, pid: int, status: int) -> Iterator[tuple[Post, Child, Obituary]]:
        post = self._posts.pop(pid, None)
        child = post.child if post is not None else None
        if post is None or child is None:
            return
        child.is_buried, post.child = True, None
        for voice in child.voices:
            self._watch.unregister(voice.reader)
        self._hang_up(post)
        words = child.last_words()
        yield post, child, Obituary.of(status, words, is_out_of_memory=self._has_run_out(status))

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


def report(post: Post, child: Child, obituary: Obituary, delay: float) -> None:
    """Say why somebody died, and when there will be another."""
    reason = f" ({child.failure})" if child.failure else ""
    when = f"in {delay:g} s" if delay else "now"
    which = f"{post.name} (pid {child.pid})"
    log.error("%s %s%s; starting another %s.%s", which, obituary.why, reason, when, obituary.told)
