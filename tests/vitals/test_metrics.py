from vitals.metrics import Metrics


def test_quantiles_are_of_what_was_observed():
    metrics = Metrics()
    assert metrics.quantile("a_seconds", 0.5) is None
    metrics.observe("a_seconds", [n / 100 for n in range(101)])
    assert metrics.quantile("a_seconds", 0.5) == 0.5
    assert metrics.quantile("a_seconds", 0.99) == 0.99


def test_observing_nothing_changes_nothing():
    metrics = Metrics()
    metrics.observe("a_seconds", [])
    assert "a_seconds" not in metrics.text()


def test_d18_the_text_is_prometheus():
    metrics = Metrics()
    metrics.count("records_total", 3)
    metrics.gauge("queued", 7)
    metrics.observe("store_seconds", [0.25])
    lines = metrics.text().splitlines()
    assert "vitals_records_total 3" in lines
    assert "vitals_queued 7" in lines
    assert 'vitals_store_seconds{quantile="0.99"} 0.250000' in lines
    assert "vitals_store_seconds_count 1" in lines
    assert lines.count("# TYPE vitals_store_seconds summary") == 1


def test_a_gauge_is_said_to_the_last_digit():
    metrics = Metrics()
    metrics.gauge("given", 2_592_003)
    metrics.gauge("lag", 0.25)
    lines = metrics.text().splitlines()
    assert {"vitals_given 2592003", "vitals_lag 0.25"} <= {*lines}
