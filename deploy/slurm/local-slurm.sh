#!/usr/bin/env bash
# A private SLURM on one machine, to try survey-batch on and for its tests: several nodes, a pretend GPU on each.
#
#   bash deploy/slurm/local-slurm.sh up [NODES=2] [CPUS=2] [GPUS=1]     # per node; then: source "$SLURM_DIR/env.sh"
#   bash deploy/slurm/local-slurm.sh down
#
# Needs root and, on Debian: apt-get install slurmctld slurmd slurm-client munge slurm-wlm-basic-plugins
# All its state is in SLURM_DIR (default: survey-batch-slurm among the temporary files). Nothing of a real SLURM on the
# machine is touched: daemons, ports (from SLURM_BASE_PORT, 17000) and munge's socket are its own.
# Partitions: `cpu` (default) and `gpu`, and `urgent`, whose jobs end those of the others (preemption).
# With SLURM_OVER_MEMORY=1, SLURM looks each second, and ends jobs that hold more memory than they asked for.
# A pretend GPU is /dev/null by another name: SLURM counts it and sets CUDA_VISIBLE_DEVICES, nothing can compute on it.
set -euo pipefail

dir=${SLURM_DIR:-${TMPDIR:-/tmp}/survey-batch-slurm}
base=${SLURM_BASE_PORT:-17000}
memory=${SLURM_NODE_MEMORY_MB:-6000}
host=$(hostname -s)
export SLURM_CONF=$dir/slurm.conf

say() { echo "local-slurm: $*" >&2; }

need() {
    for program in munged slurmctld slurmd sbatch; do
        command -v "$program" >/dev/null || {
            say "$program is missing; on Debian: apt-get install slurmctld slurmd slurm-client munge slurm-wlm-basic-plugins"
            exit 1
        }
    done
    [ "$(id -u)" -eq 0 ] || { say "needs root: it starts daemons that start jobs"; exit 1; }
}

write_config() {  # nodes, CPUs, GPUs
    cat >"$SLURM_CONF" <<END
ClusterName=survey-batch
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$base
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge.sock,cred_expire=30
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool-%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1,defer_batch=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=500
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MailProg=/bin/true
KillWait=10
MinJobAge=60
InactiveLimit=0
SlurmctldTimeout=30
SlurmdTimeout=30
TreeWidth=50
END
    if [ -n "${SLURM_OVER_MEMORY:-}" ]; then
        printf 'JobAcctGather%s\n' Type=jobacct_gather/linux Frequency=task=1 Params=OverMemoryKill,UsePss >>"$SLURM_CONF"
    fi
    : >"$dir/gres.conf"
    [ "$3" -eq 0 ] || echo "GresTypes=gpu" >>"$SLURM_CONF"
    for node in $(seq 1 "$1"); do
        mkdir -p "$dir/spool-n$node"
        gres=
        if [ "$3" -gt 0 ]; then
            gres="Gres=gpu:$3"
            for gpu in $(seq 0 $(($3 - 1))); do
                device=$dir/pretend-gpu-n$node-$gpu
                [ -e "$device" ] || mknod -m 666 "$device" c 1 3
                echo "NodeName=n$node Name=gpu File=$device" >>"$dir/gres.conf"
            done
        fi
        echo "NodeName=n$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$((base + node)) CPUs=$2 RealMemory=$memory $gres State=UNKNOWN" >>"$SLURM_CONF"
    done
    cat >>"$SLURM_CONF" <<END
PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO PriorityTier=1
PartitionName=gpu Nodes=ALL MaxTime=INFINITE State=UP OverSubscribe=NO PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP OverSubscribe=NO PriorityTier=10 PreemptMode=OFF
END
    echo "export SLURM_CONF=$SLURM_CONF" >"$dir/env.sh"
}

start_munge() {
    if [ ! -s "$dir/munge/key" ]; then
        dd if=/dev/urandom of="$dir/munge/key" bs=1024 count=1 status=none
        chmod 0400 "$dir/munge/key"
    fi
    munged --force --socket="$dir/munge.sock" --key-file="$dir/munge/key" --pid-file="$dir/munged.pid" \
        --log-file="$dir/munge/log" --seed-file="$dir/munge/seed"
    munge -n -S "$dir/munge.sock" | unmunge -S "$dir/munge.sock" >/dev/null
}

up() {  # nodes, CPUs, GPUs
    need
    [ ! -f "$SLURM_CONF" ] || down
    mkdir -p "$dir"/{state,log,munge}
    chmod 0755 "$dir"
    chmod 0700 "$dir/munge"
    write_config "$@"
    start_munge
    slurmctld -c  # without the jobs of a former run
    for node in $(seq 1 "$1"); do slurmd -N "n$node"; done
    for _ in $(seq 1 100); do
        ready=$(sinfo -h -N -p cpu -o '%T' 2>/dev/null | grep -c -E '^(idle|mixed)$' || true)
        if [ "$ready" -ge "$1" ]; then
            say "up, $1 nodes of $2 CPUs and $3 pretend GPUs; now: source $dir/env.sh"
            return
        fi
        sleep 0.2
    done
    say "did not come up; the ends of its logs:"
    tail -n 10 "$dir"/log/*.log >&2
    exit 1
}

alive() {  # a zombie answers kill -0, so look at the process's state
    [ -r "/proc/$1/stat" ] && [ "$(awk '{print $3}' "/proc/$1/stat" 2>/dev/null)" != Z ]
}

stop() {  # by pid file
    [ -s "$1" ] || return 0
    pid=$(cat "$1")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 1 50); do alive "$pid" || break; sleep 0.1; done
    if alive "$pid"; then kill -9 "$pid"; fi
    rm -f "$1"
}

down() {
    controller=$dir/slurmctld.pid
    if [ -s "$controller" ] && alive "$(cat "$controller")"; then  # a dead one would make scancel wait for 15 s
        timeout 10 scancel --user="$(id -un)" 2>/dev/null || true
        for _ in $(seq 1 50); do
            [ -n "$(timeout 5 squeue -h 2>/dev/null || true)" ] || break
            sleep 0.2
        done
    fi
    for file in "$dir"/slurmd-*.pid "$controller" "$dir/munged.pid"; do stop "$file"; done
    rm -rf "${dir:?}"
}

case "${1:-}" in
    up) up "${2:-2}" "${3:-2}" "${4:-1}" ;;
    down) down ;;
    *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
