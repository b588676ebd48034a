"""Departure delays per carrier in sliding windows, from files that arrive to a Delta table.

Start `thalweg serve`, then: python examples/delays.py examples/data delays
(the folder where files with flights arrive, and a new folder for the table).
"""

import os
import pathlib
import sys

from pyspark.sql import SparkSession, functions as F

incoming, table = (str(pathlib.Path(folder).resolve()) for folder in sys.argv[1:3])
spark = SparkSession.builder.remote(os.environ.get("SPARK_REMOTE", "sc://localhost")).getOrCreate()
csv = {"header": True, "nullValue": "NA"}
schema = spark.read.options(inferSchema=True, **csv).csv(incoming).schema
flights = spark.readStream.options(**csv).schema(schema).csv(incoming)
delays = (flights.withColumn("event_time", F.expr("time_hour + make_dt_interval(0, 0, minute)"))
          .withWatermark("event_time", "1 day")
          .groupBy("carrier", F.window("event_time", "6 hours", "1 hour"))
          .agg(F.sum("dep_delay").alias("delay_sum"), F.count("dep_delay").alias("delay_count"))
          .select(F.col("window.start").alias("window_start"), "carrier", "delay_sum", "delay_count"))
query = delays.writeStream.format("delta").option("checkpointLocation", table + "-checkpoint").start(table)
query.processAllAvailable()
spark.sql(f"STOP JOB '{query.id}' WITH DRAIN")  # closes the windows that the watermark has not reached
worst = spark.read.format("delta").load(table)
worst.orderBy(F.desc_nulls_last("delay_sum"), "window_start", "carrier").show(10, truncate=False)
