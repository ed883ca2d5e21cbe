"""The texts of an exported program of which torch makes code: arithmetic, names, operators."""

import json

import pytest

from modelbundle.runtime.frameworks.pytorch import graph_text

OS = "__import__('os')"


def spec(context):
    """How torch describes a dictionary as input, with what it says of its keys."""
    kind = {"type": "builtins.dict", "context": context, "children_spec": []}
    return json.dumps([1, {"type": "builtins.tuple", "context": "null", "children_spec": [kind]}])


FACTORY = {"default_factory_module": "antigravity", "default_factory_name": "geohash"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            ("expr_str", text)
            for text in (
                "a.b", "().x", OS, "preview(x)", "lambdify('x')", "x[0]", "'a b'", "Symbol.x",
                "eval('x')", "Mul(x)(y)(z).w", "`x`", "1 .real", "lambda x: x", 5, "Symbol (x)\n",
                "Float('1.__class__')",
            )
        ),
        *(
            ("guards_code", [text])
            for text in (
                OS, "print(1)", "[].__class__", "L['x'].data", "L['x'].size().y", "torch.save(1)",
                "f'{x}'", "L['x'].size(a.b)", "[x for x in y]",
            )
        ),
        ("name", f"x={OS}"),
        ("name", "a b"),
        ("as_name", "a;b"),
        ("forward_arg_names", ["x", f"y={OS}"]),
        ("parameter_name", f'a") or {OS} or ("'),
        ("target", "torch.os.system"),
        ("target", "torch.ops.aten.from_file.default"),
        ("target", "torch.ops.aten.save"),
        ("target", "torch.ops.aten.__class__"),
        ("target", "torch.ops.load_library"),
        ("target", "torch.ops.other.f.default"),
        ("target", "_operator.attrgetter"),
        ("target", "math.os"),
        ("as_operator", "torch.hub.load"),
        ("use_pickle", True),
        ("in_spec", spec(json.dumps([{"__enum__": True, "fqn": "antigravity:x", "name": "x"}]))),
        ("in_spec", spec(FACTORY)),
        ("out_spec", spec(FACTORY | {"default_factory_module": ["builtins"]})),
    ],
)  # fmt: skip
def test_what_may_become_code_is_strange(name, text):
    assert list(graph_text.strange({"graph": [{name: text}]}))


def test_so_is_a_key():
    assert list(graph_text.strange({"tensor_values": {f"x={OS}": {}}}))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("expr_str", "FloatPow(ToFloat(Symbol('s6', positive=True)), Float('0.5', precision=53))"),
        ("guards_code", ["(L['flat_args'][0].size()[0] % 2) == 0", "max(1, L['x'].stride()[1]) < 9"]),
        ("name", ""),
        ("name", None),
        ("parameter_name", "layers.0.a-b c"),
        ("as_string", f"{OS}, as a text"),
        ("metadata", {"stack_trace": 'File "a.py", line 1\n    f(x)'}),
        ("target", "torch.ops.aten.__and__.Tensor"),
        ("target", "torch.ops.aten._assert_scalar.default"),
        ("target", "torch.ops.higher_order.cond"),
        ("target", "torch.ops.mine.f.default"),
        ("target", "torch.sym_max"),
        ("target", "_operator.getitem"),
        ("use_pickle", False),
        ("in_spec", spec(json.dumps(["a", "b c"]))),
        ("in_spec", spec(FACTORY | {"default_factory_module": "builtins"})),
    ],
)  # fmt: skip
def test_what_programs_have_is_not(name, text):
    assert not list(graph_text.strange({"graph": [{name: text}]}, {"mine::f": "module"}))
