"""Wheels that own the same file are refused."""

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.lock.package import Package
from modelbundle.bundler.requirements.wheels.collisions import check_environment, check_lock


def package(name, via):
    return Package(name, "1.0", {f"{name}.whl": "0"}, via=(via,))


NCCLS = [package("nvidia-nccl-cu12", "xgboost"), package("nvidia-nccl-cu13", "torch")]


def test_families_are_refused_by_name_where_nobody_could_look_into_the_wheels():
    told = r"`nvidia/nccl/lib` .*nvidia-nccl-cu12 1\.0 \(asked for by xgboost\)"
    with pytest.raises(ResolveError, match=told) as caught:
        check_lock(NCCLS)
    assert "exclude_packages: [nvidia-nccl-cu12]`." in caught.value.hint
    assert caught.value.exit_code == 4


def test_a_family_whose_files_do_not_meet_is_fine():
    listed = {"nvidia-nccl-cu12": {"a.so": "sha256=1"}, "nvidia-nccl-cu13": {"b.so": "sha256=2"}}
    assert check_lock(NCCLS, listed) == ""


def test_one_of_each_family_is_fine():
    check_lock([package("nvidia-nccl-cu13", "torch"), package("nvidia-cudnn-cu12", "x")])


def test_other_content_at_one_path_is_refused_with_the_names_the_path_and_a_way_out():
    locked = [package("one", "asker"), package("two", "other")]
    listed = {
        "one": {"x/__init__.py": "sha256=0", "x/a.py": "sha256=1", "x/lib.so": "sha256=1"},
        "two": {"x/__init__.py": "sha256=0", "x/a.py": "sha256=2", "x/lib.so": "sha256=2"},
    }
    with pytest.raises(ResolveError) as caught:
        check_lock(locked, listed)
    assert str(caught.value) == (
        "Two wheels bring `x/lib.so`, `x/a.py` with other content: one 1.0 (asked for by asker) "
        "and two 1.0 (asked for by other). Whichever is unpacked last wins."
    )
    assert "`exclude_packages: [one]` or `exclude_packages: [two]`" in caught.value.hint


@pytest.mark.parametrize("path", ["x/data", "tests"])
def test_a_file_where_another_wheel_has_a_folder_is_refused(path):
    """Even where nobody imports it: no installer can unpack both."""
    locked = [package("one", "asker"), package("two", "other")]
    one, two = {path: "sha256=1", "a.so": "sha256=1"}, {f"{path}/b.py": "sha256=1"}
    for listed in ({"one": one, "two": two}, {"one": two, "two": one}):
        with pytest.raises(ResolveError) as caught:
            check_lock(locked, listed)
        assert str(caught.value) == (
            f"Of two wheels, one brings `{path}` as a file and the other as a folder: one 1.0 "
            "(asked for by asker) and two 1.0 (asked for by other). They cannot be installed "
            "together."
        )
        assert "`exclude_packages: [one]` or `exclude_packages: [two]`" in caught.value.hint


def test_folders_that_wheels_share_are_no_collision():
    locked = [package("one", "x"), package("two", "x")]
    listed = {"one": {"x/y/a.py": "sha256=1"}, "two": {"x/y/b.py": "sha256=1", "x/c": "sha256=1"}}
    assert check_lock(locked, listed) == ""


def test_nobody_is_told_to_leave_out_what_is_asked_for():
    """`exclude_packages` leaves out only what other packages bring along."""
    author = "python.requirements in the bundlefile"
    both = [package("opencv-python", author), package("opencv-python-headless", "ultralytics")]
    with pytest.raises(ResolveError) as caught:
        check_lock(both)
    assert "`exclude_packages: [opencv-python-headless]`." in caught.value.hint
    with pytest.raises(ResolveError) as caught:
        check_lock([package("opencv-python", author), package("opencv-python-headless", author)])
    assert caught.value.hint == "Ask for one of opencv-python and opencv-python-headless only."


@pytest.mark.parametrize("path", ["tests/__init__.py", "setup.py", "build_backend.py"])
def test_what_nobody_imports_is_told_and_passes(path):
    locked = [package("one", "x"), package("two", "x")]
    listed = {"one": {path: "sha256=1"}, "two": {path: "sha256=2"}}
    assert f"one and two bring other content for `{path}`" in check_lock(locked, listed)
    with pytest.raises(ResolveError):
        check_lock(locked, {"one": {f"pkg/{path}": "1"}, "two": {f"pkg/{path}": "2"}})


def record(site, name, lines):
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text("".join(f"{line}\n" for line in lines))


def test_an_environment_with_differing_claims_on_one_file_is_refused(tmp_path):
    record(tmp_path, "one", ["lib/x.so,sha256=aa,1", "same.py,sha256=cc,1"])
    record(tmp_path, "two", ["lib/x.so,sha256=bb,1", "same.py,sha256=cc,1"])
    with pytest.raises(ResolveError, match=r"one and two both own 1 files.*`lib/x\.so`"):
        check_environment(tmp_path)


def test_distributions_are_told_apart_by_their_whole_names(tmp_path):
    """Some builders leave a hyphen in the name of the folder."""
    record(tmp_path, "acme-tools", ["lib/x.so,sha256=aa,1"])
    record(tmp_path, "acme-rows", ["lib/x.so,sha256=bb,1"])
    with pytest.raises(ResolveError, match="acme-rows and acme-tools both own"):
        check_environment(tmp_path)


def test_equal_files_caches_and_scripts_are_no_collision(tmp_path):
    record(tmp_path, "one", ["a/__init__.py,sha256=aa,0", "../../bin/x,sha256=aa,1", "b.pyc,,"])
    record(tmp_path, "two", ["a/__init__.py,sha256=aa,0", "../../bin/x,sha256=bb,1", "b.pyc,,"])
    check_environment(tmp_path)
