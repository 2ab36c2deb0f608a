"""Counts of downloads, from several threads and for the whole process."""

from concurrent.futures import ThreadPoolExecutor

from survey_batch.archive.traffic import Traffic, TrafficCounter


def test_counts_are_added_by_name_and_taken_once():
    counter = TrafficCounter()
    counter.add(requests=1, seconds=0.5)
    counter.add(requests=2, retries=1, bytes=100)
    assert counter.total == counter.take() == Traffic(requests=3, retries=1, bytes=100, seconds=0.5)
    assert counter.take() == counter.total == Traffic()


def test_what_is_taken_stays_in_the_whole():
    whole = TrafficCounter()
    one, other = TrafficCounter(whole), TrafficCounter(whole)
    one.add(bytes=1)
    one.take()
    other.add(bytes=2, cache_hits=1)
    assert whole.total == Traffic(bytes=3, cache_hits=1)
    assert other.total == Traffic(bytes=2, cache_hits=1)


def test_no_count_of_any_thread_is_lost():
    whole = TrafficCounter()
    counter, taken = TrafficCounter(whole), []

    def download(number):
        counter.add(requests=1, bytes=number)
        if number % 10 == 0:
            taken.append(counter.take())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(download, range(500)))
    taken.append(counter.take())
    assert sum(part.requests for part in taken) == whole.total.requests == 500
    assert sum(part.bytes for part in taken) == whole.total.bytes == sum(range(500))
