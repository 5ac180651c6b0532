"""Dates whose time zone or format is said, in files and as dates of pandas and Python."""

from dataclasses import replace
from datetime import UTC

import numpy as np
import pandas as pd
import pytest

from tfsoftmax import SourceOptions, from_frame
from tfsoftmax.data.inputs import rows_for

N = 40
NUMBER = np.arange(N)
MOMENTS = pd.date_range("2020-02-28 22:30", periods=N, freq="7h")


def frame(moments):
    return pd.DataFrame({"day": moments, "size": NUMBER / 4, "label": NUMBER % 2})


def spec_of(moments, said):
    spec = from_frame(frame(moments), options=SourceOptions(column=said)).spec
    return replace(spec, missing="mean")


@pytest.mark.parametrize("date_format", [None, "%d/%m/%Y %H:%M%z", "%H:%M%z %d.%m.%Y"])
@pytest.mark.parametrize("zone", ["+02:00", "-03:30", "UTC", None])
def test_dates_are_taken_to_the_time_zone_that_is_said(zone, date_format):
    moments = MOMENTS.tz_localize("UTC")
    texts = [m.strftime(date_format) if date_format else m.isoformat() for m in moments]
    spec = spec_of(texts, ":".join(filter(None, ["day=date", zone, date_format])))
    column = spec.encoding.columns[0]
    assert (column.time_zone, column.date_format) == (zone or "UTC", date_format)
    there = moments.tz_convert(zone or UTC)
    _, month, weekday, hour, _ = np.asarray(rows_for(spec, frame(texts)))[:, :5].T
    np.testing.assert_array_equal(month, there.month)
    np.testing.assert_array_equal(weekday, there.day_of_week)
    np.testing.assert_allclose(hour, there.hour + there.minute / 60)


def test_a_date_that_does_not_say_its_zone_is_of_the_one_that_is_said():
    texts = MOMENTS.strftime("%Y-%m-%dT%H:%M")
    rows = [
        rows_for(spec_of(texts, said), frame(texts)) for said in ("day=date", "day=date:+05:00")
    ]
    np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize("zone", ["UTC", "-03:30"])
@pytest.mark.parametrize("date_format", ["%d/%m/%Y %H:%M", "%Y%m%d%H%M%z"])
def test_a_model_of_a_format_takes_dates_of_pandas_and_of_python(zone, date_format):
    local = MOMENTS.tz_localize(zone)
    texts = local.strftime(date_format)
    spec = spec_of(texts, f"day=date:{zone}:{date_format}")
    expected = np.asarray(rows_for(spec, frame(texts)))
    forms = {
        "datetime64": MOMENTS,
        "of the zone": local,
        "of another zone": local.tz_convert("Asia/Tokyo"),
        "Timestamps": np.array(list(local), object),
        "Python's": np.array(MOMENTS.to_pydatetime(), object),
        "texts and dates": [*texts[:5], *MOMENTS[5:]],
    }
    for form, moments in forms.items():
        found = np.asarray(rows_for(spec, frame(moments)))
        np.testing.assert_array_equal(found, expected, err_msg=form)


def test_days_without_a_time_and_missing_ones_are_taken_too():
    days = pd.Series(pd.date_range("0099-12-30", periods=N, unit="s"))
    texts = [f"{day.day}/{day.month}/{day.year:04}" for day in days]
    spec = spec_of(texts, "day=date:%d/%m/%Y")
    expected = np.asarray(rows_for(spec, frame(texts)))
    expected[3, :5] = np.nan
    days[3] = None
    for cells in (days, days.dt.date):
        np.testing.assert_array_equal(np.asarray(rows_for(spec, frame(cells))), expected)
