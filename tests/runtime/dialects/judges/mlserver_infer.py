"""`mlserver infer` asks a server of `kinds` for many rows, one request a line of a file.

Prints one JSON line; anything else raises.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ADDRESS = sys.argv[1]
REQUESTS = 40


def line(row):
    tensor = {"name": "input", "shape": [1, 2], "datatype": "FP64", "data": [row, 1]}
    return json.dumps({"inputs": [tensor]})


def infer(directory, *options):
    """The answers, by the row that they are for."""
    source, target = directory / "in.jsonl", directory / "out.jsonl"
    source.write_text("\n".join(map(line, range(REQUESTS))) + "\n")
    target.unlink(missing_ok=True)
    command = [Path(sys.executable).with_name("mlserver"), "infer", "-u", ADDRESS, "-m", "sums"]
    subprocess.run(
        [*command, "-i", source, "-o", target, "-w", "4", *options],
        check=True,
        timeout=50,
        capture_output=True,
    )
    answers = map(json.loads, target.read_text().splitlines())
    return {answer["parameters"]["batch_index"]: answer for answer in answers}


def main():
    with tempfile.TemporaryDirectory() as name:
        for options in (("-s", "8"), ("-b",)):
            answers = infer(Path(name), *options)
            assert len(answers) == REQUESTS, answers
            for row, answer in answers.items():
                (output,) = answer["outputs"]
                assert output["data"] in ([row + 1], [[row + 1]]), answer
            print(json.dumps({"part": " ".join(options), "count": len(answers)}))


if __name__ == "__main__":
    main()
