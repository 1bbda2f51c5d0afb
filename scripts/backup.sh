#!/bin/sh
# Copies everything that a node needs to go on elsewhere: a snapshot of the replicated state, genesis and keys, and the directories
# of this machine (docs/runbooks/backup-restore.md has the table). The node keeps running; without --data-dir that is node-data.
# Nothing appears under the name of the backup before it is whole.
#
#   backup.sh --out DIR [--data-dir DIR] [--stopped]
#
# --stopped: no node runs on the data directory; its newest snapshot that verifies is taken.
# TB_* variables name the places where they differ from the defaults, as for the node itself.
set -eu

data=${TB_DATA_DIR:-node-data} out="" stopped=no
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=$2; shift 2 ;;
    --data-dir) data=$2; shift 2 ;;
    --stopped) stopped=yes; shift ;;
    *) echo "error[usage]: unknown word '$1'; usage: backup.sh --out DIR [--data-dir DIR] [--stopped]" >&2; exit 2 ;;
  esac
done
[ -n "$out" ] || { echo "error[usage]: --out DIR is missing: where does the backup go?" >&2; exit 2; }
[ -f "$data/genesis.json" ] || { echo "error[not_found]: $data holds no node (no genesis.json); give --data-dir" >&2; exit 1; }
[ ! -e "$out" ] || { echo "error[exists]: $out is there already; a backup is never written over another" >&2; exit 1; }

here=$(cd "$(dirname "$0")" && pwd)
. "$here/backup-table.sh"
work="$out.partial"
rm -rf "$work"
mkdir -p "$work/snapshot" "$work/node" "$work/places"
trap 'rm -rf "$work"' EXIT
chmod 700 "$work"

if [ "$stopped" = no ]; then
  export TB_RPC_SOCKET="${TB_RPC_SOCKET:-$data/rpc.sock}"
  contract-cli snapshots create --path "$work/snapshot" > "$work/snapshot.json"
  # The mirrors of plugins that have their own.
  if contract-cli plugin list --format json | grep -q '"id": *"energy"'; then
    contract-cli energy snapshot create > "$work/energy-snapshot.json"
  fi
else
  newest=""
  for file in "$data"/snapshots/snapshot-*.tbs; do
    [ -e "$file" ] || continue
    if contract-cli snapshots verify "$file" --data-dir "$data" > "$work/snapshot.json"; then newest=$file; fi
  done
  [ -n "$newest" ] || { echo "error[not_found]: $data/snapshots holds no whole snapshot that verifies; start the node and leave --stopped out" >&2; exit 1; }
  contract-cli snapshots verify "$newest" --data-dir "$data" > "$work/snapshot.json"
  # Of an increment the files below it are needed too.
  cp -p "$data"/snapshots/snapshot-*.tbs "$work/snapshot/"
fi

cp -p "$data/genesis.json" "$work/node/"
cp -pR "$data/keys" "$work/node/"
[ ! -d "$data/config" ] || cp -pR "$data/config" "$work/node/"

# name|place, one a line: what is there is copied.
backup_table "$data" | while IFS='|' read -r name place; do
  [ -e "$place" ] || continue
  mkdir -p "$work/places/$name"
  cp -pR "$place/." "$work/places/$name/" 2> /dev/null || cp -p "$place" "$work/places/$name/"
done

(cd "$work" && find . -type f ! -name files.sha256 -print0 | sort -z | xargs -0 sha256sum > files.sha256)
sync -f "$work"
mv "$work" "$out"
trap - EXIT
echo "backup of $data is whole: $out"
