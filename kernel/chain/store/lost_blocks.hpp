// Blocks that the log has lost, as the MMR beside it tells.
//
// The MMR gets the leaf of a block when the chain publishes it, and that is after the log has
// synced it, whoever syncs (LogSyncMode): no kill and no power cut leaves a leaf without its block,
// unless the disk had not kept what it said it had. So leaves of this very chain behind the head of
// the log are blocks that were committed and acknowledged. A node must not begin as if they had
// never been, and who knows of them must not be thrown away unasked.
//
// What a damaged MMR, or one of another chain, has is no testimony. [any]
#pragma once

#include <string>

#include "kernel/chain/store/log_front.hpp"
#include "kernel/storage/block_log.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {

// How many blocks `mmr` knows behind block `head`, whose hash is `hash`; 0 when it does not know
// that one. Errors: those of the store, but kCorrupt and kNotFound.
Result<std::uint64_t> blocks_beyond(const KvReader& mmr, std::uint64_t head, const Hash& hash);

// "blocks 813 to 900"
std::string blocks_behind(std::uint64_t head, std::uint64_t count);

// `front` says what stands in front of a log that has no block. `cut` is that of
// BlockLogOptions::examine. Errors: kCorrupt: blocks are lost; it names them, the file and the way
// on; those of log and store.
Status check_lost_blocks(const KvReader& mmr, const std::string& mmr_dir, const BlockLog& log,
                         const LogFront& front, const std::string& cut);
// The same with the store in `mmr_dir`, which is opened for it; if there is none, or it is damaged,
// ok.
Status check_lost_blocks(const std::string& mmr_dir, const BlockLog& log, const LogFront& front,
                         const std::string& cut);

}  // namespace blockd
