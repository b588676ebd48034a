"""Long operations: interrupts, streams that are cut, clients that come back."""

import threading
import time
import uuid

import pyspark.sql.connect.proto as pb2
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from conftest import Server, client_that_vanishes, request, rows

CUT = "thalweg.connect.stream.messagesMax"
WAIT_SECONDS_MAX = 30

# A query that takes minutes unless it is stopped.
ENDLESS = "SELECT sum(a.id * b.id % 7) FROM range(10000000) a CROSS JOIN range(1000000) b"


def count_calls(session, name):
    """Counts the calls of an RPC that the client makes from now on."""
    calls = []
    stub = session.client._stub
    original = getattr(stub, name)

    def counted(*args, **kwargs):
        calls.append(args)
        return original(*args, **kwargs)

    setattr(stub, name, counted)
    return calls


@pytest.mark.parametrize("messages", [1, 2, 3])
def test_a_stream_cut_after_every_few_messages_loses_and_repeats_nothing(spark, messages):
    spark.conf.set(CUT, str(messages))
    reattached = count_calls(spark, "ReattachExecute")
    n = 1_500_000
    found = spark.range(n).toArrow().column("id").to_pylist()
    assert sorted(found) == list(range(n))
    assert len(reattached) >= 2
    assert rows(spark.range(5).filter("id > 3")) == [(4,)]
    assert sorted(rows(spark.sql("SELECT 1 AS a UNION ALL SELECT 2"))) == [(1,), (2,)]
    spark.range(1).createOrReplaceTempView("v")
    assert spark.table("v").count() == 1


def test_an_error_survives_a_cut_stream(spark):
    spark.conf.set(CUT, "1")
    with pytest.raises(PySparkException) as caught:
        spark.sql("SELECT 1 / (id - 5) FROM range(10)").collect()
    assert caught.value.getCondition() == "DIVIDE_BY_ZERO"


def running(spark, tag=None):
    """Starts the endless query in a thread; the caller joins it and finds its error in the list."""
    errors = []
    # Analysed here, so that the thread has one operation only, and an interrupt hits that one.
    endless = spark.sql(ENDLESS)

    def run():
        if tag:
            spark.addTag(tag)
        try:
            endless.collect()
            errors.append(None)
        except PySparkException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def interrupt_until_it_hits(interrupt):
    """The query may not have arrived when the first interrupt does."""
    end = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < end:
        if hit := interrupt():
            return hit
    raise AssertionError("nothing was interrupted")


@pytest.mark.parametrize("how", ["all", "tag"])
def test_interrupt_ends_what_it_means(spark, how):
    thread, errors = running(spark, "slow" if how == "tag" else None)
    interrupt = spark.interruptAll if how == "all" else lambda: spark.interruptTag("slow")
    if how == "tag":
        assert spark.interruptTag("other") == []
    assert len(interrupt_until_it_hits(interrupt)) == 1
    thread.join(WAIT_SECONDS_MAX)
    assert not thread.is_alive()
    assert "OPERATION_CANCELED" in str(errors[0])
    assert spark.range(1).count() == 1


# They compute for hours without a pause.
UNRESTING = [
    "SELECT count(*) FROM range(3000000) a JOIN range(3000000) b ON a.id < b.id",
    "SELECT count(*) FROM range(3000000) a CROSS JOIN range(3000000) b WHERE a.id * b.id % 7 = 8",
    "SELECT count(*) FROM range(3000000) a WHERE NOT EXISTS (SELECT 1 FROM range(3000000) b WHERE a.id + b.id < 0)",
    "SELECT max(x) FROM (SELECT explode(sequence(1, 100000)) AS x FROM range(100000000))",
    "SELECT count(*) FROM (SELECT id % 2 AS k, id FROM range(1000000)) a"
    " JOIN (SELECT id % 2 AS k, id FROM range(1000000)) b ON a.k = b.k AND a.id + b.id < 0",
]


def unresting(session, query):
    """Starts a query that does not rest, and returns its responses when it runs: rows come before its own."""
    req = request(session, f"SELECT id FROM range(1000000) UNION ALL {query}")
    responses = session.client._stub.ExecutePlan(req, timeout=3 * WAIT_SECONDS_MAX)
    next(responses)
    return responses


def answers(session):
    """A small query, which may take a while but not for ever."""
    responses = session.client._stub.ExecutePlan(request(session, "SELECT 1"), timeout=WAIT_SECONDS_MAX)
    return any(response.HasField("result_complete") for response in responses)


