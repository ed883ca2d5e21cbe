"""uv's refusals, in a person's words."""

import datetime as dt
import http.server
import ssl
import subprocess
import sys
import threading
import zipfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.resolving import uv

UNSATISFIABLE = """\
error: No solution found when resolving dependencies
  cause: Because you require idna==3.20 and idna<3, we can conclude that your requirements are \
unsatisfiable.
"""


def test_a_contradiction_keeps_the_sentence_and_loses_the_labels():
    error = uv.explain(UNSATISFIABLE)
    assert str(error).startswith("Because you require idna==3.20 and idna<3")
    assert error.exit_code == 4


def test_you_depend_on_what_you_ask_for():
    error = uv.explain("error: No solution\n  cause: Because you depends on six==99, no.")
    assert "you depend on six==99" in str(error)


def test_a_package_without_wheels_names_the_key_that_allows_building():
    error = uv.explain(
        "error: No solution found when resolving dependencies\n"
        "  cause: Because all versions of docopt have no usable wheels\n\n"
        "hint: Wheels are required for `docopt` because building from source is disabled"
    )
    assert "allow_source: [docopt]" in error.hint


def test_a_wheel_that_is_not_in_the_cache_is_named():
    error = uv.explain(
        "error: Failed to download `scipy==1.17.1`\n  cause: Network connectivity is disabled, but "
        "the requested data wasn't found in the cache: https://files.example/scipy-1.17.1.whl"
    )
    assert str(error).startswith("Offline, `scipy==1.17.1` cannot be resolved")
    assert "bundle vendor" in error.hint


def test_what_uv_had_done_before_it_failed_is_not_its_reason():
    error = uv.explain(
        "Resolved 14 packages in 8ms\nPrepared 14 packages in 652ms\nerror: Failed to install: "
        "numpy-2.4.6.whl (numpy==2.4.6)\n  cause: failed to hardlink file: Input/output error"
    )
    assert str(error).startswith("Failed to install: numpy-2.4.6.whl")


@pytest.mark.parametrize("reason", ["No space left on device", "Disk quota exceeded"])
def test_a_full_disk_and_a_used_up_quota_name_what_frees_them(reason):
    error = uv.explain(
        f"Prepared 1 package in 6ms\nerror: Failed to install: numpy\n  cause: {reason}"
    )
    assert "ran out of space" in str(error)
    assert "uv cache prune" in error.hint


def test_a_cache_that_cannot_be_written_names_the_setting():
    error = uv.explain(
        "error: Failed to write to the client cache\n  cause: failed to rename file from "
        "/c/.tmpTG to /c/numpy.rkyv: Read-only file system (os error 30)"
    )
    assert "UV_CACHE_DIR" in error.hint


def test_a_uv_that_does_not_know_an_option_is_too_old(tmp_path):
    with pytest.raises(ResolveError, match="uv` is too old") as caught:
        uv.run(["pip", "compile", "--option-of-tomorrow"], cwd=tmp_path)
    assert "--upgrade uv" in caught.value.hint


def test_a_uv_that_the_system_has_killed_is_told_as_such(tmp_path, monkeypatch):
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\necho 'Prepared 14 packages in 1ms' >&2\nkill -9 $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(uv, "binary", lambda: program)
    with pytest.raises(ResolveError, match="uv died of signal 9") as caught:
        uv.run(["pip", "install"], cwd=tmp_path)
    assert "memory" in caught.value.hint


def test_an_index_that_is_down_is_named(tmp_path):
    (tmp_path / "in.txt").write_text("idna\n")
    with pytest.raises(ResolveError, match=r"cannot be reached: http://127\.0\.0\.1:9/") as caught:
        uv.run(
            ["pip", "compile", "in.txt", "--no-cache", "--index-url", "http://127.0.0.1:9/simple"],
            cwd=tmp_path,
        )
    assert "--offline" in caught.value.hint
    assert "UV_DEFAULT_INDEX" in caught.value.hint  # pip may well work behind its own pip.conf


