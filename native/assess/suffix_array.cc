// Suffix arrays by induced sorting (Nong, Zhang and Chan, "Two Efficient Algorithms for Linear Time
// Suffix Array Construction", 2011), and common prefixes through the permuted array (Karkkainen,
// Manzini and Puglisi, "Permuted Longest-Common-Prefix Array", 2009). Both are linear in time.
#include "assess/suffix_array.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace entropyd {
namespace {

constexpr int32_t kNone = -1;

// A suffix is of type S if it sorts before the one that starts a symbol later, else of type L. The
// leftmost S of a run (LMS) is where the text is cut into substrings.
class Sorter {
 public:
  // `place` has room for the result.
  template <typename Symbol>
  static void Sort(std::span<const Symbol> text, int32_t alphabet, std::span<int32_t> place) {
    if (text.size() == 1) {
      place[0] = 0;
      return;
    }
    Pass<Symbol>(text, alphabet, place).Run();
  }

 private:
  template <typename Symbol>
  class Pass {
   public:
    Pass(std::span<const Symbol> text, int32_t alphabet, std::span<int32_t> place)
        : text_(text),
          place_(place.first(text.size())),
          size_(static_cast<int32_t>(text.size())),
          ends_(static_cast<size_t>(alphabet)),
          is_s_(text.size() / 64 + 1) {
      for (int32_t i = size_ - 2; i >= 0; --i)
        if (At(i) < At(i + 1) || (At(i) == At(i + 1) && IsS(i + 1)))
          is_s_[static_cast<size_t>(i) / 64] |= uint64_t{1} << (i % 64);
      for (const Symbol symbol : text_) ++ends_[static_cast<size_t>(symbol)];
      std::partial_sum(ends_.begin(), ends_.end(), ends_.begin());
    }

    void Run() {
      // LMS substrings in any order of equal ones: induction sorts them.
      std::ranges::fill(place_, kNone);
      std::vector<int32_t> next = ends_;
      for (int32_t i = 1; i < size_; ++i)
        if (IsLms(i)) Place(i, --Next(next, i));
      Induce(next);
      const int32_t count = Gather();
      const std::span<int32_t> lms = place_.first(static_cast<size_t>(count));
      const int32_t names = Name(count);
      if (count > 0) SortLms(lms, names);
      // The same once more, from LMS suffixes in their order.
      std::ranges::fill(place_.subspan(lms.size()), kNone);
      next = ends_;
      for (size_t i = lms.size(); i-- > 0;) {
        const int32_t suffix = std::exchange(place_[i], kNone);
        Place(suffix, --Next(next, suffix));
      }
      Induce(next);
    }

   private:
    Symbol At(int32_t i) const { return text_[static_cast<size_t>(i)]; }
    bool IsS(int32_t i) const { return (is_s_[static_cast<size_t>(i) / 64] >> (i % 64) & 1) != 0; }
    bool IsLms(int32_t i) const { return i > 0 && IsS(i) && !IsS(i - 1); }
    void Place(int32_t suffix, int32_t at) { place_[static_cast<size_t>(at)] = suffix; }
    // The cursor of the bucket of the symbol at `i`.
    int32_t& Next(std::vector<int32_t>& next, int32_t i) const {
      return next[static_cast<size_t>(At(i))];
    }

    // Sorts L suffixes by the sorted LMS ones, then all S suffixes by the L ones.
    void Induce(std::vector<int32_t>& next) {
      next[0] = 0;
      std::copy(ends_.begin(), ends_.end() - 1, next.begin() + 1);
      Place(size_ - 1, Next(next, size_ - 1)++);
      // Of equal neighbors both have the same type, and there is no S here but LMS.
      for (const int32_t& suffix : place_)
        if (suffix > 0 && At(suffix - 1) >= At(suffix)) Place(suffix - 1, Next(next, suffix - 1)++);
      next = ends_;
      // In its bucket, S begins where the last one was placed.
      for (int32_t i = size_ - 1; i >= 0; --i) {
        const int32_t suffix = place_[static_cast<size_t>(i)];
        if (suffix <= 0) continue;
        const Symbol before = At(suffix - 1);
        const Symbol symbol = At(suffix);
        if (before < symbol || (before == symbol && i >= Next(next, suffix)))
          Place(suffix - 1, --Next(next, suffix - 1));
      }
    }