def test_queries_that_do_not_rest_hold_up_no_others_and_end_when_they_are_interrupted(server, spark):
    other = server.session()
    started = [unresting(spark, query) for query in UNRESTING]
    assert answers(other) and answers(spark)
    assert len(spark.interruptAll()) == len(UNRESTING)
    assert ["OPERATION_CANCELED" in status_of(lambda: responses) for responses in started] == [True] * len(UNRESTING)
    assert answers(other) and answers(spark)
    assert server.rests()
    other.stop()


def test_a_client_that_vanishes_takes_its_queries_with_it(server, spark):
    for query in UNRESTING:
        req = request(spark, f"SELECT id FROM range(1000000) UNION ALL {query}")
        del req.request_options[:]
        responses = spark.client._stub.ExecutePlan(req)
        next(responses)
        responses.cancel()
    assert answers(spark)
    assert server.rests()


def test_a_server_ends_though_queries_do_not_rest(tmp_path):
    server = Server(tmp_path)
    session = server.session()
    started = [unresting(session, query) for query in UNRESTING]
    server.stop()
    for responses in started:
        status_of(lambda: responses)
    session.stop()


def reattach(session, operation_id, last=None):
    req = pb2.ReattachExecuteRequest(
        session_id=session.client._session_id, user_context=session.client._execute_plan_request_with_metadata().user_context,
        operation_id=operation_id,
    )
    if last:
        req.last_response_id = last
    return session.client._stub.ReattachExecute(req)


def test_a_client_that_comes_back_gets_the_rest_though_the_release_was_faster(spark):
    req = request(spark, "SELECT * FROM range(3)")
    responses = list(spark.client._stub.ExecutePlan(req))
    first = responses[0]
    release = pb2.ReleaseExecuteRequest(
        session_id=req.session_id, user_context=req.user_context, operation_id=req.operation_id
    )
    release.release_until.response_id = first.response_id
    spark.client._stub.ReleaseExecute(release)
    rest = list(reattach(spark, req.operation_id, first.response_id))
    assert [r.response_id for r in rest] == [r.response_id for r in responses[1:]]
    assert rest[-1].HasField("result_complete")


def test_every_reply_repeats_the_session(spark):
    req = request(spark, "SELECT 1")
    responses = list(spark.client._stub.ExecutePlan(req))
    assert {r.session_id for r in responses} == {req.session_id}
    assert {r.operation_id for r in responses} == {req.operation_id}
    assert len({r.server_side_session_id for r in responses}) == 1
    assert len({r.response_id for r in responses}) == len(responses)


def status_of(call):
    with pytest.raises(Exception) as caught:
        list(call())
    return str(caught.value)


def test_unknown_handles_are_told_apart(spark):
    spark.range(1).collect()
    unknown = str(uuid.uuid4())
    assert "INVALID_HANDLE.OPERATION_NOT_FOUND" in status_of(lambda: reattach(spark, unknown))
    req = request(spark, "SELECT 1")
    list(spark.client._stub.ExecutePlan(req))
    assert "INVALID_HANDLE.OPERATION_ALREADY_EXISTS" in status_of(lambda: spark.client._stub.ExecutePlan(req))
    assert "INVALID_CURSOR.POSITION_NOT_FOUND" in status_of(lambda: reattach(spark, req.operation_id, "nonsense"))
    req.session_id = "no-uuid"
    assert "INVALID_HANDLE.FORMAT" in status_of(lambda: spark.client._stub.ExecutePlan(req))


def test_a_session_of_another_server_is_refused(spark):
    req = request(spark, "SELECT 1")
    req.client_observed_server_side_session_id = str(uuid.uuid4())
    assert "INVALID_HANDLE.SESSION_CHANGED" in status_of(lambda: spark.client._stub.ExecutePlan(req))


VANISHING = """
stub, req = spark.client._stub, conftest.request(spark, "SELECT * FROM range(50000000)")
next(stub.ExecutePlan(req))
"""


def test_a_client_that_vanishes_leaves_the_server_well(server, spark):
    for _ in range(3):
        client_that_vanishes(server, VANISHING)
    assert spark.range(10).agg(F.sum("id")).collect()[0][0] == 45


def test_a_large_plan_is_compressed_and_understood(spark):
    spark.conf.set("spark.connect.session.planCompression.threshold", "100")
    other = spark.range(1).select(*[F.lit("x" * 50).alias(f"c{i}") for i in range(200)])
    assert len(other.collect()[0]) == 200
