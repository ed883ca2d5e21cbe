"""FastAPI with the batcher that people write by hand: a queue and 10 ms of patience."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
from fastapi import FastAPI
from model import predict
from pydantic import BaseModel

LARGEST = 64
PATIENCE = 0.01  # seconds


class Request(BaseModel):
    """Rows of 64 pixels."""

    instances: list[list[float]]


queue: asyncio.Queue = asyncio.Queue()


async def work() -> None:
    """Collect until the batch is full or the patience ends, then call once."""
    loop = asyncio.get_running_loop()
    while True:
        batch = [await queue.get()]
        until = loop.time() + PATIENCE
        while len(batch) < LARGEST:
            try:
                batch.append(await asyncio.wait_for(queue.get(), until - loop.time()))
            except TimeoutError:
                break
        rows = np.concatenate([rows for rows, _ in batch])
        answers = (await loop.run_in_executor(None, predict, rows)).tolist()
        for rows, future in batch:
            future.set_result([answers.pop(0) for _ in rows])


@asynccontextmanager
async def lifespan(_: FastAPI):
    """Run the worker beside the server."""
    task = asyncio.create_task(work())
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.get("/readyz")
def ready() -> str:
    """Loaded with the module."""
    return "ok"


@app.post("/predict")
async def digits(request: Request) -> dict[str, list[int]]:
    """Name the digits."""
    future = asyncio.get_running_loop().create_future()
    queue.put_nowait((np.array(request.instances), future))
    return {"predictions": await future}
