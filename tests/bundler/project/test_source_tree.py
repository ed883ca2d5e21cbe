"""What goes into a bundle, what stays out, and what is refused, on real trees."""

import os
import socket
import tarfile

import pytest
import zstandard

from modelbundle.bundler.errors import BuildError
from modelbundle.bundler.project import source_tree
from modelbundle.bundler.project.source_tree import SourceTree


@pytest.fixture
def plant(tmp_path):
    """Write files into a project; a name that ends with `/` is a folder."""
    root = tmp_path / "project"
    root.mkdir()

    def plant(*names, text="x = 1\n"):
        for name in names:
            path = root / name
            if name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        return root

    return plant


def paths(root, include=("**/*.py",), exclude=()):
    return [file.path for file in SourceTree(root, include, exclude).collect()]


def refusal(root, include=("**",), exclude=()):
    with pytest.raises(BuildError) as caught:
        SourceTree(root, include, exclude).collect()
    return caught.value


def test_python_files_go_in_by_default(plant):
    root = plant("service.py", "lib/a.py", "lib/deep/er/b.py", "data.csv", "README.md")
    assert paths(root) == ["lib/a.py", "lib/deep/er/b.py", "service.py"]


def test_files_are_sorted_by_the_bytes_of_their_paths(plant):
    root = plant("b.py", "B.txt", "a/z.py", "a.py", "é.py", "a-b.py")
    expected = sorted(["b.py", "a/z.py", "a.py", "é.py", "a-b.py"], key=str.encode)
    assert paths(root) == expected


def test_include_and_exclude_follow_git_ignore_rules(plant):
    root = plant("a.py", "data/x.json", "data/raw/y.json", "sub/data/z.json", "tests/test_a.py")
    assert paths(root, ["/data/"]) == ["data/raw/y.json", "data/x.json"]
    assert paths(root, ["data/*.json"]) == ["data/x.json"]
    assert paths(root, ["*.json"], ["raw/"]) == ["data/x.json", "sub/data/z.json"]
    assert paths(root, ["**/*.py"], ["tests/"]) == ["a.py"]
    assert paths(root, ["*.json", "!z.json"]) == ["data/raw/y.json", "data/x.json"]
    assert paths(root, ["*.json"], ["*.json", "!x.json"]) == ["data/x.json"]


def test_junk_stays_out_whatever_is_included(plant, tmp_path_factory):
    root = plant(
        "a.py", ".git/hooks/x.py", "__pycache__/a.pyc", "node_modules/m/i.py", "dist/b.py", "build/c.py",
        ".venv/lib/d.py", ".mypy_cache/e.py", ".ipynb_checkpoints/f.py", "p.egg-info/g.py", ".DS_Store",
        "bundlefile.yaml", "bundle.lock", "lib/h.pyc", "lib/build/kept.py",
    )  # fmt: skip
    (root / "lib" / ".git").write_text("gitdir: /home/ann/shop/.git/modules/lib\n")
    for name, target in (
        (".venv", tmp_path_factory.mktemp("env")),
        (".tox", "gone"),
        ("link", "../a.py"),
    ):
        (root / "lib" / name).symlink_to(target)
    assert paths(root, ["**"], ["link/"]) == ["a.py", "lib/build/kept.py", "lib/link"]


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "oci-layout"])
def test_an_environment_and_a_store_are_known_by_what_is_in_them(plant, mark):
    """A store in the project would be packed, and grow with each build."""
    root = plant("a.py", f"mine/{mark}", "mine/trees/b.py")
    assert paths(root) == ["a.py"]


def test_a_bundle_and_an_archive_stay_out_and_other_tars_do_not(plant):
    """With `include: ["**"]`, each build held the bundle before it, which held the one before."""
    bundle = ("bundle.json", "server.py", "modelbundle/__init__.py")
    root = plant("a.py", *(f"out/{name}" for name in bundle), "web/bundle.json")
    for name, first in (("iris", "oci-layout"), ("data", "rows.csv")):
        with tarfile.open(root / f"{name}.tar", "w") as tar:
            tar.addfile(tarfile.TarInfo(first))
        packed = zstandard.ZstdCompressor().compress((root / f"{name}.tar").read_bytes())
        (root / f"{name}.tar.zst").write_bytes(packed)
    (root / "cut.tar.zst").write_bytes(packed[:9])
    assert paths(root, ["**"]) == [
        "a.py",
        "cut.tar.zst",
        "data.tar",
        "data.tar.zst",
        "web/bundle.json",
    ]


