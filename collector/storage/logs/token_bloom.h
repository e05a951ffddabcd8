#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

// A split-block bloom filter (Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom
// Filters", 2007): slices of 32 bytes, each of eight little-endian 32-bit words. A hash's upper
// half chooses one slice, its lower half one bit of each word; whoever asks needs that slice only.
// 12 bits a token: about one in 200 that are not there seems to be, for a fifth of the room that
// the messages take; 16 bits would save one needless look at a thousand blocks. Pure.
namespace collector::storage {

inline constexpr size_t kBloomSlice = 32;
// Shorter words are in nearly every block: they are neither put in nor asked for.
inline constexpr size_t kShortestBloomWord = 4;

// Never changes: filters are stored.
uint64_t BloomHash(std::string_view token);
// The token for a field of a record: BloomHash("database=shop") can be no word's.
std::string BloomField(std::string_view name, std::string_view value);

class BloomBuilder {
 public:
  void AddWord(std::string_view word) {
    if (word.size() >= kShortestBloomWord) hashes_.insert(BloomHash(word));
  }
  void AddField(std::string_view name, std::string_view value) {
    hashes_.insert(BloomHash(BloomField(name, value)));
  }
  // The filter, at least one slice; the builder is empty again.
  std::string Build();

 private:
  std::unordered_set<uint64_t> hashes_;
};

// Where in a filter of `bytes` the slice of a hash begins.
size_t BloomSliceAt(uint64_t hash, size_t bytes);
// False: the token is not there. True for a slice that has not its 32 bytes: nothing is known.
bool BloomSliceHas(std::string_view slice, uint64_t hash);

}  // namespace collector::storage
