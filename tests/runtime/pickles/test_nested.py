"""Nested: pickles within a pickle, while others are made in other threads."""

import pickle
import threading

import cloudpickle

from modelbundle.runtime.pickles import nested


def test_threads_leave_the_functions_of_pickle_as_they_were():
    plain = pickle.dump, pickle.dumps
    has_begun, may_end, both = threading.Event(), threading.Event(), threading.Event()

    def first():
        with nested.pickled_by(cloudpickle.Pickler):
            has_begun.set()
            may_end.wait(30)

    def second():
        with nested.pickled_by(cloudpickle.Pickler):
            both.set()
            one.join(30)

    one, two = threading.Thread(target=first), threading.Thread(target=second)
    one.start()
    assert has_begun.wait(30)
    two.start()
    both.wait(0.2)  # as long as the second may come before the first has gone
    may_end.set()
    two.join(30)
    assert (pickle.dump, pickle.dumps) == plain
