"""Asks a Spark Connect server for the English names of time zones, and as which zones it reads these names.

Run with a Python that has pyspark 4.2:  python tests/spark/zones.py sc://localhost:15002
Writes `zone_names.tsv` (zone, short and full name of standard time, the same of daylight saving time) and
`zones_by_name.tsv` (name, `short` or `full`, zone) to `crates/values/src/pattern/`.
"""

import argparse
import datetime
import logging
import pathlib
import zoneinfo

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

OUT = pathlib.Path(__file__).resolve().parents[2] / "crates" / "values" / "src" / "pattern"
# In these the database counts the winter as daylight saving time, by less than an hour.
WINTER = ("Africa/Casablanca", "Africa/El_Aaiun", "Eire", "Europe/Dublin")
# Of several zones with a name that all have Spark's offsets, one of these is taken.
PREFERRED = """America/Los_Angeles America/Denver America/Chicago America/New_York America/Anchorage America/Halifax
America/St_Johns America/Sao_Paulo Europe/Paris Europe/Helsinki Europe/Lisbon Europe/London Europe/Moscow
Australia/Sydney Pacific/Auckland Pacific/Honolulu Asia/Singapore Asia/Hong_Kong Asia/Seoul Asia/Tokyo
Africa/Johannesburg Asia/Kolkata""".split()
# Days on which a name has to have the offset that Spark gives it.
DAYS = ["2024-01-02", "2024-07-02", "2010-01-02", "2010-07-02", "1999-07-02"]
UTC = datetime.timezone.utc


def moments(zone):
    """The last seconds since 1970, before 2024-01-15, at which standard and daylight saving time held."""
    standard = saving = None
    moment = datetime.datetime(2024, 1, 15, 12, tzinfo=UTC)
    for _ in range(600):
        if moment.astimezone(zoneinfo.ZoneInfo(zone)).dst():
            saving = saving or int(moment.timestamp())
        else:
            standard = standard or int(moment.timestamp())
        moment -= datetime.timedelta(days=30)
    return (saving, standard) if zone in WINTER else (standard, saving)


def names(spark, zone):
    """The four names of a zone; none if Spark does not know it."""
    try:
        spark.conf.set("spark.sql.session.timeZone", zone)
    except PySparkException:
        return None
    columns = [
        "''" if moment is None else f"date_format(timestamp_seconds({moment}), '{pattern}')"
        for moment in moments(zone)
        for pattern in ("z", "zzzz")
    ]
    return list(spark.sql("SELECT " + ", ".join(columns)).collect()[0])


def offset(zone, instant):
    return int(datetime.datetime.fromtimestamp(instant, zoneinfo.ZoneInfo(zone)).utcoffset().total_seconds())


def zone_of(spark, name, is_full, zones):
    """A zone, one of `zones` if possible, that has the offsets with which Spark reads a name."""
    pattern = "yyyy-MM-dd " + ("zzzz" if is_full else "z")
    read = ", ".join(f"unix_seconds(try_to_timestamp('{day} {name}', '{pattern}'))" for day in DAYS)
    instants = list(spark.sql(f"SELECT {read}").collect()[0])
    if None in instants:
        return None
    midnights = [int(datetime.datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) for day in DAYS]
    offsets = [midnight - instant for midnight, instant in zip(midnights, instants)]
    fits = lambda zone: [offset(zone, instant) for instant in instants] == offsets
    others = sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone)
    found = sorted(filter(fits, zones), key=lambda z: (z not in PREFERRED, "/" not in z)) or filter(fits, others)
    return next(iter(found), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("remote", help="a Spark Connect server, such as sc://localhost:15002")
    logging.disable(logging.CRITICAL)
    spark = SparkSession.builder.remote(parser.parse_args().remote).create()
    found = {zone: names(spark, zone) for zone in sorted(zoneinfo.available_timezones())}
    found = {zone: own for zone, own in found.items() if own}
    lines = ["\t".join([zone, *own]).rstrip("\t") + "\n" for zone, own in found.items()]
    (OUT / "zone_names.tsv").write_text("".join(sorted(lines)))

    spark.conf.set("spark.sql.session.timeZone", "UTC")
    zones = {}
    for zone, own in found.items():
        for place, name in enumerate(own):
            # Ids and offsets are read as such.
            if name and not name.startswith(("+", "-", "GMT", "UTC")):
                zones.setdefault((name, place % 2 == 1), []).append(zone)
    lines = []
    for (name, is_full), own in sorted(zones.items()):
        zone = zone_of(spark, name, is_full, own)
        lines += [f"{name}\t{'full' if is_full else 'short'}\t{zone}\n"] if zone else []
    (OUT / "zones_by_name.tsv").write_text("".join(lines))
    spark.stop()


if __name__ == "__main__":
    main()
