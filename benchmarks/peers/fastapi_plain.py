"""FastAPI as the tutorials write it: one call of the model a request, in a thread."""

import numpy as np
from fastapi import FastAPI
from model import predict
from pydantic import BaseModel


class Request(BaseModel):
    """Rows of 64 pixels."""

    instances: list[list[float]]


app = FastAPI()


@app.get("/readyz")
def ready() -> str:
    """Loaded with the module."""
    return "ok"


@app.post("/predict")
def digits(request: Request) -> dict[str, list[int]]:
    """Name the digits."""
    return {"predictions": predict(np.array(request.instances)).tolist()}