def test_what_was_vendored_stays_out_and_a_project_with_wheels_does_not(plant):
    """Or the bundle would be another one after `bundle vendor . -o vendor`."""
    mine, other = (
        ("bundle.lock", "wheels/b.whl"),
        ("bundlefile.yaml", "bundle.lock", "wheels/c.whl"),
    )
    root = plant("a.py", *(f"v/{name}" for name in mine), *(f"p/{name}" for name in other))
    assert paths(root, ["**"]) == ["a.py", *sorted(f"p/{name}" for name in other)]


def test_junk_can_be_taken_back(plant):
    root = plant("a.py", "build/b.py")
    assert paths(root, exclude=["!/build/"]) == ["a.py", "build/b.py"]


SECRETS = [
    ".env", ".env.production", ".env-prod", ".env_prod", "prod.env", ".envrc",
    ".netrc", ".pypirc", "server.pem", "tls/site.key", "id_rsa",
    "id_ed25519.pub", ".aws/credentials", ".aws/config", ".ssh/known_hosts", ".kube/config", "kubeconfig",
    "store.p12", "credentials.json", "credentials-prod.json", "service-account.json", ".docker/config.json",
    ".git-credentials", ".npmrc", "pip.conf", "AuthKey_1.p8", "application_default_credentials.json",
    "msal_token_cache.bin", ".oci/config", ".m2/settings.xml",
    "secrets.yaml", "terraform.tfstate", ".pgpass", "sub/.env",
    "ID_RSA", "Prod.ENV", "Server.PEM", ".netrc.bak", "site.key.old", ".gitconfig", ".condarc", ".Renviron",
    ".cargo/credentials.toml", ".gem/credentials", ".config/gh/hosts.yml", ".databrickscfg", "kaggle.json",
    ".jupyter/jupyter_server_config.json", "my.keytab", ".bash_history", ".psql_history", ".secrets/db",
    "auth.json", "token.json", "hf_token", "credentials.yml.enc", "rclone.conf", ".vercel/project.json",
    ".dvc/config.local", ".terraformrc", "jwt.secret",
]  # fmt: skip


def test_secrets_stay_out_whatever_is_included(plant):
    root = plant("a.py", ".env.example", *SECRETS)
    assert paths(root, ["**", "!*.zzz"]) == [".env.example", "a.py"]
    assert paths(root, ["**"], ["!.env", "!*.pem", "!.aws/"]) == [".env.example", "a.py"]


@pytest.mark.parametrize("name", [*SECRETS, ".env*", "*.pem", "**/*.key", "/.aws/", ".ssh/*"])
def test_a_secret_that_is_named_is_refused(plant, name):
    root = plant("a.py", *SECRETS)
    error = refusal(root, ["**/*.py", name])
    assert "secrets" in str(error)
    assert name in str(error)


def test_a_secret_in_the_text_is_refused_with_its_line(plant):
    root = plant("a.py")
    plant("keys.py", text='"""Keys."""\n\nKEY = "AKIAIOSFODNN7EXAMPLE"\n')
    plant("lib/pem.py", text="x = '''\n-----BEGIN RSA PRIVATE KEY-----\nMII\n'''\n")
    error = refusal(root, ["**/*.py"])
    assert str(error).splitlines() == [
        "keys.py:3: this looks like an access key of AWS.",
        "lib/pem.py:2: this looks like a private key.",
    ]
    assert paths(root, exclude=["keys.py", "pem.py"]) == ["a.py"]


