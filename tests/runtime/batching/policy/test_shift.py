from modelbundle.runtime.batching.policy.shift import STREAK, Shift


def test_a_streak_of_slow_batches_is_a_shift():
    shift = Shift()

    assert [shift.observe(1.0, 0.1) for _ in range(2 * STREAK)] == 2 * [
        *(STREAK - 1) * [False],
        True,
    ]


def test_a_batch_as_predicted_ends_a_streak():
    shift = Shift()
    for _ in range(10):
        assert not any(shift.observe(1.0, 0.1) for _ in range(STREAK - 1))
        assert not shift.observe(0.1, 0.1)


def test_batches_within_the_prediction_are_none():
    shift = Shift()

    assert not any(shift.observe(0.2, 0.1) for _ in range(100))
