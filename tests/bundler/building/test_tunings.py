"""`precision` and `compile` of a bundlefile, held against the models that it names."""

import pytest

from modelbundle.bundler.building.building import build
from modelbundle.bundler.checking import replay
from modelbundle.bundler.difference import Contents, diff
from modelbundle.bundler.errors import BundlefileError
from modelbundle.bundler.requirements.environment import choose
from modelbundle.bundler.store import Store


def test_a_key_that_the_model_has_no_use_for_is_refused_at_its_place(locked_project, add_model):
    add_model()
    text = "name: x\nmodels:\n  - ref: iris\n    precision: bfloat16\n"
    with pytest.raises(BundlefileError) as caught:
        build(locked_project(text))
    assert "bundlefile.yaml:4:16: models[0].precision: `precision` is for torch" in str(
        caught.value
    )
    assert "sklearn" in str(caught.value)


def test_every_such_key_is_told_at_once(locked_project, add_model):
    add_model()
    add_model("other")
    text = "name: x\nmodels:\n  - {ref: iris, compile: true}\n  - {ref: other, compile: true}\n"
    with pytest.raises(BundlefileError) as caught:
        build(locked_project(text))
    assert len(caught.value.problems) == 2


@pytest.fixture(scope="module")
def nets(index, tmp_path_factory):
    """Two bundles of one module, of which the second computes in bfloat16."""
    import torch

    import modelbundle

    torch.manual_seed(0)
    home = tmp_path_factory.mktemp("home")
    store, built = Store(home), {}
    net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 2))
    modelbundle.save("net", net, sample=torch.randn(4, 64), store=store)
    for name, more in (("plain", ""), ("half", ", precision: bfloat16")):
        root = tmp_path_factory.mktemp(name)
        text = f"name: nets\naccelerator: cpu\nmodels: [{{ref: net{more}}}]\n"
        (root / "bundlefile.yaml").write_text(text)
        if "plain" in built:  # which asks for the same packages
            (root / "bundle.lock").write_bytes(built["plain"].plan.locked.file.encode())
        built[name] = build(root, store=store)
    return built, store


def test_the_manifest_the_plan_and_the_difference_say_how_it_computes(nets):
    built, _ = nets
    (entry,) = built["half"].manifest.models
    assert entry.tuning.precision == "bfloat16"
    assert "bfloat16" in built["half"].plan.why[-1]
    assert "2 % of the largest one" in built["half"].plan.why[-1]
    before, after = (Contents.of_bundle(built[name].manifest, "") for name in ("plain", "half"))
    (change,) = diff(before, after).models
    assert change.after == f"{change.before} (bfloat16)"


def test_the_replay_says_by_how_much_its_answers_differ(nets, monkeypatch, tmp_path):
    built, store = nets
    monkeypatch.setenv("BUNDLE_HOME", str(store.root))
    outcomes = {}
    for name, bundle in built.items():
        environment = choose(bundle.directory, "current", envs=tmp_path)
        report = replay(bundle.directory, environment, is_trusted=True)
        assert report.ok
        (outcomes[name],) = report.replayed
    assert outcomes["plain"].largest is None
    assert outcomes["half"].tuning == "bfloat16"
    assert 1e-5 < outcomes["half"].largest < outcomes["half"].allowed[1] < 0.1


def test_a_compiled_model_without_a_compiler_in_its_image_is_a_warning(
    locked_project, add_model, monkeypatch
):
    from modelbundle.bundler.building import tunings
    from modelbundle.bundler.building.chosen_model import choose as chosen
    from modelbundle.bundler.store import Store

    add_model(framework="torch")
    project = locked_project("name: x\nmodels: [{ref: iris, compile: true}]\n")
    models = chosen(project.bundlefile, Store.default(), None).values()
    (doubt,) = tunings.doubts(models, ["libgomp1"])
    assert "`g++` does" in doubt
    assert not list(tunings.doubts(models, ["g++=4:12"]))
