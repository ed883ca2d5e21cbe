"""The model that misbehaves on request: `python model.py` saves it as `faulty`.

A row is [number, fault, count]; the answer is [number, 3 * number + 1], so that an answer that
belongs to another request is seen. One call takes 20 ms, however many rows it has.
"""

import ctypes
import os
import signal
import threading
import time

import numpy as np

FINE, RAISES, SEGFAULTS, SLEEPS, NAN, EXITS, SPINS, DEADLOCKS, ABORTS, NO_MEMORY = range(10)
CALL = 0.02  # seconds


def predict(rows: np.ndarray) -> np.ndarray:
    """Answer, or do what the second column says."""
    faults = set(rows[:, 1].astype(int).tolist()) - {FINE}
    time.sleep(CALL)
    if RAISES in faults:
        raise ValueError("a poisoned row")
    if SEGFAULTS in faults:
        ctypes.string_at(0)
    if SLEEPS in faults:
        time.sleep(3600)
    if EXITS in faults:
        os._exit(3)
    if SPINS in faults:
        sum(range(10**12))  # one C loop that never lets go of the interpreter's lock
    if DEADLOCKS in faults:
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
    if ABORTS in faults:
        os.kill(os.getpid(), signal.SIGABRT)
    if NO_MEMORY in faults and len(rows) > 4:
        raise MemoryError("as if there were room for four rows")
    answers = np.stack([rows[:, 0], 3 * rows[:, 0] + 1], axis=1)
    answers[rows[:, 1] == NAN] = np.nan
    return answers


if __name__ == "__main__":
    import modelbundle

    modelbundle.save("faulty", predict, sample=np.array([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]]))
