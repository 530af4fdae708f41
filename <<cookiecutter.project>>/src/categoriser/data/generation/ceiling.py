"""The ceiling that the noise of the generated rows sets to any classifier's accuracy."""

import numpy as np
from scipy.special import ndtr

from categoriser.data.generation.drawing import Draws, FloatArray, IntArray, to_shares
from categoriser.data.generation.world import World


def best_chances(world: World, label_noise: float, draws: Draws) -> FloatArray:
    """Return, for each row, how probable the label is that the best classifier would give.

    The classifier weighs kinds by Bayes' rule with their shares in the country over all days; the
    probability of what it answers is then taken given the row's own day. The mean over any rows is
    the classifier's expected accuracy on them.
    """
    calendar = world.calendar
    shape = (len(draws.day), len(world.categories.names))
    known = np.zeros(shape)
    true = np.zeros(shape)
    for kind, category in enumerate(world.kinds.category):
        seen = _chance_of_price(world, kind, draws.cents)
        refund = world.kinds.refund[kind]
        seen *= np.where(draws.refunded, refund, 1 - refund)
        seen *= _chance_of_name(world, kind, draws)
        known[:, category] += seen * calendar.kind_in_country[draws.country, kind]
        true[:, category] += seen * calendar.kind_on_day[draws.day, draws.country, kind]
    answer = _with_noise(world, label_noise, known).argmax(axis=1)
    chances = _with_noise(world, label_noise, to_shares(true))
    best: FloatArray = chances[np.arange(len(answer)), answer]
    return best


def _chance_of_price(world: World, kind: int, cents: IntArray) -> FloatArray:
    """Return how probable each price is among a kind's: the lognormal's mass on its grid's step."""
    kinds = world.kinds
    step = kinds.step[kind]
    count, rest = np.divmod(cents - kinds.offset[kind], step)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = ndtr((np.log(count * step) - kinds.log_cents[kind]) / kinds.sigma[kind])
        up_to = ndtr((np.log((count + 1) * step) - kinds.log_cents[kind]) / kinds.sigma[kind])
    return np.where((rest == 0) & (count >= 0), up_to - below, 0)


def _chance_of_name(world: World, kind: int, draws: Draws) -> FloatArray:
    """Return how probable each merchant and word is in a kind: one where a processor hides both."""
    identity = world.merchants.identity[draws.merchant]
    shown = world.merchants.identity_in_kind[kind, identity]
    return np.where(draws.hidden, 1, shown * world.trade_words.share[kind, draws.word])


def _with_noise(world: World, label_noise: float, categories: FloatArray) -> FloatArray:
    """Return the labels' probabilities, given those of the true categories."""
    mistaken = world.categories.mistaken_for
    return (1 - label_noise) * categories + label_noise * categories @ mistaken
