"""Thresholds that mean something: the distance from the baseline that undrifted weeks stay under.

With n rows in the window and N in the baseline, a feature's threshold is

    max(floor, season + noise · √(1/n + 1/N))

Undrifted weeks are drawn from the baseline's rows. A week has a place in their calendar: its rows
are of the same time of the year, whatever the year, on its own days of the week. Of each week every
feature's simple distance is taken, as the check takes it.

Many features at one threshold each would alarm often, so the thresholds are set for all together
(Westfall and Young 1993, "Resampling-Based Multiple Testing"): distances are put on one scale by
their own mean and standard deviation, and a week's largest is what may exceed its limit in
`false_alarms` of the weeks. Features that move together cost nothing. The limit lies where few
weeks are, so the tail is taken as exponential; that of a largest deviation is lighter, so the limit
errs to the quiet side.

`season` is what the calendar moves, however many rows there are. A time of the year has too few of
the baseline's rows to say, so it is read off the training rows and those held out at their side:
answers to training rows are surer, but the season moves them alike. It is the furthest that a week
of the calendar lies from all, less what chance explains of that. The rest of the limit is `noise`,
which shrinks as in a two-sample Kolmogorov-Smirnov test. A season has fewer rows than the whole, so
drawing from it adds noise that real weeks do not have: Kish's effective rows say how much, and
both are counted without it. Season and noise add up at worst, and are taken to.
"""

import math
from collections.abc import Iterator

import numpy as np
import polars as pl

from categoriser.monitor.calibration.detection_power import detection_power
from categoriser.monitor.calibration.thresholds import CalibratedThresholds, FeatureLimit
from categoriser.monitor.formats.sketch import Floats, Ints
from categoriser.monitor.monitor_settings import ThresholdSettings

# Watched features, and the rows' days.
DatedFeatures = tuple[pl.DataFrame, pl.Series]

# Width of the season: the standard deviation of a Gauss kernel over the days of the year.
SEASON_DAYS = 7
YEAR = 365.25
# A numeric feature is read at so many quantiles of the baseline.
QUANTILE_BINS = 512
# So many rows are enough; more are thinned evenly.
MOST_ROWS = 100_000
# The tail is fitted to this share of the weeks, those furthest out.
TAIL = 0.05


class BinnedFeatures:
    """Rows as numbers of bins, with the features side by side: `bincount` counts a week."""

    def __init__(self, features: pl.DataFrame) -> None:
        """Bin strings by value, numbers at the baseline's quantiles; nulls have the last bin."""
        codes: list[Ints] = []
        bins: list[int] = []
        for column in features:
            if column.dtype == pl.String:
                code = np.unique(column.fill_null("\uffff"), return_inverse=True)[1]
            else:
                values = column.cast(pl.Float64).fill_null(np.inf).to_numpy()
                at = np.linspace(0, 1, QUANTILE_BINS + 1)
                edges = np.unique(np.quantile(values, at, method="inverted_cdf"))
                code = np.searchsorted(edges, values)
            codes.append(code + sum(bins))
            bins.append(int(code.max()) + 1)
        self.codes = np.array(codes)
        self.first = np.cumsum([0, *bins[:-1]])
        self.size = sum(bins)
        self.categorical = np.repeat(np.array(features.dtypes) == pl.String, bins)
        self.shares = self.distribution(np.arange(features.height))

    def distribution(self, rows: Ints) -> Floats:
        """Return the bins' shares among some rows."""
        counts = np.bincount(self.codes[:, rows].ravel(), minlength=self.size)
        shares: Floats = counts / len(rows)
        return shares

    def distances(self, shares: Floats) -> Floats:
        """Return each feature's simple distance of a distribution from that of all rows.

        A feature's differences sum to zero, so one running sum serves all features.
        """
        apart = shares - self.shares
        apart = np.abs(np.where(self.categorical, apart, np.cumsum(apart)))
        furthest: Floats = np.maximum.reduceat(apart, self.first)
        return furthest


