"""Everyday programs over the flights and over small data: the schema and rows that Spark 4.2 gave are recorded in
everyday.json, or the class of its error."""

import datetime
import decimal
import json
import os
import pathlib

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import Row, Window
from pyspark.sql import functions as F

from conftest import ROOT

FLIGHTS = str(ROOT / "examples" / "data" / "flights-2013-01.csv")
PEOPLE = [("Ann", 30, "x,y", 1.5), ("Bob", None, "", None), ("Cid", 25, "z", 2.25), ("Ann", 31, None, -0.0)]
RECORDED = json.loads(pathlib.Path(__file__).with_name("everyday.json").read_text())


def flights(s):
    return s.read.csv(FLIGHTS, header=True, inferSchema=True, nullValue="NA")


def people(s):
    return s.createDataFrame(PEOPLE, ["name", "age", "tags", "score"])


def nested(s):
    data = [Row(id=1, p=Row(x=1, y="a"), l=[1, 2], m={"k": 1}), Row(id=2, p=None, l=[], m=None)]
    return s.createDataFrame(data)


def schema_infer(s, tmp):
    return flights(s)


def top_routes(s, tmp):
    return flights(s).groupBy("origin","dest").agg(F.count("*").alias("n"),F.round(F.avg("dep_delay"),2).alias("d")).orderBy(F.desc("n"),"origin","dest").limit(7)


def null_counts(s, tmp): 
    d=flights(s)
    return d.select([F.count(F.when(F.col(c).isNull(),c)).alias(c) for c in d.columns])


def rank_in_group(s, tmp):
    w=Window.partitionBy("carrier").orderBy(F.desc_nulls_last("distance"),"flight","day","sched_dep_time","origin","dest","tailnum")
    return flights(s).withColumn("r",F.row_number().over(w)).filter("r<=2").select("carrier","r","flight","distance").orderBy("carrier","r")


def lag_diff(s, tmp):
    w=Window.partitionBy("tailnum").orderBy("month","day","sched_dep_time","flight")
    return flights(s).filter("tailnum='N14228'").select("day","sched_dep_time","flight",F.lag("flight",1,-1).over(w).alias("prev"),F.sum("distance").over(w).alias("run")).orderBy("day","sched_dep_time","flight").limit(8)


def cubes(s, tmp):
    return flights(s).filter("day=1").cube("origin","carrier").count().orderBy(F.col("origin").asc_nulls_first(),F.col("carrier").asc_nulls_first()).limit(12)


def dates(s, tmp):
    return flights(s).select(F.make_date("year","month","day").alias("d")).distinct().select("d",F.dayofweek("d"),F.date_format("d","EEE dd MMM yyyy"),F.weekofyear("d"),F.last_day("d"),F.add_months("d",1),F.date_trunc("week","d"),F.trunc("d","MM")).orderBy("d").limit(5)


def create_schema(s, tmp):
    return people(s)


def split_explode(s, tmp):
    return people(s).select("name",F.explode_outer(F.split("tags",",")).alias("t"))


def dicts(s, tmp):
    return s.createDataFrame([{"a":1,"b":"x"},{"a":2,"c":3.5}])


def rowsnested(s, tmp):
    return nested(s)


def fillna(s, tmp):
    return people(s).fillna({"age":0,"tags":"none"}).na.fill(9.9)


def dropna(s, tmp):
    return people(s).dropna(subset=["age","tags"])


def replace(s, tmp):
    return people(s).replace("Ann","Anna").replace({25:26},subset=["age"])


def joins(s, tmp):
    a=s.createDataFrame([(1,"a"),(2,"b"),(3,None)],"id int, v string"); b=s.createDataFrame([(1,"x"),(1,"y"),(4,"z")],"id int, w string")
    r=None
    for h in ["inner","left","right","outer","left_semi","left_anti"]:
        j=a.join(b,"id",h); j=j.select(F.lit(h).alias("h"),"id",*( ["v"] if "v" in j.columns else [F.lit(None).alias("v")]),*(["w"] if "w" in j.columns else [F.lit("-").alias("w")])); r=j if r is None else r.unionByName(j)
    return r.orderBy("h","id","v","w")


def selfjoin(s, tmp):
    a=flights(s).filter("day=1 and carrier='HA'").alias("a"); b=flights(s).filter("day=2 and carrier='HA'").alias("b")
    return a.join(b,F.col("a.flight")==F.col("b.flight")).select("a.flight","a.day",F.col("b.day").alias("d2"),F.coalesce("b.dep_delay",F.lit(0)).alias("x"))


def condcol(s, tmp):
    return people(s).withColumn("grp",F.when(F.col("age")>=30,"old").when(F.col("age").isNull(),"?").otherwise("young")).withColumn("n",F.length("name")).drop("tags").withColumnRenamed("score","s")


def strings(s, tmp):
    return people(s).select(F.upper("name"),F.concat_ws("-","name","tags"),F.lpad("name",5,"*"),F.regexp_replace("name","[aeiou]","_"),F.substring("name",1,2),F.initcap(F.lit("hello wORLD")),F.format_string("%s:%d","name",F.length("name")),F.instr("name","n"),F.translate("name","nb","NB"),F.reverse("name"))