def test_an_excluded_folder_is_never_opened(plant, monkeypatch):
    root = plant("a.py", "data/x.py", "data/deep/y.py", ".git/z.py", "lib/b.py")
    opened = []
    scan = os.scandir

    def watch(path):
        opened.append(os.path.relpath(path, root))
        return scan(path)

    with monkeypatch.context() as patch:
        patch.setattr(source_tree.os, "scandir", watch)
        assert paths(root, exclude=["/data/"]) == ["a.py", "lib/b.py"]
    assert sorted(opened) == [".", "lib"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_told_unless_it_is_excluded(plant):
    root = plant("a.py", "shut/b.py")
    (root / "shut").chmod(0)
    try:
        assert paths(root, exclude=["shut/"]) == ["a.py"]
        assert "`shut` cannot be read" in str(refusal(root))
    finally:
        (root / "shut").chmod(0o755)


def test_links_inside_the_project_are_followed(plant):
    root = plant("lib/a.py", "real.py")
    (root / "alias.py").symlink_to("real.py")
    (root / "lib2").symlink_to("lib")
    files = SourceTree(root, ["**/*.py"]).collect()
    assert [file.path for file in files] == ["alias.py", "lib/a.py", "lib2/a.py", "real.py"]
    assert files[0].absolute == (root / "real.py").resolve()


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside.py", "/etc", ".."])
def test_a_link_out_of_the_project_is_refused_with_its_path(plant, target):
    root = plant("lib/a.py")
    (root.parent / "outside.py").write_text("")
    (root / "lib/out.py").symlink_to(target if target.startswith("/") else f"../{target}")
    error = refusal(root)
    assert "`lib/out.py` leads out of the project" in str(error)
    assert "/lib/out.py" in error.hint
    assert paths(root, exclude=["/lib/out.py"]) == ["lib/a.py"]


def test_a_link_out_of_the_project_that_nobody_asked_for_is_no_matter(plant):
    root = plant("a.py")
    (root / "data.csv").symlink_to("/etc/hostname")
    assert paths(root) == ["a.py"]


def test_a_folder_beside_the_project_with_a_longer_name_is_outside(plant):
    root = plant("a.py")
    (root.parent / "project-2").mkdir()
    (root / "b").symlink_to("../project-2")
    assert "leads out" in str(refusal(root))


@pytest.mark.parametrize("target", [".", "..", "../..", "self"])
def test_a_link_in_a_circle_is_refused_and_ends(plant, target):
    root = plant("a/b/c.py")
    link = root / "a/b/self"
    link.symlink_to(target)
    assert "`a/b/self` leads" in str(refusal(root))


def test_two_links_into_each_other_end(plant):
    root = plant("a/x.py", "b/y.py")
    (root / "a/to_b").symlink_to("../b")
    (root / "b/to_a").symlink_to("../a")
    assert "in a circle" in str(refusal(root))


def test_links_that_multiply_are_cut_off(plant, monkeypatch):
    monkeypatch.setattr(source_tree, "MAX_ENTRIES", 500)
    root = plant("d20/a.py")
    for level in range(20):
        plant(f"d{level}/")
        for name in "ab":
            (root / f"d{level}/{name}").symlink_to(f"../d{level + 1}")
    assert "too many" in str(refusal(root))


def test_a_link_to_a_secret_is_refused(plant):
    root = plant("a.py", ".env", ".aws/config")
    (root / "settings.py").symlink_to(".env")
    (root / "cloud").symlink_to(".aws")
    text = str(refusal(root))
    assert "`settings.py` leads to a secret" in text
    assert "`cloud` leads to a secret" in text


def test_a_link_to_nothing_is_refused_if_it_was_asked_for(plant):
    root = plant("a.py")
    (root / "b.py").symlink_to("gone.py")
    assert "`b.py` leads nowhere" in str(refusal(root))
    (root / "b.py").rename(root / "b.txt")
    assert paths(root) == ["a.py"]


def test_pipes_and_sockets_are_refused(plant, monkeypatch):
    root = plant("a.py")
    os.mkfifo(root / "pipe.py")
    monkeypatch.chdir(root)  # the path of a socket may be 107 bytes long
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.py")
        text = str(refusal(root, ["**/*.py"]))
    assert "`pipe.py` is not a regular file" in text
    assert "`s.py` is not a regular file" in text


@pytest.mark.parametrize(
    "name", [b"a\nb.py", b"a\x1bb.py", b"a\\b.py", b"\xff.py", "a\u202eb.py".encode()]
)
def test_a_name_that_cannot_travel_is_refused_on_one_line(plant, name):
    root = plant("a.py")
    (root / os.fsdecode(name)).write_text("")
    error = refusal(root, ["**/*.py"])
    assert "cannot go into a bundle" in str(error)
    assert len(str(error).splitlines()) == 1
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("one", "two"),
    [("a.py", "A.py"), ("é.py", "e\u0301.py"), ("lib/x.py", "LIB/x.py"), ("ß.py", "ss.py")],
)
def test_names_that_some_systems_take_for_one_are_refused(plant, one, two):
    root = plant(one, two)
    assert "one name on some systems" in str(refusal(root))


def test_the_executable_bit_is_kept(plant):
    root = plant("run.py", "lib.py")
    (root / "run.py").chmod(0o755)
    assert [file.executable for file in SourceTree(root, ["*.py"]).collect()] == [False, True]


def test_a_file_that_is_named_must_be_there(plant):
    root = plant("a.py", "b.txt", "build/c.txt")
    assert "`gone.py`, which is not there" in str(refusal(root, ["gone.py"]))
    error = refusal(root, ["build/c.txt"])
    assert "is kept out" in str(error)
    assert "!/build/" in error.hint
    assert paths(root, ["build/c.txt"], ["!/build/"]) == ["build/c.txt"]
    assert paths(root, ["*.zzz"]) == []


def test_problems_are_told_together_and_only_so_many(plant):
    root = plant("a.py")
    for number in range(40):
        (root / f"l{number:02}.py").symlink_to("/etc/hostname")
    lines = str(refusal(root)).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "And 20 more."
