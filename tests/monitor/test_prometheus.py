"""Figures of a run as Prometheus reads them."""

import re

import prometheus_client

from survey_batch.monitor.prometheus import add_collector

STAGE = {"name": "cutouts", "total": 10, "done": 4, "worked": 4, "counts": {"ok": 3, "failed": 1}, "rate": 2.0}


def test_of_two_schedulers_in_one_process_the_later_one_is_told_of(make_monitor):
    def told():
        return set(re.findall(r'survey_batch_rows{job="(.*?)"', prometheus_client.generate_latest().decode()))

    collectors = []
    for name in ("first", "second"):
        monitor = make_monitor()
        monitor.progress(name, name, [{**STAGE, "seconds_left": None}])
        collectors.append(add_collector(monitor))
    assert told() == {"second"}
    collectors[0].remove()
    assert told() == {"second"}
    collectors[1].remove()
    assert told() == set()
