// The parts of Manifest::parse: reading, checking, hashing. Internal to kernel/manifest.
#pragma once

#include "kernel/manifest/manifest.hpp"
#include "kernel/manifest/object_reader.hpp"

namespace blockd {

// Reads the members of the JSON form; their meaning is not checked.
void read_manifest(ObjectReader& in, Manifest* out);
// A field without its name, for a config entry and the entries of a list.
void read_field_members(ObjectReader& in, Field* out, int depth);
// What must hold beyond the shape: names, ranges, duplicates, references inside the manifest.
void check_manifest(const Manifest& manifest, Problems& problems);
// The part of the manifest that apply depends on, as it is hashed. What is for people (help,
// summaries, units, CLI, examples) and what stays on one node (queries, metrics, config, HTTP,
// timers, alerts, panels) is not in it.
json::object consensus_part(const Manifest& manifest);
// RFC 8785 of a value whose numbers may be fractions (buckets, thresholds).
std::string canonical_manifest(const json::value& value);

}  // namespace blockd
