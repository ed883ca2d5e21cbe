import pytest

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.bundler.errors import BuildError

HEAD = "import dataclasses\nimport modelbundle as mb\n"
SERVICE = "@mb.service\nclass S:\n    @mb.api\n    def f(self, x: T36) -> int: ...\n"


@pytest.mark.parametrize(
    "doubled",
    [
        "T{new} = tuple[T{old}, T{old}]",
        "@dataclasses.dataclass\nclass T{new}:\n    a: T{old}\n    b: T{old}",
    ],
)
def test_types_that_double_keep_the_build_busy_for_no_longer_than_a_while(tmp_path, doubled):
    types = [doubled.format(new=new, old=new - 1) for new in range(1, 37)]
    text = "\n".join([HEAD, "T0 = int", *types, SERVICE])
    (tmp_path / "service.py").write_text(text)
    with pytest.raises(BuildError, match="more than 20,000 parts"):
        read_service(tmp_path, "service:S")
