"""Independence: rows that know of each other are never put together with those of others."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

import modelbundle
from modelbundle.bundler.saving.recording import independence
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.rows.predictions import to_instances
from modelbundle.runtime.models.model import LoadedModel

ROWS = np.array([[4.0], [9.0], [1.0], [5.0]])


class Outliers(BaseEstimator):
    """Scores by the rows around; its labels hide that where the scores are far from the limit."""

    def fit(self, rows):
        self.n_features_in_ = rows.shape[1]
        return self

    def decision_function(self, rows):
        return rows[:, 0] - np.append(rows[:, 0], 0).mean()

    def predict(self, rows):
        return (self.decision_function(rows) > 100).astype(int)


class States(BaseEstimator):
    """In the style of hidden Markov models: certain of its states in any sample."""

    def fit(self, rows):
        self.n_features_in_ = rows.shape[1]
        return self

    def predict(self, rows, lengths=None):
        return (rows[:, 0] > 3).astype(int)


def methods(model, **options):
    item = modelbundle.save("m", model, sample=ROWS, **options)
    return LoadedModel.load(Store.default().directory(item)).manifest.methods


def test_labels_are_rounded_scores_and_depend_on_the_same_rows():
    """Asked for alone or with the scores, `predict` shares no call."""
    both = methods(Outliers().fit(ROWS))
    assert not both["predict"].batchable
    assert not both["decision_function"].batchable
    assert not methods(Outliers().fit(ROWS), methods=["predict"])["predict"].batchable


def test_a_label_that_moves_in_the_middle_of_the_sample_is_found():
    def largest(rows):
        order = np.argsort(np.argsort(-rows[:, 0]))
        return (order < 3).astype(int)

    assert not methods(lambda rows: largest(rows[:, :1]))["predict"].batchable


def test_rows_of_a_sequence_are_one_after_the_other():
    assert not methods(States().fit(ROWS))["predict"].batchable


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1]])
def test_rows_of_their_own_are_told_so(rows):
    for call in (lambda rows: rows[:, 0] * 2, lambda rows: [str(row[0]) for row in rows]):
        assert independence.differs(call, rows, call(rows)) is False
    assert independence.differs(len, rows, len(rows)) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda rows: np.squeeze(rows * 2),
        lambda rows: np.squeeze(np.repeat(rows, 3, axis=1)),
        lambda rows: {"a": np.squeeze(rows), "b": np.squeeze(rows > 4)},
        lambda rows: np.squeeze(rows).tolist(),
        lambda rows: np.squeeze(np.where(rows > 4, "high", "low")),
    ],
)
def test_what_squeezes_the_axis_of_a_single_row_away_shares_calls_and_answers_that_row(call):
    item = modelbundle.save("m", call, sample=ROWS)
    model = LoadedModel.load(Store.default().directory(item))
    whole = to_instances(model.call("predict", ROWS))
    assert model.manifest.methods["predict"].batchable
    for at, expected in enumerate(whole):
        assert to_instances(model.call("predict", ROWS[at : at + 1])) == [expected]
