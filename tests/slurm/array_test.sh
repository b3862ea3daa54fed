#!/bin/sh
# array_test: a job array of SLURM runs one batch in eight shards; one task is killed, and run again.
#
#   tests/slurm/array_test.sh [--install]
#
# A cluster of one node, on this host, with folders, ports, keys and daemons of its own: munged,
# slurmctld and slurmd run as whoever starts this, and end with it. --install gets the packages
# (tests/deps.sh slurm). Not a part of `make test`. QUOIT_BUILD is the build folder (build).
#
# No cgroups are needed: processes are followed in /proc. The node says that it has eight processors,
# so that the array runs at once wherever it is.
set -u
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C

[ "${1:-}" != --install ] || tests/deps.sh slurm || exit 1
build=${QUOIT_BUILD:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
quoit=$build/quoit
PATH=$PATH:/usr/sbin:/sbin

skip() {
    echo "skipped: $1"
    exit 77
}
for program in munged slurmctld slurmd sbatch scancel squeue sinfo scontrol python3; do
    command -v $program >/dev/null || skip "$program is not installed: say --install"
done
if [ ! -x "$quoit" ] || [ ! -x "$build/quoit-mock" ]; then
    skip "quoit and quoit-mock are not built in $build"
fi

# --- The cluster ---

work=$(mktemp -d /tmp/quoit-slurm-XXXXXX)
chmod 755 "$work"
pids=""
passed=0 failed=0

end_all() {
    if [ -s "$work/slurmctld.pid" ]; then
        timeout 10 scancel --full --signal=KILL --quiet --user="$(id -un)" 2>/dev/null
    fi
    for pid in $pids; do
        kill "$pid" 2>/dev/null
    done
    for pid in $pids; do
        wait "$pid" 2>/dev/null
    done
    rm -rf "$work"
}
trap end_all EXIT
trap 'exit 1' INT TERM HUP

# begin NAME PROGRAM...: run it until the end of this script; what it says is in NAME.log.
begin() {
    log=$work/$1.log
    shift
    "$@" >"$log" 2>&1 &
    pids="$! $pids"
}

# wait_for WHAT SECONDS COMMAND...: until the command succeeds.
wait_for() {
    what=$1 left=$(($2 * 10))
    shift 2
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        if [ $left -eq 0 ]; then
            echo "never came: $what"
            tail -n 20 "$work"/*.log
            exit 1
        fi
        sleep 0.1
    done
}

free_ports() {
    python3 -c '
import socket
sockets = [socket.socket() for _ in range(2)]
for one in sockets: one.bind(("127.0.0.1", 0))
print(*[one.getsockname()[1] for one in sockets])'
}

begin_munge() {
    mkdir -m 700 "$work/munge"
    mkdir -m 755 "$work/socket"
    head -c 1024 /dev/urandom >"$work/munge/key"
    chmod 600 "$work/munge/key"
    begin munged munged --foreground --key-file="$work/munge/key" \
        --socket="$work/socket/munge" --pid-file="$work/munge/pid" \
        --log-file="$work/munge/log" --seed-file="$work/munge/seed"
    wait_for "munged" 10 test -S "$work/socket/munge"
}

begin_slurm() {
    host=$(hostname -s)
    # shellcheck disable=SC2046 # two words
    set -- $(free_ports)
    mkdir "$work/state" "$work/spool"
    cat >"$work/slurm.conf" <<CONFIGURATION
ClusterName=quoit
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$1
SlurmdPort=$2
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$work/socket/munge
CredType=cred/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
KillWait=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=64 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=10 State=UP
CONFIGURATION
    export SLURM_CONF="$work/slurm.conf"
    begin slurmctld slurmctld -D
    begin slurmd slurmd -D -N "$host"
    wait_for "an idle node" 60 sh -c 'sinfo -h -o %t | grep -qx idle'
}

# --- The batch ---

check() {
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
        echo "ok: $1"
    else
        failed=$((failed + 1))
        echo "FAILED: $1: it is \"$2\", wanted \"$3\""
    fi
}

begin_mock() {
    begin mock "$build/quoit-mock" --port 0 --port-file "$work/port" --latency 20ms
    wait_for "the mock's port" 10 test -s "$work/port"
    OPENAI_BASE_URL="http://127.0.0.1:$(cat "$work/port")/v1"
    export OPENAI_BASE_URL
}

write_queries() {
    python3 -c '
import json
for i in range(4000):
    body = {"model": "m", "messages": [{"role": "user", "content": "word " * (i % 50)}]}
    print(json.dumps({"custom_id": "q-%d" % i, "method": "POST", "url": "/v1/chat/completions",
                      "body": dict(body, seed=i)}))' >"$work/queries.jsonl"
    cat >"$work/job.sh" <<JOB
#!/bin/sh
echo \$\$ >"$work/task.\$SLURM_ARRAY_TASK_ID.pid"
exec "$quoit" batch "$work/queries.jsonl" -o "$work/out.\$SLURM_ARRAY_TASK_ID.jsonl" -c 4 "\$@"
JOB
    chmod 755 "$work/job.sh"
}

# submit ARRAY WORD...: prints the job's number.
submit() {
    array=$1
    shift
    sbatch --parsable --chdir="$work" --output="$work/job.%A_%a.log" --array="$array" \
        "$work/job.sh" "$@"
}

has_no_jobs() { [ -z "$(squeue -h)" ]; }
has_some_answers() { [ "$(wc -l <"$work/out.3.jsonl")" -ge 20 ]; }

# state JOB: "COMPLETED 0:0", state and exit code with signal.
state() {
    scontrol show job "$1" | sed -n -e 's/.*JobState=\([A-Z]*\).*/\1/p' \
        -e 's/.*ExitCode=\([0-9:]*\).*/\1/p' | paste -sd' '
}

merge() {
    "$quoit" merge "$work"/out.?.jsonl --input "$work/queries.jsonl" --overwrite "$@"
}

same_answers() {
    python3 - "$1" "$2" <<'COMPARE'
import json, sys
def bodies(path):
    return sorted((line["custom_id"], json.dumps(line["response"]["body"]))
                  for line in map(json.loads, open(path)))
one, other = bodies(sys.argv[1]), bodies(sys.argv[2])
print("%d lines, %s" % (len(one), "the same" if one == other else "not the same"))
COMPARE
}

begin_munge
begin_slurm
begin_mock
write_queries
"$quoit" batch "$work/queries.jsonl" -o "$work/whole.jsonl" --quiet
check "one run, exit" $? 0

job=$(submit 0-7 --shard auto)
wait_for "answers of the fourth task" 60 has_some_answers
kill -KILL "$(cat "$work/task.3.pid")"
wait_for "the end of the array" 120 has_no_jobs
for task in 0 1 2 4 5 6 7; do
    check "task $task" "$(state "${job}_$task")" "COMPLETED 0:0"
done
check "task 3, killed" "$(state "${job}_3")" "FAILED 0:9"
merge -o "$work/merged.jsonl" 2>"$work/merge.log"
check "merge without the whole of task 3, exit" $? 1
tail -n 2 "$work/merge.log"

job=$(submit 3 --shard auto --overwrite)
wait_for "the end of the lone task" 60 has_no_jobs
check "one task alone that says auto is refused" "$(state "${job}_3")" "FAILED 2:0"
job=$(submit 3 --shard auto/8 --overwrite)
wait_for "the end of the task" 60 has_no_jobs
check "task 3 again, auto/8" "$(state "${job}_3")" "COMPLETED 0:0"
head -n 2 "$work/job.${job}_3.log"
merge -o "$work/merged.jsonl" 2>"$work/merge.log"
check "merge, exit" $? 0
cat "$work/merge.log"
check "merged and one run" "$(same_answers "$work/whole.jsonl" "$work/merged.jsonl")" \
    "4000 lines, the same"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