def calibrate_thresholds(
    baseline: DatedFeatures, known: DatedFeatures, how: ThresholdSettings
) -> CalibratedThresholds:
    """Return the thresholds for a baseline's features, and what weeks find by them.

    `known` are more rows, whose season is the baseline's. The same rows and settings give the same
    thresholds.
    """
    features, _ = baseline
    total = features.height
    distances, noisy = simulate(_thinned(baseline), how)
    limit = family_limits(distances, how.false_alarms)
    apart, unsure = seasonal(_thinned(known), how)
    # Of each week what chance explains is taken off.
    beyond = (apart**2 - np.outer(unsure, (limit / noisy) ** 2)).max(axis=0)
    season = np.sqrt(np.maximum(0, beyond)).round(4)
    noise = (np.maximum(0, limit - season) / noisy).round(4)
    limits = {}
    for name, one, other in zip(features.columns, season.tolist(), noise.tolist(), strict=True):
        feature_limit = FeatureLimit(season=one, noise=other, floor=how.floor, at={})
        at = {str(size): feature_limit.threshold(size, total) for size in how.window_rows}
        limits[name] = feature_limit.model_copy(update={"at": at})
    thresholds = CalibratedThresholds(baseline_rows=total, features=limits, power=[])
    found = detection_power(features, thresholds, how.window_rows)
    return thresholds.model_copy(update={"power": found})


def _thinned(rows: DatedFeatures) -> DatedFeatures:
    features, dates = rows
    step = math.ceil(len(dates) / MOST_ROWS)
    return features.gather_every(step), dates.gather_every(step)


def simulate(rows: DatedFeatures, how: ThresholdSettings) -> tuple[Floats, float]:
    """Return undrifted weeks' distances, of the smaller window, and how noisy they are.

    The distances have the shape (weeks, features); every week of the calendar has as many. Noise
    is in the formula's terms: what takes the place of its √(1/n + 1/N).
    """
    random = np.random.default_rng(how.seed)
    features, dates = rows
    binned = BinnedFeatures(features)
    size = how.window_rows[0]
    calendar = list(calendar_weeks(dates, how.min_rows))
    distances = []
    for weights in calendar:
        ends = np.cumsum(weights)[:-1]
        for _ in range(math.ceil(how.weeks / len(calendar))):
            # Sorted, they are found faster.
            drawn = np.searchsorted(ends, np.sort(random.random(size)), side="right")
            distances.append(binned.distances(binned.distribution(drawn)))
    lost = np.mean([_lost(weights) for weights in calendar])
    return np.array(distances), math.sqrt(1 / size + lost)


def seasonal(rows: DatedFeatures, how: ThresholdSettings) -> tuple[Floats, Floats]:
    """Return weeks' distances from all, (weeks, features), and what weighing adds to noise."""
    features, dates = rows
    binned = BinnedFeatures(features)
    # Rows of one day weigh alike, so days are counted once.
    days, first, day = np.unique(dates, return_index=True, return_inverse=True)
    cells = np.bincount((binned.codes * len(days) + day).ravel(), minlength=binned.size * len(days))
    by_day = cells.reshape(binned.size, len(days)).astype(np.float64)
    distances = []
    lost = []
    for weights in calendar_weeks(dates, how.min_rows):
        distances.append(binned.distances(by_day @ weights[first]))
        lost.append(_lost(weights))
    return np.array(distances), np.array(lost)


def calendar_weeks(dates: pl.Series, least: int) -> Iterator[Floats]:
    """Yield the rows' weights in each week of their calendar; they sum to 1.

    A week that rests on fewer than `least` effective rows says nothing and is left out. Where all
    are left out, the season is unknown, and there is one week in which all rows weigh alike.
    """
    days = dates.cast(pl.Date).to_physical().to_numpy().astype(np.int64)
    days -= days.min()
    known = False
    # The last days are seldom a whole week, and do not have all its weekdays.
    for week in np.unique(days // 7)[: max(1, (days.max() + 1) // 7)]:
        away = np.abs(days - (7 * week + 3)) % YEAR
        weights = np.exp(-0.5 * (np.minimum(away, YEAR - away) / SEASON_DAYS) ** 2)
        on_weekday = np.bincount(days[days // 7 == week] % 7, minlength=7)
        around = np.bincount(days % 7, weights, minlength=7)
        weights *= (on_weekday / np.maximum(around, 1e-12))[days % 7]
        weights /= weights.sum()
        if least * (weights @ weights) <= 1:
            known = True
            yield weights
    if not known:
        yield np.full(len(days), 1 / len(days))


def _lost(weights: Floats) -> float:
    """Return 1 / the weights' effective rows, less 1 / all rows: what weighing adds to noise."""
    return max(0.0, float(weights @ weights) - 1 / len(weights))


def family_limits(distances: Floats, rate: float) -> Floats:
    """Return distances, shape (features,), such that this share of the weeks exceeds any."""
    centre = distances.mean(axis=0)
    spread = distances.std(axis=0)
    largest = ((distances - centre) / np.where(spread > 0, spread, np.inf)).max(axis=1)
    start = np.quantile(largest, 1 - TAIL)
    beyond = largest[largest >= start].mean() - start
    limits: Floats = centre + spread * (start + beyond * max(0, math.log(TAIL / rate)))
    return limits
