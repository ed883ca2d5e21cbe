"""Each text of a bundlefile keeps its rule, and hostile ones are refused in one line."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from modelbundle.bundler.project.bundlefile import text
from modelbundle.bundler.tag import Tag

adapter = cache(lambda kind: TypeAdapter(getattr(text, kind)))


def accepts(kind, value):
    try:
        return adapter(kind).validate_python(value) == value
    except ValidationError:
        return False


GOOD = {
    "Name": ["a", "fraud", "fraud-net", "a.b_c-d", "3d", "x" * 128],
    "Version": ["1", "1.4.0", "v2+cu130", "A_b-c"],
    "Ref": ["a", "a:1", "a@production", "model:a", "model:a:1", "sha256:" + "0" * 64],
    "Alias": ["a", "_x", "net-2", "Ranker"],
    "ServiceName": ["service:Fraud", "a.b.c:D", "_a:_B"],
    "Glob": ["[a-z].py", "\\#a", "*.py", "**/*.py", "!tests/", "/data/x.json", "a b", r"\#x", "[ab].py"],
    "InsidePath": ["a", "a/b.lock", "./a", "a..b", "…"],
    "Requirement": [
        "a", "a>=1", "a >=1, <2", "a[b,c]==1.*", "a~=1.0; python_version < '3.12'", "a (>=1)",
        "a @ https://example.com/a-1-py3-none-any.whl", "A_b.c!=2", "a===1", "a ; extra == 'x'",
    ],
    "RequirementFile": ["requirements.txt", "a/pyproject.toml", "uv.lock", "pylock.dev.toml"],
    "Package": ["a", "scikit-learn", "zope.interface"],
    "Url": ["https://a.b/simple", "http://localhost:3141/x", "http://127.0.0.1:1/", "https://[::1]:1"],
    "Moment": ["2026-08-01", "2026-08-01T12:00:00Z", "2026-08-01T12:00:00+02:00"],
    "PythonVersion": ["3.11", "3.12.4", "3.14"],
    "Accelerator": ["auto", "cpu", "cuda", "cuda==13.0"],
    "Driver": ["580", "580.65", "580.65.06"],
    "Arch": ["8.0", "12.0+PTX"],
    "ImageName": ["python", "python:3.12-slim", "a.b:5000/c/d:e@sha256:" + "0" * 64, "ghcr.io/a/b_c"],
    "Workdir": ["/opt/bundle", "/srv", "/app/x-1"],
    "EnvName": ["A", "_a1"],
    "LabelName": ["a", "org.opencontainers.image.title", "a/b"],
    "Line": ["", " ", "a b", '"$x`\\'],
    "Command": ["ldconfig", "a && b | c > d"],
    "SystemPackage": ["libgomp1", "g++", "curl=7.88.1-10+deb12u5"],
    "Host": ["0.0.0.0", "::", "::1", "localhost", "a.b-c.d"],
    "RoutePath": ["/predict", "/v1/score", "/a.b~c"],
    "ApiName": ["predict", "net.predict", "my-net.v2.predict"],
    "Global": ["a", "sklearn.svm.SVC"],
}  # fmt: skip

LINE_BREAKS = ["a\nb", "\na", "a\n", "a\n\n[global]", "a\tb"]
BAD = {
    "Name": ["", "A", "a b", "a/b", "../a", "a..b", "-a", "a-", ".", "..", "a:b", "a\\b", "ä", "a\u200b",
             "x" * 129, "$(id)", "a;id", "`id`", ".git", "con ", "a\u0301"],
    "Version": ["", "latest", "-1", "a b", "1/2", "../1", "1:2", "x" * 129, "$(id)"],
    "Ref": ["", "hf://a/b", "https://a/b", "./a", "a/b", "~a", "bundle:a", "A", "a:", "a@", "a:b:c:d/",
            "sha256:12", "a b", "a:$(id)", "..", "a\\b", "a@b@c"],
    "Alias": ["", "1a", "a b", "a/b", "..", "class", "None", "a.b", "a:b", "x" * 129, "$a"],
    "ServiceName": ["", "service", "service:", ":Fraud", "service.py:Fraud:x", "a/b:C", "a b:C", "a:b.c",
                    "service:class", "import.x:Y", "../a:B", "a..b:C", "os:system('id')"],
    "Glob": ["\\", "a\\", "!**\\", "[z-a]", "", " a", "#a", "/", "!", "!/", "../a", "a/../b", "~/.ssh", "C:/x", "..\\a", "a/.."],
    "InsidePath": ["", "/etc/passwd", "../a", "a/../../b", "~/x", "C:\\x", "a\\..\\b", " a", "a/.."],
    "Requirement": ["", "-r x.txt", "--index-url https://a", "-e .", "./a", "a b", "a>=", "a=1", "a;", "a @ ./b",
                    "a @ git+https://a/b", "a @ http://a/b.whl", "a @ file:///b.whl", "a @ https://u:p@h/a.whl",
                    "a $(id)", "a`id`", "a || b", "a>=1 --hash=x"],
    "RequirementFile": ["torch", "../requirements.txt", "/requirements.txt", "a.toml", "uv.lock.bak"],
    "Package": ["", "a b", "-a", "a/b", "a[b]"],
    "Url": ["", "a", "ftp://a", "file:///a", "https://", "https://u:p@a/s", "https://u@a/s", "http://a/s",
            "https://a/s b", "https://a:x/", "https://[::1", "javascript:x", "https://ä/"],
    "Moment": ["", "yesterday", "2026-13-01", "2026-08-01T12:00:00", "01.08.2026", "2026-8-1", "2026-08-01T99:00:00Z"],
    "PythonVersion": ["", "3", "2.7", "3.10", "3.x", ">=3.11", "4.0", "3.11rc1", "3.11.a"],
    "Accelerator": ["", "gpu", "rocm", "cuda=13", "cuda==13", "CUDA", "cuda==13.0; id"],
    "Driver": ["", "58", "580.x", ">=580"],
    "Arch": ["", "sm_80", "8", "8.0 "],
    "ImageName": ["", "a b", "Python:3", "a:b:c", "a@sha256:12", "a\\b", "a --platform=x", "$IMAGE", "a:$TAG",
                  "python:3 AS x", "-a"],
    "Workdir": ["", "/", "opt", "/etc", "/usr/local/x", "/proc/1", "/opt/../etc", "/opt/./a", "/a b", "/a$b", "/opt/",
                "//a", "/dev/shm", "/tmp/x"],
    "EnvName": ["", "1A", "A-B", "A B", "A=B", "A.B", "$A", "Ä"],
    "LabelName": ["", "a b", ".a", "a.", 'a"', "a=b", "x" * 129],
    "Command": ["", " a", "a "],
    "SystemPackage": ["", "a", "-y", "A", "a b", "curl;id", "curl && id", "$(id)", "curl=1 --x", "./a.deb", "a/b"],
    "Host": ["", "a b", "999.1.1.1", "1.2.3", "a:b", "-a", "0.0.0.0:80", "http://a"],
    "RoutePath": ["", "/", "predict", "/a b", "/livez", "/docs", "/metrics", "/a/../b", "/a//b", "/a?b", "/{x}", "/a/"],
    "ApiName": ["", "a b", "a/b", ".a", "a.", "1a"],
    "Global": ["", "a.", "a b", "a:b", "1.a"],
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_text_is_kept_as_it_is(kind):
    assert [value for value in GOOD[kind] if not accepts(kind, value)] == []


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_text_is_refused_in_one_line(kind):
    for value in BAD[kind]:
        with pytest.raises(ValidationError) as caught:
            adapter(kind).validate_python(value)
        (error,) = caught.value.errors(include_url=False)
        assert error["type"] == "wrong", value
        assert len(error["msg"].splitlines()) == 1, value


@pytest.mark.parametrize("kind", GOOD)
def test_no_text_holds_a_line_break_or_a_tab_or_is_another_type(kind):
    values = [*LINE_BREAKS, 1, 1.5, True, None, [], {}, b"a"]
    assert [value for value in values if accepts(kind, value)] == []


@pytest.mark.parametrize("kind", GOOD)
@given(value=st.text(max_size=40))
def test_any_text_is_accepted_unchanged_or_refused(kind, value):
    accepts(kind, value)


@given(st.text(st.sampled_from("aZ09._-:@/\\ \x00é~#"), max_size=12))
def test_a_name_that_is_accepted_is_the_name_of_a_tag_and_one_part_of_a_path(value):
    if accepts("Name", value):
        assert Tag.parse(value).name == value
        assert "/" not in value
        assert value not in {".", ".."}
