"""What the OpenAPI document of the Open Inference Protocol says of a tensor."""

import pytest

from modelbundle.runtime.dialects.tensors.output import Spec
from modelbundle.runtime.dialects.v2 import openapi
from modelbundle.runtime.manifests.signature import Field


@pytest.mark.parametrize("is_nullable", [True, False])
def test_null_stands_in_numbers_where_they_may_be_missing(is_nullable):
    """XGBoost takes it so, and the document forbade it."""
    field = Field("x", "float64", (None, 4), is_nullable=is_nullable)
    told = openapi._input(Spec("x", "FP64", (-1, 4)), field, is_only=True)
    flat, nested = told["properties"]["data"]["anyOf"]
    kinds = ["number", "null"] if is_nullable else "number"
    assert flat["items"]["type"] == nested["items"]["items"]["type"] == kinds
