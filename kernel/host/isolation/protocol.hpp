// The protocol between a node and a plugin that runs in a process of its own.
//
// The child is the node's own program (`blockd --plugin-child`). It shares one memory region with
// the node, which holds a boot page and kLanes lanes. A lane carries one call at a time and is a
// strict alternation of messages, so one buffer a lane serves both directions (mailbox.hpp):
//
//   node  -> child   a call: an Entry, the block, the caller, rows that the plugin is expected to
//                    read, the arguments
//   child -> node    operations, in the order in which the plugin made them. All but the last are
//                    told only (a put, an event, a counter); the last one is a question (a row, a
//                    service call, a signature), or the end of the call with its results
//   node  -> child   the answer; and so on until the end
//
// So a call costs one round trip and one more for each question, and what the plugin wrote travels
// with it. The node carries the operations out on the ctx, view or host that it was called with, in
// their order: limits, savepoints and outcomes are decided where they are decided for a plugin
// inside the node, and are the same. Rows that were sent along, or were read or written in this
// call, are answered in the child (only the plugin itself can change rows of its namespace while it
// runs); each is told as a counted read.
//
// A question may have a guess behind it (kGuess): the answer that the child took for granted when
// it went on. The node compares it with its own. Where they differ it throws the rest of the
// message away and says kAgain, with the place of the question in this call and its answer; the
// child runs the entry again, silent up to that question, with the answers that it knows
// (guesses.hpp). Only entries of machines guess, and only where the call allows it.
//
// Everything from the child is hostile: the node copies a message out of the shared memory before
// it looks at it, checks every tag, index, count and length, and ends a child that breaks a rule.
//
// Numbers are little endian, texts have a length of 32 bits in front.
#pragma once

#include <cstddef>
#include <cstdint>

namespace blockd::isolation {

inline constexpr std::uint32_t kProtocol = 2;
inline constexpr std::size_t kMachineLanes = 6;  // for blocks and dry runs
inline constexpr std::size_t kFaceLanes = 10;    // for queries, routes, timers, events
inline constexpr std::size_t kLanes = kMachineLanes + kFaceLanes;
inline constexpr std::size_t kLaneBytes = 256u << 10;    // of one part of a message
inline constexpr std::size_t kMaxMessage = 96u << 20;    // of a message in all its parts
inline constexpr std::size_t kMaxTold = 512u << 10;      // told operations that wait for a question
inline constexpr std::size_t kMaxPageBytes = 64u << 10;  // rows of one page of a scan
inline constexpr std::size_t kMaxPageRows = 4096;
inline constexpr std::size_t kMaxNesting = 1000;      // attempts and views inside each other
inline constexpr std::size_t kMaxStream = 64u << 20;  // what one writer may hold
inline constexpr std::size_t kMaxValues = 1u << 20;   // in one tree of values
inline constexpr std::size_t kMaxExpected = 32;       // rows that are sent along with a call
inline constexpr std::size_t kMaxKnown = 1u << 20;    // answers that a call is repeated with

// Descriptors of the child.
inline constexpr int kRegionFd = 3;
inline constexpr int kControlFd = 4;

enum class Entry : std::uint8_t {
  kGenesis = 1,
  kApply,
  kBegin,
  kEnd,
  kEpoch,
  kServe,
  kAnswer,
  kCheckParams,
  kParamsChanged,
  kMigrate,
  kCreate,  // the first one of the face
  kDestroy,
  kQuery,
  kLocal,
  kHttp,
  kConfigChanged,
  kTimer,
  kReply,
  kEvent,
  kCommit,
};
inline constexpr std::size_t kEntries = static_cast<std::size_t>(Entry::kCommit) + 1;
// Which tables a call brings: a ctx has a view in it.
inline bool brings_ctx(Entry e) { return e <= Entry::kMigrate && e != Entry::kAnswer; }
inline bool brings_view(Entry e) {
  return e <= Entry::kMigrate || e == Entry::kQuery || e == Entry::kHttp || e == Entry::kCommit;
}
inline bool is_face(Entry e) { return e >= Entry::kCreate; }

enum class Op : std::uint8_t {
  // told
  kCount = 1,  // u32 reads, u32 rows: as get and scan count them
  kPut,        // key, value
  kErase,      // key
  kEmit,       // u32 event, stream
  kRecord,     // u32 record, stream
  kMetric,     // u32 metric, u64 value, u32 n, labels
  kFail,       // u32 code, name, text, u8 data?, stream
  kPendingWork,
  kLog,  // u32 level, text
  kAttempt,
  kAttemptEnd,  // u32 status
  kHostLog,     // u32 level, text
  kHostMetric,  // as kMetric
  kUse,         // u32: what follows concerns that view, counted from the outermost
  // questions; every answer begins with a u32 status
  kFlush = 64,
  kGet,      // key -> u8 there?, value
  kGetMany,  // u32 n, keys -> n times u8 there?, value
  kScan,     // u8 back, prefix, bound, u32 limit -> u8 more?, u32 n, rows
  kParam,    // u32 index -> u64
  kRoles,    // account -> u32
  kCall,     // u8 ask?, u32 slot, u32 function, u32 n, values -> stream, stream
  kCharge,
  kVerify,      // key, message, signature
  kRowsLeft,    // -> u64
  kUnixMs,      // -> u64
  kConfig,      // u32 index -> u8 there?, value
  kPublish,     // u32 event, stream
  kView,        // -> u8 open?, the block: from here to kViewEnd everything happens on that view
  kViewEnd,     // u32 status
  kHostCall,    // method, stream, u32 timeout_ms -> u8 read?, u32 ok, value
  kPost,        // method, stream, u64 cookie
  kFetch,       // u32 timeout_ms, u64 max_bytes, method, url, u32 n, headers, body, u64 cookie
  kStoreGet,    // key -> u8 there?, value
  kStoreScan,   // u8 back, prefix, edge, u32 limit -> u8 more?, u32 n, rows
  kStorePut,    // key, value
  kStoreErase,  // key
  kFileWrite,   // u32 flags, path, text -> problem
  kFileRead,    // u64 offset, u64 limit, path -> text, problem
  kFileList,    // path -> u32 n, names and sizes, problem
  kFileRemove,  // path -> problem
  // behind a question
  kGuess = 120,  // text: the whole answer
  // the end
  kReturn = 128,  // u32 status, u64 expected rows that were of use (bits), then what Entry says
  kThrew,         // text
  kNoMemory,
};

// Instead of the status of an answer: kAgain, u32 place of the question, the answer. No call begins
// with its bytes.
inline constexpr std::uint32_t kAgain = 0x7fffffff;

// What a call of a machine says first.
inline constexpr std::uint8_t kReadOnly = 1;
inline constexpr std::uint8_t kMayGuess = 2;

// What a writer (tb_out) was told, as a stream: one of these, a name, and a payload each.
enum class Put : std::uint8_t {
  kNull = 1,
  kBool,
  kU64,
  kI64,
  kU128,
  kScaled,
  kStr,
  kBytes,
  kValue,
  kRecord,
  kList,
  kEnd,
};

}  // namespace blockd::isolation
