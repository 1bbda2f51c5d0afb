# What a backup holds beside state, genesis and keys: name|place, one a line. Read by backup.sh and restore.sh; a variable that the
# node reads moves the place here too. $1: the data directory.
backup_table() {
  home=${TB_HOME:-$HOME}/.the_block
  cat << TABLE
overlay|${TB_OVERLAY_DB_PATH:-$home/overlay}
peer_db|${TB_PEER_DB_PATH:-$home/peer_db}
peer_db_quic|${TB_QUIC_PEER_DB_PATH:-$home/peer_db_quic}
peer_key_history|${TB_PEER_KEY_HISTORY_PATH:-$home/peer_key_history}
peer_chunks|${TB_CHUNK_DB_PATH:-$home/chunks}
dns_db|${TB_DNS_DB_PATH:-$1/dns_db}
gateway_receipts|${TB_GATEWAY_RECEIPTS:-$1/gateway_receipts}
mobile_cache|${TB_MOBILE_CACHE_DB:-$1/mobile_cache.db}
blobstore|${TB_STORAGE_PIPELINE_DIR:-$1/blobstore}
storage_market|${TB_STORAGE_MARKET_DIR:-$1/storage_market}
compute|$home/compute
bridge_db|${TB_BRIDGE_DB_PATH:-$1/bridge_db}
energy_market|${TB_ENERGY_MARKET_DIR:-$1/energy_market}
governance_db|${TB_GOV_DB_PATH:-${TB_GOVERNANCE_DB_PATH:-$1/governance_db}}
governor|${TB_GOVERNOR_DB:-$1/governor_db}
proof_tracker|${TB_PROOF_TRACKER_PATH:-$1/proof_tracker}
le_portal|$1/le_portal
range_boost|$home/range_boost
localnet_db|$1/localnet_db
economics|$1/economics
TABLE
}
