"""One BLAS and OpenMP thread wherever kernels run."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from survey_batch.core.threads import one_thread


def threads(api="blas"):
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == api}


@pytest.fixture(autouse=True)
def three_threads():
    with threadpool_limits(limits=3):
        yield


@one_thread()
def counted():
    return threads()


def test_inside_there_is_one_thread_and_afterwards_as_many_as_before():
    assert threads() == {3}
    with one_thread():
        assert threads() == {1}
        with one_thread():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == {3}


def test_a_decorated_function_has_one_each_time_it_is_called():
    assert [counted(), counted()] == [{1}, {1}]
    assert threads() == {3}


def test_an_error_inside_restores_what_was():
    with pytest.raises(ZeroDivisionError), one_thread():
        1 / 0  # noqa: B018
    assert threads() == {3}


def test_blocks_of_other_threads_keep_the_limit_until_the_last_is_left():
    both_inside, one_left = Barrier(2), Barrier(2)

    def first():
        with one_thread():
            both_inside.wait()
        one_left.wait()

    def second():
        with one_thread():
            both_inside.wait()
            one_left.wait()
            return threads()

    with ThreadPoolExecutor(2) as pool:
        left, stayed = pool.submit(first), pool.submit(second)
        assert stayed.result() == {1}
        left.result()
    assert threads() == {3}


def test_libraries_are_looked_for_only_when_modules_came_in(monkeypatch):
    counted()
    monkeypatch.setattr("survey_batch.core.threads.ThreadpoolController", None)
    assert counted() == {1}


def test_a_library_that_comes_in_later_is_limited_too():
    code = (
        "from survey_batch.core.threads import one_thread\n"
        "with one_thread():\n"
        "    pass\n"
        "import sklearn.utils._openmp_helpers\n"
        "from threadpoolctl import threadpool_info\n"
        "with one_thread():\n"
        "    print({lib['num_threads'] for lib in threadpool_info() if lib['user_api'] == 'openmp'})"
    )
    environment = {"OMP_NUM_THREADS": "4"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{1}"


def test_the_limit_holds_where_nothing_numeric_was_loaded_before_and_whatever_the_environment_says():
    code = (
        "from survey_batch.core.threads import one_thread\n"
        "with one_thread():\n"
        "    from threadpoolctl import threadpool_info\n"
        "    print({lib['num_threads'] for lib in threadpool_info() if lib['user_api'] == 'blas'})"
    )
    environment = {"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{1}"
