"""The GPUs of this machine, as nvidia-smi tells."""

import platform

import pytest

from modelbundle.runtime.errors import NoDevice
from modelbundle.runtime.process.machine import device

TWO = (
    "0, NVIDIA H200, 9.0, 143771, 550.54.15, GPU-1f0e\n"
    "1, Tesla T4, 7.5, 15360, 550.54.15, GPU-2a77\n"
)


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """An `nvidia-smi` on the PATH that says this."""

    def install(said, code=0):
        script = tmp_path / "nvidia-smi"
        (tmp_path / "said").write_text(said)
        script.write_text(
            f"#!/bin/sh\nwhile read -r line; do echo \"$line\"; done < '{tmp_path}/said'\nexit {code}\n"
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return install


def test_all_gpus_are_found(smi):
    smi(TWO)
    first, second = device.preflight((), {})
    assert (first.index, first.name, first.capability) == (0, "NVIDIA H200", "9.0")
    assert (second.memory, second.driver) == (15360, "550.54.15")


def test_some_gpus_can_be_asked_for(smi):
    smi(TWO)
    assert [each.index for each in device.preflight((1, 0), {})] == [1, 0]
    with pytest.raises(NoDevice, match=r"no GPU 2 for this process; there is 0 \(NVIDIA H200\), 1"):
        device.preflight((2,), {})


@pytest.mark.parametrize(
    ("named", "used"),
    [
        ("1", ["1"]), ("1,0", ["1", "0"]), ("GPU-2a77", ["1"]), ("GPU-2a,0", ["1", "0"]),
        ("0,7,1", ["0"]), ("MIG-5c,MIG-9d", ["MIG-5c", "MIG-9d"]),
    ],
)  # fmt: skip
def test_the_gpus_that_this_process_may_see_are_all_of_them(smi, monkeypatch, named, used):
    smi(TWO)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert [each.visible for each in device.preflight((), {})] == used


@pytest.mark.parametrize("named", ["", "-1"])
def test_hidden_gpus_are_not_used(smi, monkeypatch, named):
    smi(TWO)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    with pytest.raises(NoDevice, match="`CUDA_VISIBLE_DEVICES` hides every GPU"):
        device.preflight((), {})
    monkeypatch.setenv("BUNDLE_CONTAINER", "1")
    assert not device.are_granted({"kind": "cuda"})


def test_a_gpu_that_is_hidden_cannot_be_asked_for(smi, monkeypatch):
    smi(TWO)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with pytest.raises(NoDevice, match=r"no GPU 0 for this process; there is 1 \(Tesla T4\)"):
        device.preflight((0,), {})


def test_what_nvidia_smi_does_not_know_is_no_reason_to_refuse(smi):
    smi("0, Odd, name, [N/A], [N/A], 580.65.06, GPU-1f0e\n")
    (only,) = device.preflight((), {"kind": "cuda", "min_driver": "580", "archs": ["9.0"]})
    assert (only.name, only.capability, only.memory) == ("Odd, name", "", 0)


def test_an_old_driver_that_does_not_know_of_capabilities_is_asked_without(tmp_path, monkeypatch):
    script = tmp_path / "nvidia-smi"
    script.write_text(
        """#!/bin/sh
case "$1" in
*compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2 ;;
esac
echo '0, Tesla V100, 00000000:00:1E.0, 16160, 450.80.02, GPU-1f0e'
"""
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with pytest.raises(NoDevice, match=r"driver 450\.80\.02; this bundle's CUDA 12\.6") as caught:
        device.preflight((), {"kind": "cuda", "cuda": "12.6", "min_driver": "525.60.13"})
    assert "`accelerator: cuda==11.8`" in caught.value.hint
    (only,) = device.preflight((), {"kind": "cuda", "archs": ["9.0"]})
    assert (only.name, only.capability) == ("Tesla V100", "")


def test_no_driver_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoDevice, match="no `nvidia-smi` here") as caught:
        device.preflight((), {})
    assert caught.value.exit_code == 8


def test_a_driver_that_does_not_work_is_quoted(smi):
    smi("NVIDIA-SMI has failed because it couldn't communicate with the driver.\n", code=9)
    with pytest.raises(NoDevice, match="`nvidia-smi` says: NVIDIA-SMI has failed"):
        device.preflight((), {})


def test_a_machine_without_gpus_is_said(smi):
    smi("")
    with pytest.raises(NoDevice, match="no NVIDIA GPU"):
        device.preflight((), {})


def test_an_old_driver_is_refused_with_both_versions(smi):
    smi(TWO)
    needs = {"kind": "cuda", "cuda": "13.0", "min_driver": "580"}
    with pytest.raises(
        NoDevice, match=r"driver 550\.54\.15; this bundle's CUDA 13\.0 needs 580"
    ) as caught:
        device.preflight((), needs)
    assert "`accelerator: cuda==12.6`" in caught.value.hint
    assert device.preflight((), needs | {"min_driver": "550.54.15"})
    assert device.preflight((), needs | {"min_driver": "525.60.13"})


@pytest.mark.parametrize(
    ("archs", "mended"), [(["8.0", "9.0"], "cuda==12.6"), (["5.0", "6.0"], "cuda==13.0")]
)
def test_a_gpu_without_kernels_is_told_which_build_has_them(smi, archs, mended):
    smi(TWO.splitlines()[1] + "\n")
    with pytest.raises(NoDevice, match=r"Tesla T4\) has compute capability 7\.5") as caught:
        device.preflight((), {"archs": archs})
    assert mended in caught.value.hint


def test_a_gpu_older_than_all_builds_is_sent_to_none_of_them(smi):
    smi("0, Tesla K80, 3.7, 11441, 580.65.06, GPU-1f0e\n")
    with pytest.raises(NoDevice, match=r"capability 3\.7") as caught:
        device.preflight((), {"archs": ["7.5", "9.0"]})
    assert "Use a newer GPU" in caught.value.hint
    assert "12.6" not in caught.value.hint


def test_kernels_are_those_of_this_machine(smi):
    smi(TWO)
    here = platform.machine()
    assert device.preflight((), {"archs": ["3.0"], "archs_on": {here: ["7.5", "9.0"]}})
    with pytest.raises(NoDevice, match="built for 3"):
        device.preflight((), {"archs": ["7.5", "9.0"], "archs_on": {here: ["3.0"]}})


@pytest.mark.parametrize(
    ("archs", "fits"),
    [
        (["7.5", "9.0"], True),
        (["8.0", "9.0"], False),
        (["7.0", "8.0"], False),
        (["7.0+PTX"], True),
        (["sm_70", "sm_90"], True),
        (["compute_75"], True),
        (["sm_100"], False),
        ([], True),
    ],
)
def test_every_gpu_must_be_one_that_the_libraries_were_built_for(smi, archs, fits):
    smi(TWO)
    if fits:
        assert len(device.preflight((), {"archs": archs})) == 2
        return
    with pytest.raises(NoDevice, match=r"compute capability \d\.\d"):
        device.preflight((), {"archs": archs})


def test_a_bundle_locked_for_cpus_says_how_to_change_that(smi):
    smi(TWO)
    with pytest.raises(NoDevice, match="locked for CPUs") as caught:
        device.preflight((), {"kind": "cpu"})
    assert "accelerator: cuda" in caught.value.hint


def test_a_container_for_gpus_that_was_given_some_uses_them(smi, monkeypatch, tmp_path):
    cuda = {"kind": "cuda"}
    monkeypatch.setenv("BUNDLE_CONTAINER", "1")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert not device.are_granted(cuda)
    smi(TWO)
    assert device.are_granted(cuda)
    assert not device.are_granted({"kind": "cpu"})
    monkeypatch.delenv("BUNDLE_CONTAINER")
    assert not device.are_granted(cuda)
