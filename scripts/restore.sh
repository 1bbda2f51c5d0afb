#!/bin/sh
# Makes a data directory from a backup of backup.sh. The node must not run; nothing that is there is deleted.
#
#   restore.sh --from BACKUP --data-dir DIR [--force]
#
# Every file is compared with its checksum first, the state with the certificate of the chain's validators. --force moves what is in
# the way to <name>.before-<unix>. TB_* variables name the places where they differ from the defaults, as for the node itself.
set -eu

data=${TB_DATA_DIR:-node-data} from="" force=""
while [ $# -gt 0 ]; do
  case $1 in
    --from) from=$2; shift 2 ;;
    --data-dir) data=$2; shift 2 ;;
    --force) force=--force; shift ;;
    *) echo "error[usage]: unknown word '$1'; usage: restore.sh --from BACKUP --data-dir DIR [--force]" >&2; exit 2 ;;
  esac
done
[ -f "$from/files.sha256" ] || { echo "error[not_found]: '$from' is no backup (no files.sha256); give --from" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
. "$here/backup-table.sh"

(cd "$from" && sha256sum --quiet -c files.sha256) || { echo "error[corrupt]: $from: the files above are damaged; nothing was changed" >&2; exit 1; }
newest=$(ls "$from"/snapshot/snapshot-*.tbs | sort | tail -n 1)

now=$(date +%s)
put() { # FROM TO: never over something else
  if [ -e "$2" ]; then
    [ -n "$force" ] || { echo "error[exists]: $2 is there already; give --force to move it away" >&2; exit 1; }
    mv "$2" "$2.before-$now"
  fi
  mkdir -p "$(dirname "$2")"
  cp -pR "$1" "$2"
}

# The state first: if it is refused nothing else has changed.
mkdir -p "$data"
contract-cli snapshots restore "$newest" --data-dir "$data" --trust "$from/node/genesis.json" $force
for name in genesis.json keys config; do
  [ -e "$from/node/$name" ] || continue
  if [ "$name" = genesis.json ] && cmp -s "$from/node/$name" "$data/$name"; then continue; fi
  put "$from/node/$name" "$data/$name"
done
backup_table "$data" | while IFS='|' read -r name place; do
  [ -d "$from/places/$name" ] || continue
  put "$from/places/$name" "$place"
done
echo "restored $newest into $data: start the node with the same TB_* variables"
