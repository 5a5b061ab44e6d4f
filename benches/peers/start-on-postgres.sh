#!/bin/sh
# Starts PROGRAM on PORT over an empty database of the PostgreSQL that PGHOST, PGPORT and PGUSER name.
# BENCH_PROGRAMS lists the directories of the programs, as PATH does.
set -eu
export PORT="$2" HOST=127.0.0.1 PATH="${BENCH_PROGRAMS:-}:$PATH" LOG=warn
export LOGIN_RATE=off SIGNUP_RATE=off USER_RATE=off IP_RATE=off
name="bench_$PORT"
psql -qd postgres -c "DROP DATABASE IF EXISTS $name" -c "CREATE DATABASE $name" 2>/dev/null
export DATABASE_URL="postgres://${PGUSER:-postgres}@${PGHOST:-127.0.0.1}:${PGPORT:-5432}/$name"
JWT_SECRET="${JWT_SECRET:-$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')}"
export JWT_SECRET
exec "$1"
