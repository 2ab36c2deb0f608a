#!/usr/bin/env bash
# A Dask scheduler and its workers on this machine, over TLS on loopback: what a job joins with cluster.kind = "tls://...".
# To try joining, and as a pattern: on real nodes leave the `--host 127.0.0.1` out.
#
#   bash deploy/dask/local-scheduler.sh up [WORKERS=2] [GPUS=0]     # prints the options of `survey-batch run`
#   bash deploy/dask/local-scheduler.sh down
#
# GPUS is the number of further workers with the resource GPU, one process and one thread for each.
# All its state is in DASK_DIR (default: survey-batch-dask among the temporary files), which the user alone can read:
# whoever has the key in it runs code on the workers. The certificate holds for a week. Needs openssl, and `dask` on the path.
set -euo pipefail

dir=${DASK_DIR:-${TMPDIR:-/tmp}/survey-batch-dask}
memory=${DASK_WORKER_MEMORY:-4GB}
tls=(--tls-ca-file "$dir/cert.pem" --tls-cert "$dir/cert.pem" --tls-key "$dir/key.pem")

# What the package sets on clusters that it starts itself (survey_batch.cluster.SCHEDULER_SETTINGS).
export DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=0 DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION=1.0
export DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH=20 DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL=20s
export DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL=2s DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL=200ms
# What the package sets on workers: one thread for each numeric library, results that repeat, how memory is kept.
exports=$(python -m survey_batch.core.environment) || { echo "survey_batch is not installed for the python on the path" >&2; exit 1; }
eval "$exports"

say() { echo "local-scheduler: $*" >&2; }

start() {  # name, command
    local name=$1
    shift
    setsid "$@" >"$dir/$name.log" 2>&1 </dev/null &
    echo $! >"$dir/$name.pid"
}

workers() {  # name, number, options
    local name=$1 number=$2
    shift 2
    [ "$number" -gt 0 ] || return 0
    start "$name" dask worker --scheduler-file "$dir/scheduler.json" "${tls[@]}" --protocol tls --host 127.0.0.1 \
        --nworkers "$number" --nthreads 1 --memory-limit "$memory" --dashboard-address 127.0.0.1:0 \
        --local-directory "$dir/scratch" --death-timeout 60 "$@"
}

up() {  # workers, workers with a GPU
    for program in openssl dask; do
        command -v $program >/dev/null || { say "$program is not on the path"; exit 1; }
    done
    [ ! -d "$dir" ] || down
    mkdir -m 0700 "$dir"
    # One certificate is authority and identity of all three sides, as in `Security.temporary()`.
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 7 -subj /CN=survey-batch \
        -addext keyUsage=critical,digitalSignature,keyCertSign -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>"$dir/openssl.log"
    start scheduler dask scheduler "${tls[@]}" --protocol tls --host 127.0.0.1 --port 0 \
        --dashboard-address 127.0.0.1:0 --scheduler-file "$dir/scheduler.json"
    workers cpu "$1"
    workers gpu "$2" --resources GPU=1
    for _ in $(seq 1 300); do
        if [ "$(cat "$dir"/?pu.log 2>/dev/null | grep -c 'Registered to')" -ge $(($1 + $2)) ]; then
            say "up, $1 workers and $2 with a GPU; a job joins with:"
            echo "--set cluster.kind=$dir/scheduler.json --set cluster.tls_files.ca=$dir/cert.pem" \
                "--set cluster.tls_files.cert=$dir/cert.pem --set cluster.tls_files.key=$dir/key.pem"
            return
        fi
        sleep 0.2
    done
    say "did not come up; the ends of its logs:"
    tail -n 10 "$dir"/*.log >&2
    down
    exit 1
}

down() {
    for name in gpu cpu scheduler; do
        [ -s "$dir/$name.pid" ] || continue
        pid=$(cat "$dir/$name.pid")
        kill "$pid" 2>/dev/null || continue
        for _ in $(seq 1 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -9 "$pid" 2>/dev/null || true
    done
    rm -rf "${dir:?}"
}

case "${1:-}" in
    up) up "${2:-2}" "${3:-0}" ;;
    down) down ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
