//! Functions that a session registers: closures with state, called by SQL.

use arrow::datatypes::DataType;
use datafusion::logical_expr::lit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use thalweg_common::Error;
use thalweg_engine::{Engine, EngineConfig, Session};
use thalweg_functions::{AggregateArgs, Arg, Entry, ScalarArgs, bind_aggregate, bind_scalar};

/// `name(text)`: the text after a greeting that the closure owns; it counts how often it is bound.
fn greeting(name: &str, greeting: &str, bound: &Arc<AtomicUsize>) -> Entry {
    let (greeting, bound) = (greeting.to_owned(), Arc::clone(bound));
    let bind = move |call: ScalarArgs| {
        bound.fetch_add(1, Ordering::Relaxed);
        let before = Arg { expr: lit(greeting.as_str()), data_type: DataType::Utf8, nullable: false };
        bind_scalar("concat", [vec![before], call.args].concat(), call.ctx)
    };
    Entry::of_scalar(name, 1..=1, bind).described("text", "Returns a greeting.")
}

/// `name(number)`: the sum.
fn total(name: &str) -> Entry {
    Entry::of_aggregate(name, 1..=1, |a: AggregateArgs| bind_aggregate("sum", a.args, a.call, a.ctx))
}

/// The names of the columns and the rows of a statement, each row as its values between bars.
async fn answer(session: &Session, sql: &str) -> Result<(Vec<String>, Vec<String>), Error> {
    let output = session.sql(sql).await?.remove(0);
    let names = output.schema.fields.iter().map(|f| f.name.clone()).collect();
    let mut rows = vec![];
    for batch in output.collect().await? {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|c| thalweg_engine::display::cell(c.as_ref(), row, "UTC"));
            rows.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    Ok((names, rows))
}

async fn row(session: &Session, sql: &str) -> String {
    answer(session, sql).await.unwrap().1.remove(0)
}

async fn class(session: &Session, sql: &str) -> String {
    answer(session, sql).await.unwrap_err().class().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_calls_the_functions_that_it_registered() {
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig::new(dir.path());
    let engine = Engine::open(config, thalweg_connectors_all::standard_registry().unwrap()).await.unwrap();
    let (session, other) = (engine.new_session("me", "one"), engine.new_session("me", "two"));
    let bound = Arc::new(AtomicUsize::new(0));
    session.register_function(greeting("Greet", "hello ", &bound)).unwrap();
    session.register_function(total("total")).unwrap();

    let (names, rows) =
        answer(&session, "SELECT greet(x), GREET(upper(x)) FROM VALUES ('ada') t(x)").await.unwrap();
    assert_eq!(names, ["greet(x)", "greet(upper(x))"]);
    assert_eq!(rows, ["hello ada|hello ADA"]);
    assert!(bound.load(Ordering::Relaxed) >= 2);
    let grouped = "SELECT g, total(x), total(DISTINCT x), max(total(x)) OVER () FROM VALUES (1, 2), (1, 2) t(g, x) GROUP BY g";
    assert_eq!(row(&session, grouped).await, "1|4|2|4");
    let running = "SELECT total(x) OVER (ORDER BY x) t FROM VALUES (1), (2) t(x) ORDER BY t DESC";
    assert_eq!(row(&session, running).await, "3");
    assert_eq!(class(&session, "SELECT greet('a', 'b')").await, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION");

    assert_eq!(row(&session, "SHOW FUNCTIONS LIKE 'greet'").await, "greet");
    assert!(answer(&other, "SHOW FUNCTIONS LIKE 'greet'").await.unwrap().1.is_empty());
    assert_eq!(class(&other, "SELECT greet('a')").await, "UNRESOLVED_ROUTINE");

    let again = session.register_function(greeting("greet", "again ", &bound)).unwrap_err();
    assert_eq!(again.class(), "ROUTINE_ALREADY_EXISTS");
    assert_eq!(row(&session, "SELECT greet('ada')").await, "hello ada");

    // A built-in function comes before that of the session, as in Spark.
    session.register_function(greeting("upper", "mine ", &bound)).unwrap();
    let qualified = "SELECT upper('a'), session.upper('a'), system.session.upper('a'), builtin.upper('a')";
    let (names, rows) = answer(&session, qualified).await.unwrap();
    assert_eq!(names, ["upper(a)"; 4]);
    assert_eq!(rows, ["A|mine a|mine a|A"]);
    assert_eq!(class(&session, "SELECT session.lower('a')").await, "UNRESOLVED_ROUTINE");
    assert_eq!(class(&session, "SELECT builtin.greet('a')").await, "UNRESOLVED_ROUTINE");
}
