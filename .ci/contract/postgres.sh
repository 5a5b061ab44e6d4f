# Sourced by what starts a PostgreSQL of its own: `start_postgres FOLDER PYTHON` sets `cluster`, the pid to send SIGINT to,
# and `url`. Its data and logs are in FOLDER/postgres.

start_postgres() {
    local folder=$1 python=$2 programs port password owner
    programs=$(dirname "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -1 || true)")
    [ -x "$programs/initdb" ] || programs=$(dirname "$(command -v initdb || true)")
    [ -x "$programs/initdb" ] || { echo "PostgreSQL's initdb is not here" >&2; return 1; }
    # PostgreSQL refuses to run as root.
    local as=()
    mkdir "$folder/postgres"
    if [ "$(id -u)" = 0 ]; then
        owner=$(id -un postgres 2>/dev/null || echo nobody)
        as=(setpriv "--reuid=$owner" "--regid=$(id -gn "$owner")" --init-groups)
        chmod 711 "$folder"
    fi
    port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    password=$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
    printf '%s' "$password" >"$folder/postgres/password"
    [ "${#as[@]}" = 0 ] || chown -R "$owner" "$folder/postgres"
    (
        cd "$folder/postgres"
        "${as[@]}" "$programs/initdb" --pgdata=data --username=kennel --pwfile=password --auth=scram-sha-256 \
            --encoding=UTF8 --locale=C.UTF-8 --no-sync >initdb.log 2>&1 || { cat initdb.log >&2; exit 1; }
    )
    (
        cd "$folder/postgres"
        exec "${as[@]}" "$programs/postgres" -D data -p "$port" -c listen_addresses=127.0.0.1 \
            -c "unix_socket_directories=$folder/postgres" -c fsync=off
    ) >"$folder/postgres.log" 2>&1 &
    cluster=$!
    local _
    for _ in $(seq 300); do
        "$programs/pg_isready" --quiet --host=127.0.0.1 --port="$port" && break
        kill -0 "$cluster" 2>/dev/null || { cat "$folder/postgres.log" >&2; return 1; }
        sleep 0.1
    done
    url=postgres://kennel:$password@127.0.0.1:$port/postgres
}
