"""Dates in a graph are the dates of Python's calendar: formats, offsets, and what is no date."""

from datetime import UTC, datetime, timedelta, timezone

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.data.encoded import features_of_cells

EPOCH = datetime(1970, 1, 1)


def encode(texts, **more):
    encoding = Encoding((Input("day", "string"),), (Column("day", "date", ("day",), **more),))
    return features_of_cells(encoding, {"day": np.array(texts, object)})


def expected(moments):
    """What Python's calendar says of some moments without a time zone."""
    return np.column_stack(
        [
            [moment.year for moment in moments],
            [moment.month for moment in moments],
            [moment.weekday() for moment in moments],
            [moment.hour + moment.minute / 60 + moment.second / 3600 for moment in moments],
            [(moment - EPOCH) / timedelta(days=1) for moment in moments],
        ]
    ).astype(np.float32)


moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
    lambda moment: moment.replace(microsecond=0)
)
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda m: timezone(timedelta(minutes=m)))


def test_every_day_of_9999_years():
    days = np.arange("0001-01-01", "9999-12-31", 97, dtype="datetime64[D]")
    found = encode(days.astype(str))
    years, months = (days.astype(f"datetime64[{unit}]").astype(int) for unit in "YM")
    np.testing.assert_array_equal(found[:, 0], years + 1970)
    np.testing.assert_array_equal(found[:, 1], months % 12 + 1)
    np.testing.assert_array_equal(found[:, 2], (days.astype(int) + 3) % 7)
    np.testing.assert_array_equal(found[:, 4], days.astype(int).astype(np.float32))


@hypothesis.settings(deadline=None, max_examples=50)
@hypothesis.given(st.lists(moments, min_size=1, max_size=20), st.sampled_from("T "))
def test_moments_without_a_time_zone(found, separator):
    texts = [moment.isoformat(separator) for moment in found]
    np.testing.assert_array_equal(encode(texts), expected(found))
    np.testing.assert_array_equal(encode(texts, time_zone="+05:30"), expected(found))


@hypothesis.settings(deadline=None, max_examples=50)
@hypothesis.given(moments, offsets, st.sampled_from(["UTC", "+02:00", "-09:30", None]))
def test_moments_with_an_offset_are_those_of_the_columns_time_zone(moment, offset, time_zone):
    zone = UTC if time_zone in ("UTC", None) else datetime.strptime(time_zone, "%z").tzinfo
    aware = moment.replace(tzinfo=offset)
    try:
        there = aware.astimezone(zone).replace(tzinfo=None)
    except OverflowError:  # beyond the years that Python knows
        return
    text = aware.isoformat()
    found = encode([text, text[:-3] + text[-2:], f" {text} "], time_zone=time_zone)
    np.testing.assert_array_equal(found, expected([there] * 3))


@pytest.mark.parametrize(
    ("date_format", "text", "moment"),
    [
        ("%d.%m.%Y", "5.6.2024", datetime(2024, 6, 5)),
        ("%m/%d/%Y %H:%M", "12/31/1999 23:59", datetime(1999, 12, 31, 23, 59)),
        ("%Y%m%d", "20240229", datetime(2024, 2, 29)),
        ("%Y%m%dT%H%M%S", "20240229T010203", datetime(2024, 2, 29, 1, 2, 3)),
        ("%d%m%Y", "01032024", datetime(2024, 3, 1)),
        ("%Y年%m月%d日", "2024年7月14日", datetime(2024, 7, 14)),
        ("%d (%m) %Y\\1", "1 (2) 2003\\1", datetime(2003, 2, 1)),
        ("%Y-%m-%d %H:%M:%S.%f%z", "2024-01-01 00:30:00.25+01:00", datetime(2023, 12, 31, 23, 30)),
    ],
)
def test_dates_in_a_format_are_read_as_strptime_reads_them(date_format, text, moment):
    found = encode([text, "2024-06-05x"], date_format=date_format)
    np.testing.assert_array_equal(found[:1], expected([moment]))
    assert np.isnan(found[1]).all()
    read = datetime.strptime(text, date_format)
    read = read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read
    assert read.replace(microsecond=0) == moment


@pytest.mark.parametrize(
    "text",
    [
        *["2023-02-29", "1900-02-29", "2024-00-10", "2024-13-01", "2024-04-31", "2024-01-00"],
        *["0000-01-01", "2024-1-1", "24-01-01", "20240101", "2024/01/01", "2024,01,01"],
        *["2024-01-01T24:00", "2024-01-01T12:60", "2024-01-01T12:00:60", "2024-01-01T12"],
        *["2024-01-01T12:00+24:00", "2024-01-01T12:00+", "2024-01-01T12:00Z01:00"],
        *["2024-01-01T12:00+02:00:30", "2024-01-01T", "2024-01-01x", "12:00", "today", ""],
        "2024-01-01\n2024-01-01",
        "\uff12024-01-01",  # a digit, but not one of ISO 8601's
    ],
)
def test_what_is_no_date_is_missing(text):
    assert np.isnan(encode([text])).all()
    found = encode([text, "2024-02-29"])
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1:], expected([datetime(2024, 2, 29)]))


def test_fractions_of_seconds_are_ignored():
    texts = ["2024-01-01T12:00:59.999999999Z", "2024-01-01 12:00:59,5", "2024-01-01T12:00:59"]
    np.testing.assert_array_equal(encode(texts), expected([datetime(2024, 1, 1, 12, 0, 59)] * 3))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"date_format": "%Y-%j"}, "has %j"),
        ({"date_format": "%Y-%m"}, "needs %Y, %m and %d"),
        ({"date_format": "%Y-%m-%d %m"}, "each directive once only"),
        ({"date_format": "%d%"}, "has %;"),
        ({"time_zone": "Europe/Zurich"}, "expected UTC or an offset such as"),
        ({"time_zone": "+25:00"}, "expected UTC or an offset such as"),
    ],
)
def test_formats_and_zones_that_no_graph_can_follow_are_refused(more, message):
    with pytest.raises(ValueError, match=message):
        Column("day", "date", ("day",), **more)
