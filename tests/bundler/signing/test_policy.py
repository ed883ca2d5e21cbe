"""The policy: what may run here, whatever a bundle says of itself."""

import pytest

from modelbundle.bundler import signing
from modelbundle.bundler.errors import BundlefileError, InvalidSignature, Refused
from modelbundle.bundler.signing import CertificateSigner, KeySigner
from modelbundle.bundler.signing.policy import Policy
from modelbundle.runtime.errors import BundleError

ANN = "  - name: '*'\n    signed_by: [{key: ann.pub}]\n"


@pytest.fixture
def policy(tmp_path):
    def written(rules, head="version: 1\nrules:\n"):
        path = tmp_path / "policy.yaml"
        path.write_text(head + rules)
        return Policy.read(path)

    return written


def test_without_a_file_there_is_no_policy(own_store, tmp_path):
    assert Policy.of(own_store) is None
    with pytest.raises(Refused, match="There is no policy"):
        Policy.of(own_store, tmp_path / "nowhere.yaml")


def test_a_policy_of_another_name_is_not_ignored(own_store):
    (own_store.root / "policy.yml").write_text("version: 1\nrules:\n" + ANN)
    with pytest.raises(Refused, match=r"policy\.yml` is no policy") as caught:
        Policy.of(own_store)
    assert caught.value.hint == "Call it `policy.yaml`."


def test_the_store_has_one_and_another_may_be_named(own_store, policy, make_key):
    make_key("ann")
    named = policy(ANN)
    own = own_store.root / "policy.yaml"
    own.parent.mkdir(exist_ok=True)
    own.write_text(named.path.read_text())
    assert Policy.of(own_store).path == own
    assert Policy.of(own_store, named.path) == named
    own.unlink()
    own.symlink_to("gone.yaml")
    with pytest.raises(BundlefileError):  # closed, not open, when it cannot be read
        Policy.of(own_store)


def test_only_those_who_are_named_may_sign(own_store, add_model, policy, make_key):
    item, ann, bob = add_model("iris"), make_key("ann"), make_key("bob")
    only = policy(ANN)
    with pytest.raises(InvalidSignature, match="has no signature") as found:
        only.check(item, own_store)
    assert f"bundle sign model:{item.tag} --key" in found.value.hint
    signing.sign(item, own_store, KeySigner.read(bob.private))
    with pytest.raises(InvalidSignature, match=r"not signed by the key `ann\.pub`"):
        only.check(item, own_store)
    signing.sign(item, own_store, KeySigner.read(ann.private))
    only.check(item, own_store)


def test_every_rule_that_matches_must_be_met(own_store, add_model, policy, make_key):
    iris, fraud, ann, bob = (
        add_model("iris"),
        add_model("fraud_net", weights=b"f"),
        *(make_key(name) for name in ("ann", "bob")),
    )
    rules = policy(ANN + "  - {name: ['fraud*', 'bundle:iris'], signed_by: [{key: bob.pub}]}\n")
    for item in (iris, fraud):
        signing.sign(item, own_store, KeySigner.read(ann.private))
    rules.check(iris, own_store)
    with pytest.raises(InvalidSignature, match=r"bob\.pub"):
        rules.check(fraud, own_store)
    signing.sign(fraud, own_store, KeySigner.read(bob.private))
    rules.check(fraud, own_store)
    # A rule that lets anyone in does not open what another one closes.
    policy(ANN + "  - {name: iris, signed_by: anyone}\n").check(iris, own_store)
    with pytest.raises(InvalidSignature):
        policy(ANN.replace("ann", "bob") + "  - {name: iris, signed_by: anyone}\n").check(
            iris, own_store
        )


def test_what_no_rule_is_about_is_refused(own_store, add_model, policy):
    item = add_model("iris")
    only = policy("  - {name: fraud*, signed_by: anyone}\n")
    with pytest.raises(Refused, match="None of its rules is about The model") as found:
        only.check(item, own_store)
    assert found.value.exit_code == 5
    only.check_unsigned("fraud_x", "The project in `here`", "Build it.")
    with pytest.raises(Refused, match="None of its rules"):
        only.check_unsigned("iris", "The project in `here`", "Build it.")
    policy("  - {name: 'i*', signed_by: anyone}\n").check(item, own_store)


def test_a_project_cannot_be_signed(policy, make_key):
    make_key("ann")
    with pytest.raises(Refused, match="has no signature in the store"):
        policy(ANN).check_unsigned("iris", "The project in `here`", "Build it.")


def test_certificates_by_identity(own_store, add_model, policy, authority):
    item, root = add_model("iris"), authority("root")
    key, chain = root.chain("ann", san="ann@example.com")
    signing.sign(item, own_store, CertificateSigner.read(key, chain))
    rule = "  - {{name: '*', signed_by: [{{certificate: root.crt, identity: {}}}]}}\n"
    policy(rule.format("ann@example.com")).check(item, own_store)
    with pytest.raises(InvalidSignature, match="not that of `bob@example"):
        policy(rule.format("bob@example.com")).check(item, own_store)
    policy("  - {name: '*', signed_by: [{certificate: root.crt}]}\n").check(item, own_store)


def test_a_key_that_is_gone_lets_nobody_in(own_store, add_model, policy):
    with pytest.raises(BundleError, match=r"ann\.pub` cannot be read"):
        policy(ANN).check(add_model("iris"), own_store)


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("  - {signed_by: anyone}\n", "rules[0].name: This is a list"),
        ("  - {name: iris}\n", "rules[0].signed_by: This is a list"),
        ("  - {name: iris, signed_by: []}\n", "at least one"),
        ("  - {name: iris, signed_by: [ann.pub]}\n", "This is a mapping with `certificate`"),
        ("  - {name: iris, signed_by: everyone}\n", "This is a list"),
        ("  - {name: iris, signed_by: [{}]}\n", "one of `key`, `certificate` and `issuer`"),
        ("  - {name: iris, signed_by: [{key: a, certificate: b}]}\n", "one of `key`"),
        ("  - {name: iris, signed_by: [{key: a, identity: b}]}\n", "one of `key`"),
        ("  - {name: iris, signed_by: [{issuer: a}]}\n", "go together"),
        ("  - {name: iris, signed_by: [{identity: a}]}\n", "one of `key`"),
        ("  - {name: iris, signed_by: [{key: a, trust_config: b}]}\n", "goes with `issuer`"),
        ("  - {name: iris, signed_by: [{key: 1}]}\n", "This is a text"),
        ("  - {name: [1], signed_by: anyone}\n", "A name is a text"),
        ("  - {name: iris, signedby: anyone}\n", "This key is none of"),
        ("  - iris\n", "This is a mapping"),
        ("  {}\n", "This is a list"),
        ("  - &a {name: iris, signed_by: anyone}\n  - *a\n", ":3:"),
    ],
)
def test_a_policy_that_is_wrong_says_where(policy, rules, says):
    with pytest.raises(BundlefileError) as found:
        policy(rules)
    assert says in str(found.value)
    assert "policy.yaml:" in str(found.value)


def test_a_policy_names_its_version(policy):
    with pytest.raises(BundlefileError, match="`version: 1`"):
        policy(ANN, head="rules:\n")
    with pytest.raises(BundlefileError, match="`version: 1`"):
        policy(ANN, head="version: 2\nrules:\n")
