#!/usr/bin/env bash
# Three servers behind HAProxy and a Redis Cluster of three primaries with three replicas, all on loopback ports of this machine.
# Needs haproxy, redis-server and a Release build.
#   docs/scaling/scaling.sh start DIR    devices connect to port BASE (21000); the servers' admin ports are BASE+11 to BASE+13
#   docs/scaling/scaling.sh server DIR N starts server N again
#   docs/scaling/scaling.sh redis DIR N  starts Redis N again
#   docs/scaling/scaling.sh haproxy DIR  starts HAProxy again
#   docs/scaling/scaling.sh stop DIR     stops everything; the data stays in DIR
set -euo pipefail
command=${1:?start, server, redis, haproxy or stop} directory=${2:?a directory} base=${BASE:-21000}
here=$(cd "$(dirname "$0")" && pwd)
program=${PROGRAM:-$here/../../Server/bin/Release/net10.0/DotNettyFraming.Server}
# With --store-retain, segments that are forwarded are deleted.
redis=$(seq -s, -f "127.0.0.1:%.0f" $((base + 21)) $((base + 26)))
PATH=$PATH:/usr/sbin

# Starts a program in the background, with its output and process id in the directory.
run() {
    local name=$1
    shift
    nohup "$@" >"$directory/$name.log" 2>&1 </dev/null &
    echo $! >"$directory/$name.pid"
}

start_redis() {
    mkdir -p "$directory/redis$1"
    run "redis$1" redis-server --port $((base + 20 + $1)) --bind 127.0.0.1 --dir "$directory/redis$1" --save "" --appendonly yes \
        --appendfsync always --cluster-enabled yes --cluster-port $((base + 30 + $1)) --cluster-node-timeout 2000 \
        --repl-backlog-size 64mb --repl-diskless-sync-delay 0
}

start_server() {
    run "n$1" "$program" --address 127.0.0.1 --port $((base + $1)) --admin "127.0.0.1:$((base + 10 + $1))" --log-directory none \
        --proxy-protocol required --proxy-trusted 127.0.0.1/32 --node "n$1" --store "$directory/n$1" --store-retain 1h \
        --forward "redis://$redis" --forward-replicas 1 --ack forwarded
}

start_haproxy() {
    sed -e "s/BASE/$base/" -e "s/SERVER1/127.0.0.1:$((base + 1))/" -e "s/SERVER2/127.0.0.1:$((base + 2))/" \
        -e "s/SERVER3/127.0.0.1:$((base + 3))/" -e "s/ADMIN1/$((base + 11))/" -e "s/ADMIN2/$((base + 12))/" \
        -e "s/ADMIN3/$((base + 13))/" "$here/haproxy.cfg" >"$directory/haproxy.cfg"
    run haproxy haproxy -db -f "$directory/haproxy.cfg"
}

stop() {
    [ ! -f "$directory/$1.pid" ] || kill -TERM "$(cat "$directory/$1.pid")" 2>/dev/null || true
}

# Repeats a command until it succeeds, for a minute.
until_done() {
    for _ in $(seq 600); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    echo "no success: $*" >&2
    exit 1
}

case $command in
start)
    mkdir -p "$directory"
    for n in 1 2 3 4 5 6; do start_redis $n; done
    for n in 1 2 3 4 5 6; do until_done redis-cli -p $((base + 20 + n)) ping; done
    # shellcheck disable=SC2086 # one argument per server
    [ -f "$directory/cluster" ] || {
        redis-cli --cluster create ${redis//,/ } --cluster-replicas 1 --cluster-yes >"$directory/creation"
        mv "$directory/creation" "$directory/cluster"
    }
    for n in 1 2 3 4 5 6; do until_done sh -c "redis-cli -p $((base + 20 + n)) cluster info | grep -q cluster_state:ok"; done
    for n in 1 2 3; do start_server $n; done
    for n in 1 2 3; do until_done grep -q "listening on" "$directory/n$n.log"; done
    start_haproxy
    until_done bash -c "exec 3<>/dev/tcp/127.0.0.1/$base"
    echo "ready: devices connect to 127.0.0.1:$base"
    ;;
server) start_server "${3:?1, 2 or 3}" ;;
redis) start_redis "${3:?1 to 6}" ;;
haproxy) start_haproxy ;;
stop)
    stop haproxy
    for n in 1 2 3; do stop "n$n"; done
    for n in 1 2 3; do until_done sh -c "! kill -0 $(cat "$directory/n$n.pid" 2>/dev/null || echo 0x) 2>/dev/null"; done
    for n in 1 2 3 4 5 6; do stop "redis$n"; done
    for n in 1 2 3 4 5 6; do until_done sh -c "! kill -0 $(cat "$directory/redis$n.pid" 2>/dev/null || echo 0x) 2>/dev/null"; done
    ;;
esac
