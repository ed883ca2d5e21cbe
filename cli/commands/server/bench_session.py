"""BenchSession: starts and measures the targets of `bundle bench`."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ....bundler.benching.bench import Bench
from ....bundler.benching.bench_plan import BenchPlan
from ....bundler.benching.paired_run import PairedReport, PairedRun
from ....bundler.benching.run import Report, Run
from ....bundler.benching.subject import launched_server, running_server
from ....bundler.benching.subject.bench_request import BenchRequest
from ....bundler.benching.subject.subject import Subject
from ....bundler.serving.serving import LaunchOptions, prepare
from ....bundler.store import Store
from ...serving.temporary_server import running
from ...terminal.console import Console
from ...terminal.failed import Failed
from .request import Body


@dataclass(frozen=True, slots=True)
class BenchSession:
    """Finds and starts targets.

    options   for the server, where we start one
    body      to send instead of the recorded samples
    """

    console: Console
    where: LaunchOptions
    options: Sequence[str]
    route: str | None = None
    body: BenchRequest | None = None
    remote: bool = False

    def measure(self, targets: Sequence[str], plan: BenchPlan) -> None:
        """Measure one target or compare two, and say what was found, also if it was cut short.

        Raises:
            Failed: for wrong answers; when somebody stopped it, with what there was by then.
            BundleError: when a target cannot be served or asked.
        """
        with ExitStack() as stack:
            benches = [stack.enter_context(self._bench(target)) for target in targets]
            rows = {bench.subject.requests.rows(plan.rows) for bench in benches}
            if len(rows) == 1:
                plan = replace(plan, rows=rows.pop())
            if len(benches) == 1:
                self._single(benches[0], plan)
            else:
                self._paired(benches, plan)

    def _single(self, bench: Bench, plan: BenchPlan) -> None:
        from .bench_page import page

        subject = bench.subject
        run = Run(bench, plan, self.console, _cpus())
        end = _went(run)
        data = subject.to_json() | {"rows": plan.rows, "cpus": _cpus()} | run.report.to_json()
        self._say(data, page(subject, run.report), run.report, end, _next(subject))

    def _paired(self, benches: Sequence[Bench], plan: BenchPlan) -> None:
        from .bench_page import paired_page

        first, second = (bench.subject for bench in benches)
        paired = PairedRun(benches[0], benches[1], plan, self.console)
        end = _went(paired)
        both = {"first": first.to_json(), "second": second.to_json()}
        data = both | {"rows": plan.rows, "cpus": _cpus()} | paired.report.to_json()
        text = paired_page([first.tag or first.name, second.tag or second.name], paired.report)
        self._say(data, text, paired.report, end, None)

    def _say(
        self,
        data: Mapping[str, Any],
        text: str,
        report: Report | PairedReport,
        end: int | None,
        next_command: str | None,
    ) -> None:
        if report.wrong or end is not None:
            self.console.text(text)
        if end is not None:
            verb = "Interrupted" if end == signal.SIGINT else "Terminated"
            message = f"{verb}; this is what had been measured by then."
            raise Failed(message, data, exit_code=128 + end)
        if report.wrong:
            raise Failed(
                f"{report.wrong:,} answers were wrong: {'; '.join(report.differences)}.",
                data,
                hint="A lone request was answered right; see what `bundle test` says.",
            )
        self.console.result(data, text, next_command=next_command)

    @contextmanager
    def _bench(self, target: str) -> Iterator[Bench]:
        with self._subject(target) as subject, Bench(subject) as bench:
            yield bench

    @contextmanager
    def _subject(self, target: str) -> Iterator[Subject]:
        """What answers there, for as long as the block runs."""
        if target.startswith(("http://", "https://")):
            yield running_server.subject(target, self.route, self.body, remote=self.remote)
            return
        with prepare(target, Store.default(), self.where, self.console) as launch:
            workers = next((o for o in self.options if o.startswith("--workers=")), None)
            found = launched_server.subject(target, launch, self.route, self.body, workers)
            self.console.step(launch.environment.why)
            with running(launch, self.options) as server:
                yield launched_server.at(found, server.url, server.pid)


def request(data: str, console: Console) -> BenchRequest:
    """The body in the file `data`, or on stdin where that is `-`.

    Raises:
        BundleError: when it cannot be read.
    """
    body = Body.read(data, None, console)
    return BenchRequest(body.content, body.content_type)


def _went(work: Run | PairedRun) -> int | None:
    """Do it; the number of the signal that ended it early, once there is something to show.

    Raises:
        KeyboardInterrupt: when there is not.
    """
    try:
        work.go()
    except KeyboardInterrupt as error:
        if not work.report.rounds:
            raise error.__cause__ or error from None
        return int(getattr(error.__cause__ or error, "number", signal.SIGINT))
    return None


def _next(subject: Subject) -> str | None:
    return f"bundle serve {subject.name}" if subject.knobs else None


def _cpus() -> int:
    return len(os.sched_getaffinity(0))