def numbers(s, tmp):
    return s.range(-2,3).select("id",(F.col("id")/2),(F.col("id")%2),F.pmod("id",F.lit(2)),F.round(F.col("id")/3,2),F.bround(F.col("id")/2),F.abs("id"),F.pow("id",F.lit(2)),F.sqrt(F.abs("id")),F.col("id").cast("string"),F.col("id").cast("decimal(10,2)"),F.signum("id"),F.floor(F.col("id")/2),F.hex("id"))


def decimals(s, tmp):
    return s.createDataFrame([(decimal.Decimal("1.10"),decimal.Decimal("3"))],"a decimal(10,2), b decimal(5,0)").select("a",F.col("a")+F.col("b"),F.col("a")*F.col("b"),F.col("a")/F.col("b"),F.sum("a").over(Window.partitionBy("b")),F.col("a").cast("int"))


def aggs(s, tmp):
    return people(s).agg(F.count("*"),F.count("age"),F.countDistinct("name"),F.sum("age"),F.avg("age"),F.min("name"),F.max("score"),F.stddev("age"),F.sort_array(F.collect_list("age")),F.first("name"),F.last("tags",True),F.sum_distinct("age"))


def agg_dict(s, tmp):
    return people(s).groupBy("name").agg({"age":"max","score":"sum"}).orderBy("name")


def group_short(s, tmp):
    return people(s).groupBy("name").sum().orderBy("name")


def having(s, tmp): 
    people(s).createOrReplaceTempView("people")
    return s.sql("select name, count(*) c, avg(age) a from people group by name having count(*)>1 or avg(age) is null order by name")


def sqlargs(s, tmp):
    return s.sql("select * from {d} where age > :m order by age", args={"m":20}, d=people(s))


def cte(s, tmp):
    return s.sql("with t as (select explode(sequence(1,5)) n) select n, sum(n) over (order by n rows between 1 preceding and current row) s from t order by n desc")


def dedup(s, tmp):
    return people(s).dropDuplicates(["name"]).select("name").orderBy("name")


def setops(s, tmp): 
    a=s.range(5); b=s.range(3,8)
    return a.union(b).exceptAll(s.range(1)).intersect(b).orderBy("id")


def unionbyname(s, tmp):
    return s.createDataFrame([(1,"a")],["x","y"]).unionByName(s.createDataFrame([(2.5,"z")],["w","y"]),allowMissingColumns=True)


def melt(s, tmp):
    return s.createDataFrame([(1,2,3.0),(4,5,6.0)],["id","a","b"]).melt("id",["a","b"],"k","v").orderBy("id","k")


def tail_limit(s, tmp):
    return s.createDataFrame([tuple(r) for r in s.range(100).tail(3)],["id"]).union(s.range(10).offset(8))


def roundtrip(s, tmp):
    d=os.path.join(tmp,"rt"); people(s).write.mode("overwrite").partitionBy("name").json(d)
    return s.read.schema("age bigint, tags string, score double, name string").json(d).orderBy("name","age")


def parquetrt(s, tmp):
    d=os.path.join(tmp,"pq"); nested(s).write.parquet(d)
    return s.read.parquet(d).orderBy("id")


def errs_div(s, tmp):
    return s.range(1).select(F.lit(1)/F.col("id"))


def errs_cast(s, tmp):
    return people(s).select(F.col("name").cast("int"))


def errs_col(s, tmp):
    return people(s).select("nme")


def misc(s, tmp):
    d=people(s)
    return [d.count(),d.columns,str(d.dtypes),str(d.first()),str(d.head(2)),d.isEmpty(),str(d.take(1)),str(d),str(d.schema),d.schema.json()]


def withcols(s, tmp):
    return people(s).withColumns({"a2":F.col("age")+1,"b2":F.lit("k")}).selectExpr("name","a2*2 as a4","b2","score is null as sn").sort(F.col("a4").desc_nulls_first(),"name")


def colregex(s, tmp):
    return people(s).select(people(s).colRegex("`(na|ag).*`"))


def structs(s, tmp):
    return people(s).select(F.struct("name","age").alias("s")).select("s.name",F.col("s.age"))


def corr(s, tmp):
    return str([round(flights(s).corr("distance","air_time"),6), round(flights(s).cov("distance","air_time"),4)])


def mixedcase(s, tmp):
    return people(s).select("NAME",F.col("Age")).filter("nAme='Ann'")


def between(s, tmp):
    return people(s).filter(F.col("age").between(25,30)|F.col("name").isin("Bob")).filter(~F.col("name").like("C%")).select("name",F.col("name").startswith("A"),F.col("name").rlike("^B"),F.col("age").eqNullSafe(None))


def desc(s, tmp):
    return flights(s).select("distance","dep_delay","carrier").describe()


def answer(program, s, tmp):
    try:
        result = program(s, tmp)
        if not hasattr(result, "collect"):
            return result
        if program is schema_infer:
            result = result.limit(5)
        return [result.schema.simpleString(), [str(tuple(row)) for row in result.collect()]]
    except PySparkException as error:
        return ["ERR", type(error).__name__, error.getCondition()]


@pytest.mark.parametrize("name", RECORDED)
def test_a_program_answers_as_in_spark(spark, tmp_path, name):
    assert answer(globals()[name], spark, str(tmp_path)) == RECORDED[name]
