"""The environment in which workers compute; light to import, as the command line sets it too."""

WORKER_ENVIRONMENT = {
    # One thread per numeric library: the workers are the parallelism.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # oneDNN rounds differently from machine to machine; without it results repeat, and its remarks are gone.
    "TF_ENABLE_ONEDNN_OPTS": "0",
    # glibc keeps freed memory in one arena per thread; few arenas give it back.
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
