#!/bin/sh
# What the official image does at its start, as far as Compose files rely on it: POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD (each also from
# a file, with _FILE), POSTGRES_INITDB_ARGS, POSTGRES_HOST_AUTH_METHOD; *.sh and *.sql of /docker-entrypoint-initdb.d.
set -eu

from_file() {
  eval "path=\${${1}_FILE:-}"
  if [ -n "$path" ]; then
    value=$(cat "$path")
    export "$1=$value"
    unset "${1}_FILE"
  fi
}

if [ "${1:-}" = postgres ] || [ "${1#-}" != "$1" ]; then
  [ "${1#-}" = "$1" ] || set -- postgres "$@"
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    chown -R postgres:postgres "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    for name in POSTGRES_USER POSTGRES_DB POSTGRES_PASSWORD; do from_file "$name"; done
    exec setpriv --reuid=70 --regid=70 --clear-groups "$0" "$@"
  fi
  for name in POSTGRES_USER POSTGRES_DB POSTGRES_PASSWORD; do from_file "$name"; done
  : "${POSTGRES_USER:=postgres}"
  : "${POSTGRES_DB:=$POSTGRES_USER}"
  if [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
      echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
      exit 1
    fi
    file=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:-}" >"$file"
    # shellcheck disable=SC2086 # The arguments are words.
    initdb --username="$POSTGRES_USER" --pwfile="$file" --no-sync --encoding=UTF8 --locale=C.UTF-8 ${POSTGRES_INITDB_ARGS:-}
    rm -f "$file"
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
    printf "\nlisten_addresses = '*'\n" >>"$PGDATA/postgresql.conf"
    # While it initialises, the server answers on its socket alone.
    export PGPASSWORD="${POSTGRES_PASSWORD:-}"
    pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses=''" --wait --silent start
    if [ "$POSTGRES_DB" != postgres ]; then
      psql -X -v ON_ERROR_STOP=1 --no-password --username="$POSTGRES_USER" --dbname=postgres -v db="$POSTGRES_DB" <<'SQL'
CREATE DATABASE :"db";
SQL
    fi
    for script in /docker-entrypoint-initdb.d/*; do
      case $script in
        *.sh) . "$script" ;;
        *.sql) psql -X -v ON_ERROR_STOP=1 --no-password --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --file="$script" ;;
      esac
    done
    pg_ctl --pgdata="$PGDATA" --mode=fast --wait --silent stop
    unset PGPASSWORD
    echo 'PostgreSQL init process complete; ready for start up.'
  fi
  unset POSTGRES_PASSWORD
fi

exec "$@"