    // Moves the LMS suffixes to the front, in order.
    int32_t Gather() {
      size_t count = 0;
      for (const int32_t suffix : place_)
        if (IsLms(suffix)) place_[count++] = suffix;
      return static_cast<int32_t>(count);
    }

    bool SameSubstring(int32_t a, int32_t b) const {
      for (int32_t i = 0;; ++i) {
        // The end of the text is unlike everything.
        if (a + i >= size_ || b + i >= size_) return false;
        if (At(a + i) != At(b + i) || IsS(a + i) != IsS(b + i)) return false;
        if (i > 0 && (IsLms(a + i) || IsLms(b + i))) return IsLms(a + i) && IsLms(b + i);
      }
    }

    // Numbers the LMS substrings by their order, equal ones alike. The names are at the end of the
    // place, in the order of the text. Returns how many there are.
    int32_t Name(int32_t count) {
      const std::span<int32_t> rest = place_.subspan(static_cast<size_t>(count));
      std::ranges::fill(rest, kNone);
      int32_t names = 0;
      for (int32_t i = 0; i < count; ++i) {
        const int32_t suffix = place_[static_cast<size_t>(i)];
        if (i > 0 && !SameSubstring(place_[static_cast<size_t>(i) - 1], suffix)) ++names;
        // No two LMS suffixes are neighbors, and at most half of all are LMS.
        rest[static_cast<size_t>(suffix) / 2] = names;
      }
      size_t to = place_.size();
      for (size_t i = rest.size(); i-- > 0;)
        if (rest[i] != kNone) place_[--to] = rest[i];
      return count == 0 ? 0 : names + 1;
    }

    // Sorts the LMS suffixes as suffixes of the text of names.
    void SortLms(std::span<int32_t> lms, int32_t names) {
      const std::span<int32_t> named = place_.last(lms.size());
      if (static_cast<size_t>(names) < lms.size())
        Sorter::Sort<int32_t>(named, names, lms);
      else
        for (size_t i = 0; i < named.size(); ++i)
          lms[static_cast<size_t>(named[i])] = static_cast<int32_t>(i);
      size_t count = 0;
      for (int32_t i = 1; i < size_; ++i)
        if (IsLms(i)) named[count++] = i;
      for (int32_t& suffix : lms) suffix = named[static_cast<size_t>(suffix)];
    }

    const std::span<const Symbol> text_;
    const std::span<int32_t> place_;
    const int32_t size_;
    std::vector<int32_t> ends_;  // of the symbols' buckets
    std::vector<uint64_t> is_s_;
  };
};

}  // namespace

std::vector<int32_t> SuffixArray(std::span<const uint8_t> text, unsigned alphabet) {
  std::vector<int32_t> suffixes(text.size());
  Sorter::Sort(text, static_cast<int32_t>(alphabet), std::span(suffixes));
  return suffixes;
}

std::vector<int32_t> CommonPrefixes(std::span<const uint8_t> text, std::vector<int32_t> suffixes) {
  // First, for each suffix, the one before it in lexical order; then the length that they share,
  // which is less than that of the suffix that starts a symbol earlier by one at most.
  std::vector<int32_t> shared(text.size());
  int32_t before = kNone;
  for (const int32_t suffix : suffixes)
    shared[static_cast<size_t>(suffix)] = std::exchange(before, suffix);
  size_t length = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (shared[i] == kNone) {
      shared[i] = 0;
      length = 0;
      continue;
    }
    const auto other = static_cast<size_t>(shared[i]);
    const size_t most = text.size() - std::max(i, other);
    while (length < most && text[i + length] == text[other + length]) ++length;
    shared[i] = static_cast<int32_t>(length);
    if (length > 0) --length;
  }
  for (int32_t& suffix : suffixes) suffix = shared[static_cast<size_t>(suffix)];
  return suffixes;
}

}  // namespace entropyd
