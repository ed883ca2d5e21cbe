"""Warm-up: runs a model on its recorded samples before the first request."""

import logging

from ..data.rows import table
from ..data.samples import Samples
from ..errors import BundleError, RequestError, in_short
from ..manifests.settings import ServeSettings
from ..manifests.tuning import Tuning
from .runner import Runner

log = logging.getLogger(__name__)

SECONDS = 0.5  # to measure one method, beyond the batch that is running
_SHOWN = 3  # differences in the log


async def warm_up(
    runner: Runner,
    samples: Samples,
    settings: ServeSettings,
    tuning: Tuning = Tuning(),  # noqa: B008  frozen
    device: str = "cpu",
) -> None:
    """Run the samples, log where answers differ from the recorded ones, and measure batches.

    A model that computes otherwise than it was saved is allowed what fits its `tuning` and its
    `device`.

    A model that answers otherwise than recorded still serves: another processor rounds
    differently, and `bundle test` is where a difference is a failure.

    Raises:
        BundleError: when the model cannot answer its own samples at all.
    """
    if settings.warmup == "off" or not samples.inputs:
        return
    try:
        with runner.uncounted():
            await _replay(runner, samples.loosened(tuning.tolerance_on(device)), tuning)
            if runner.signature(samples.method).batchable:
                most = settings.warmup if isinstance(settings.warmup, int) else None
                await runner.warm_up(samples.method, list(samples.inputs), SECONDS, most)
    except RequestError as error:
        raise BundleError(
            f"Model `{runner.alias}` cannot answer its own sample for `{samples.method}`: "
            f"{error.detail}",
            hint=_hint(error.__cause__),
        ) from error


def _hint(cause: BaseException | None) -> str:
    """The model's exception as a hint, which clients do not see."""
    if cause is None:
        return "Run `bundle test` on the bundle for the details."
    text = in_short(cause).removeprefix("RemoteError: ")
    if text.startswith(("ModuleNotFoundError: ", "ImportError: ")):
        return f"{text}. Its code imports that when it is called; `src/` of a bundle can have it."
    return f"It raised {text}; the log has the traceback."


async def _replay(runner: Runner, samples: Samples, tuning: Tuning) -> None:
    signature = runner.signature(samples.method)
    batch = table.gather(signature.inputs, list(samples.inputs), nan_as_null=True)
    answers = table.to_instances(await runner.submit(batch, samples.method), nan_as_null=True)
    for difference in samples.differences(answers)[:_SHOWN]:
        log.warning(
            "`%s.%s` differs from its sample: %s.", runner.alias, samples.method, difference
        )
    if not tuning.is_default:
        log.info(
            "`%s.%s` computes in another way (%s): its sample differs by at most %.2g.",
            runner.alias,
            samples.method,
            tuning.words,
            samples.largest_difference(answers),
        )
