"""How long nobody could write, from the moments at which writes were acknowledged."""

import pytest

from tests.perf.writing import longest_gap


@pytest.mark.parametrize(
    ("acknowledged", "gap"),
    [
        ((1.0, 1.1, 1.4, 1.5, 2.0), 0.5),
        # A gap that began before, or ends after, counts as a whole.
        ((0.7, 1.2, 1.4, 1.6, 1.8, 2.0), 0.5),
        ((1.0, 1.2, 1.4, 1.6, 1.8, 2.4), 0.6),
        # What came long before or after is not looked at.
        ((0.1, 0.9, 1.1, 1.3, 1.5, 1.7, 1.9, 2.1, 9.0), 0.2),
        ((), 1.0),
        ((0.5, 2.5), 2.0),
    ],
)
def test_the_longest_gap(acknowledged: tuple[float, ...], gap: float) -> None:
    assert longest_gap(acknowledged, began=1.0, ended=2.0) == pytest.approx(gap)
