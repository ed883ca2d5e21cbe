"""Build log: steps for who waits, reasons for who must mend."""

import pytest

from modelbundle.bundler.errors import ImageFailed
from modelbundle.bundler.image.engines.build_log import BuildLog

from ...recorded_progress import RecordedProgress


def read(*texts):
    """Feed lines as an engine cuts them: anywhere."""
    steps = RecordedProgress()
    log = BuildLog(steps)
    for text in texts:
        log.add({"stream": text})
    return log, steps.steps


def fail(error, *texts):
    log, _ = read(*texts)
    log.add({"error": error, "errorDetail": {"message": error}})
    with pytest.raises(ImageFailed) as caught:
        log.result()
    return caught.value


def test_steps_are_told_and_settings_are_not():
    """ENV and LABEL take no time; nobody waits for them."""
    _, said = read(
        "Step 1/3 : FROM x AS y\n", " ---> 3e7\nStep 2/3 : EN", "V a=b\nStep 3/3 : RUN  z\n"
    )
    assert said == ["[1/3] FROM x AS y", "[3/3] RUN z"]


def test_podman_counts_in_capitals():
    """Its steps read alike."""
    assert read("STEP 2/9: COPY a b\n")[1] == ["[2/9] COPY a b"]


def test_long_instructions_are_shortened():
    """A step is one line on a terminal."""
    (said,) = read(f"Step 1/1 : RUN {'x ' * 200}\n")[1]
    assert len(said) < 80
    assert said.endswith("…")


@pytest.mark.parametrize(
    ("event", "image"),
    [
        ({"aux": {"ID": "sha256:abc"}}, "sha256:abc"),
        ({"stream": "Successfully built 0123456789ab\n"}, "0123456789ab"),
        ({"stream": "a" * 64 + "\n"}, "a" * 64),
    ],
)
def test_the_image_is_found_in_what_each_engine_says(event, image):
    """Docker says it in an extra event, old ones and Podman in words."""
    log, _ = read()
    log.add(event)
    assert log.result() == image


def test_a_build_without_image_or_reason_is_a_failure():
    """An engine that was killed ends its stream so."""
    log, _ = read("Step 1/1 : RUN x\n")
    with pytest.raises(ImageFailed, match="without an image"):
        log.result()


def test_a_failure_carries_the_lines_of_its_own_step():
    """The last output, without that of earlier steps and the engine's own talk."""
    error = fail(
        "The command '/bin/sh -c pip' returned a non-zero code: 1",
        "Step 1/2 : FROM x\nold\nStep 2/2 : RUN pip\n ---> Running in 12ab\n",
        "".join(f"line {number}\n" for number in range(100)),
        "no line end",
    )
    assert "`RUN pip` failed" in str(error)
    assert "line 99" in str(error)
    assert "no line end" in str(error)
    assert "returned a non-zero code: 1" in str(error)
    assert not any(word in str(error) for word in ("old", "12ab", "line 70\n"))


def test_the_engines_colors_and_repetitions_stay_out():
    """Docker paints stderr red, and says a failed command twice."""
    error = fail(
        "The command '/bin/sh -c a\n b' returned a non-zero code: 1",
        "Step 1/1 : RUN a b\n\x1b[91mwrong\n\x1b[0m\x1b[91mRemoving intermediate container 12\n\x1b[0m",
    )
    assert str(error).splitlines()[1:] == ["  wrong", "  The command returned a non-zero code: 1"]


def test_a_missing_base_image_is_called_that():
    """The engine says `pull access denied`, or a name that does not resolve."""
    error = fail(
        "dial tcp: lookup registry-1.docker.io: no such host", "Step 1/9 : FROM python:9 AS a\n"
    )
    assert "base image `python:9` is not on this engine" in str(error)
    assert "no such host" in str(error)
    assert "docker pull python:9" in error.hint


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("ERROR: No matching distribution found for x==1", "PIP_INDEX_URL"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "bundle lock",
        ),
        ("write /x: no space left on device", "prune"),
        ("/bin/sh: 1: apt-get: not found", "Debian"),
        ("something else", None),
    ],
)
def test_known_failures_say_what_mends_them(said, hint):
    """The hint is the one command."""
    error = fail("returned a non-zero code: 1", f"Step 1/1 : RUN x\n{said}\n")
    assert hint in error.hint if hint else error.hint is None