def test_a_certificate_that_nobody_vouches_for_is_no_lack_of_network(tmp_path):
    (tmp_path / "in.txt").write_text("idna\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.handle_error = lambda *_: None  # it is the client that hangs up
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    index = f"https://127.0.0.1:{server.server_port}/simple"
    try:
        with pytest.raises(ResolveError, match="certificate of the package index") as caught:
            uv.run(["pip", "compile", "in.txt", "--no-cache", "--index-url", index], cwd=tmp_path)
    finally:
        server.shutdown()
        server.server_close()
    assert "UV_SYSTEM_CERTS=1" in caught.value.hint


def self_signed(directory):
    """A key and its certificate, of no authority, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = directory / "server.pem"
    file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return file


def test_offline_without_a_cache_says_what_is_missing(tmp_path):
    (tmp_path / "in.txt").write_text("idna\n")
    with pytest.raises(ResolveError, match="Offline, `idna`"):
        uv.run(
            ["pip", "compile", "in.txt"],
            cwd=tmp_path,
            offline=True,
            environment={"UV_CACHE_DIR": str(tmp_path / "cache")},
        )


def test_too_long_is_an_error(tmp_path):
    (tmp_path / "in.txt").write_text("idna\n")
    with pytest.raises(ResolveError, match="longer than 0 seconds"):
        uv.run(["pip", "compile", "in.txt"], cwd=tmp_path, timeout=0.000001)


def test_a_full_disk_is_said_and_not_what_uv_thinks_of_links():
    stderr = (
        "warning: Failed to hardlink files; falling back to full copy.\n"
        "         If the cache and target directories are on different filesystems, hardlinking "
        "may not be supported.\n"
        "error: Failed to install: numpy-2.4.6.whl (numpy==2.4.6)\n"
        "  Caused by: failed to copy file: No space left on device (os error 28)\n"
    )
    error = uv.explain(stderr)
    assert "ran out of space" in str(error)
    assert "bundle gc" in error.hint


def test_too_few_descriptors_are_told_with_what_allows_more(tmp_path):
    """In a process of its own: there is none left for anything else."""
    code = (
        "import resource, uv\n"
        "from pathlib import Path\n"
        "from modelbundle.bundler.errors import ResolveError\n"
        "from modelbundle.bundler.requirements.resolving import uv\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))\n"
        "try:\n"
        "    uv.run(['--version'], cwd=Path('.'))\n"
        "except ResolveError as error:\n"
        "    print(error, error.hint)\n"
    )
    line = [sys.executable, "-c", code]
    told = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert told.stdout.endswith(
        "uv` cannot be run: Too many open files. "
        "Allow this process more open files: `ulimit -n 1024`.\n"
    ), told


@pytest.mark.parametrize(
    ("name", "value"),
    [("UV_OVERRIDE", "others.txt"), ("UV_CONSTRAINT", "others.txt"), ("UV_RESOLUTION", "lowest")],
)
def test_the_environment_has_no_say_in_which_versions_are_chosen(
    tmp_path, monkeypatch, name, value
):
    for version in ("1.0", "2.0"):
        with zipfile.ZipFile(tmp_path / f"small-{version}-py3-none-any.whl", "w") as wheel:
            home = f"small-{version}.dist-info"
            wheel.writestr(
                f"{home}/METADATA", f"Metadata-Version: 2.1\nName: small\nVersion: {version}\n"
            )
            wheel.writestr(f"{home}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr(f"{home}/RECORD", "")
    (tmp_path / "others.txt").write_text("small==1.0\n")
    (tmp_path / "wanted.in").write_text("small\n")
    monkeypatch.setenv(name, value)
    arguments = ["pip", "compile", "--no-index", "--find-links", ".", "--no-header", "wanted.in"]
    assert uv.run(arguments, cwd=tmp_path).stdout.startswith("small==2.0")


@pytest.mark.parametrize(
    ("why", "hint"),
    [("Permission denied (os error 13)", "UV_CACHE_DIR"), ("Too many open files", "ulimit -n")],
)
def test_a_cache_that_cannot_be_used_is_told_with_what_helps(why, hint):
    error = uv.explain(
        "error: Failed to initialize cache at `/nonexistent/.cache/uv`\n"
        f"  Caused by: failed to create directory `/nonexistent/.cache/uv`: {why}\n"
    )
    assert "/nonexistent/.cache/uv" in str(error)
    assert hint in error.hint
