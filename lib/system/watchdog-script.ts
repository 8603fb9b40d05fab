/**
 * The watchdog's program, for /bin/sh (dash, bash, busybox). It is a shell and not Node because it lives as long as the runner and should
 * weigh nothing (about 1 MB), and because it starts in about 1 ms.
 *
 * It reads lines: `add <group>:<start>:<mark>:<signal>:<ticks>:<target>` and `del <group>`. When its input ends, the runner is
 * gone in whatever way: it signals each group that is left, waits for up to <ticks> tenths of a second, then sends KILL. What
 * left its group with setsid(2) is found by the mark in its environment (Linux; elsewhere the group is all that can be found).
 *
 * - `<start>` is the leader's start time (field 22 of /proc/<pid>/stat), or `-`: if the pid is another process's now, the group is not touched.
 * - `<target>` `leader`: the first signal goes to the leader alone, and what is left when it has ended is killed at once.
 * - A torn last line (the runner died while writing it) is not acted upon: `read` fails for it. Its process never ran, because
 *   the gate opens only after the line was written.
 */
export const watchdogScript = String.raw`
trap '' INT TERM HUP QUIT USR1 USR2 PIPE TSTP TTIN TTOU
set -f
list=
while read -r verb entry; do
  case $verb in
    add) list="$list $entry" ;;
    del)
      kept=
      for other in $list; do
        case $other in "$entry":*) ;; *) kept="$kept $other" ;; esac
      done
      list=$kept ;;
  esac
done
[ -n "$list" ] || exit 0
exec 2>/dev/null

# fields PID: the fields of /proc/PID/stat from the third on, into $stat; fails if there is no such process.
fields() {
  stat=
  while IFS= read -r part || [ -n "$part" ]; do stat="$stat $part"; done <"/proc/$1/stat" || return 1
  [ -n "$stat" ] && stat=${'$'}{stat##*) }
}

# leads GROUP: whether the group's leader lives.
leads() {
  [ -r /proc/self/stat ] || { kill -0 "$1"; return; }
  fields "$1" || return 1
  set -- $stat
  [ "$1" != Z ]
}

# ours GROUP START: whether the group's leader is the process that we were told of, or has gone.
ours() {
  [ "$2" = - ] && return 0
  fields "$1" || return 0
  wanted=$2
  set -- $stat
  [ "${'$'}{20}" = "$wanted" ]
}

# carriers PATTERNS FILE...: the files with one of the patterns. BusyBox's grep stops at a NUL, so there each file is translated.
if printf 'a\0b' | grep -qF b; then
  carriers() { grep -lsF "$@"; }
else
  carriers() {
    patterns=$1
    shift
    for path in "$@"; do
      tr '\0' '\n' <"$path" | grep -qF "$patterns" && echo "$path"
    done
  }
fi

# strays GROUP MARK: into $strays, the processes that carry the mark and are not in the group.
strays() {
  strays=
  [ -r /proc/self/environ ] || return 0
  stray_group=$1
  set +f
  found=$(carriers "VITAL_OPS_GROUP=$2
:$2" /proc/[0-9]*/environ)
  set -f
  for path in $found; do
    pid=${'$'}{path#/proc/}
    pid=${'$'}{pid%/environ}
    fields "$pid" || continue
    set -- $stat
    [ "$1" = Z ] || [ "$3" = "$stray_group" ] || strays="$strays $pid"
  done
}

# look: into $live, the groups with a living process; zombies, which nobody may ever collect, are none. "?" if that cannot be told.
look() {
  live='?'
  [ -r /proc/self/stat ] || return 0
  set +f
  live=" $(cat /proc/[0-9]*/stat | awk '{ sub(/^.*\) /, ""); if ($1 != "Z") printf "%s ", $3 }')" || live='?'
  set -f
}

alive() {
  case $live in
    '?') kill -0 -- "-$1" ;;
    *" $1 "*) return 0 ;;
    *) return 1 ;;
  esac
}

signal_all() { # SIGNAL PID...
  name=$1
  shift
  for pid in "$@"; do kill -s "$name" "$pid"; done
}

split() {
  IFS=:
  set -- $1
  unset IFS
  group=$1 start=$2 mark=$3 signal=$4 ticks=$5 target=$6
}

kept=
for entry in $list; do
  split "$entry"
  ours "$group" "$start" || continue
  kept="$kept $entry"
  if [ "$target" = leader ]; then
    kill -s "$signal" "$group"
    kill -s CONT "$group"
  else
    kill -s "$signal" -- "-$group"
    kill -s CONT -- "-$group"
    strays "$group" "$mark"
    signal_all "$signal" $strays
    signal_all CONT $strays
  fi
done
list=$kept

tick=0
while [ -n "$list" ]; do
  kept=
  look
  for entry in $list; do
    split "$entry"
    kill=
    [ "$tick" -ge "$ticks" ] && kill=1
    if [ "$target" = leader ]; then leads "$group" || kill=1; fi
    some=
    alive "$group" && some=1
    if [ -z "$some" ] || [ -n "$kill" ]; then
      strays "$group" "$mark"
      [ -n "$strays" ] && some=1
    fi
    [ -n "$some" ] || continue
    if [ -n "$kill" ]; then
      kill -s KILL -- "-$group"
      signal_all KILL $strays
    fi
    # Ten seconds after KILL there is only what cannot die (zombies that nobody collects, a hung disk).
    [ "$tick" -ge $((ticks + 100)) ] || kept="$kept $entry"
  done
  list=$kept
  [ -n "$list" ] || break
  sleep 0.1 || sleep 1
  tick=$((tick + 1))
done
`
