// The MultiMMC and LZ78Y prediction estimators, SP 800-90B 6.3.9 and 6.3.10. Both keep, for
// contexts of 1 to 16 symbols, which symbols followed and how often.
#include <algorithm>
#include <array>
#include <vector>

#include "assess/estimators.h"

namespace entropyd {
namespace {

constexpr size_t kMaxOrder = 16;

// Contexts are nodes of a tree, whose edges lead from a context to one that is longer by an older
// symbol. 0 is no node.
constexpr uint32_t kNoNode = 0;
constexpr uint32_t kRoot = 1;

// The most common symbol after a context; of equally common ones the largest. Count 0: the context
// is not in the dictionary.
struct Prediction {
  uint8_t symbol = 0;
  uint32_t count = 0;
};

// For an alphabet of two: every node exists, and has a place of its own.
class BinaryTree {
 public:
  BinaryTree() : counts_(size_t{1} << (kMaxOrder + 1)) {}

  static uint32_t Find(uint32_t node, uint8_t symbol) noexcept { return 2 * node + symbol; }
  static uint32_t Make(uint32_t node, uint8_t symbol) noexcept { return Find(node, symbol); }
  Prediction Predict(uint32_t node) const noexcept {
    const auto& [zeros, ones] = counts_[node];
    return zeros > ones ? Prediction{0, zeros} : Prediction{1, ones};
  }
  // Counts `symbol` after the context; a new one only if `may_add`. Whether it was new and added.
  bool Count(uint32_t node, uint8_t symbol, bool may_add) noexcept {
    uint32_t& count = counts_[node][symbol];
    const bool is_new = count == 0;
    if (!is_new || may_add) ++count;
    return is_new && may_add;
  }

 private:
  std::vector<std::array<uint32_t, 2>> counts_;
};

// Numbers by node and symbol: open addressing, at most half full.
class NodeTable {
 public:
  // Null if there is none.
  uint32_t* Find(uint32_t node, uint8_t symbol) noexcept {
    Slot& slot = slots_[Position(node << 8 | symbol)];
    return slot.key == 0 ? nullptr : &slot.value;
  }
  // There is none yet.
  void Add(uint32_t node, uint8_t symbol, uint32_t value) {
    if (++used_ > slots_.size() / 2) Grow();
    const uint32_t key = node << 8 | symbol;
    slots_[Position(key)] = {key, value};
  }

 private:
  struct Slot {
    uint32_t key = 0;  // no node is 0
    uint32_t value = 0;
  };

  size_t Position(uint32_t key) const noexcept {
    constexpr uint32_t kGoldenRatio = 0x9e3779b9;
    size_t at = key * kGoldenRatio >> shift_;
    while (slots_[at].key != 0 && slots_[at].key != key) at = (at + 1) % slots_.size();
    return at;
  }
  void Grow() {
    --shift_;
    std::vector<Slot> before(slots_.size() * 2);
    before.swap(slots_);
    for (const Slot& slot : before)
      if (slot.key != 0) slots_[Position(slot.key)] = slot;
  }

  static constexpr unsigned kFirstBits = 12;
  unsigned shift_ = 32 - kFirstBits;
  size_t used_ = 0;
  std::vector<Slot> slots_ = std::vector<Slot>(size_t{1} << kFirstBits);
};

// For any alphabet. Fewer than 2^24 nodes: 16 orders of 100,000, or 2^16 and 16.
class SymbolTree {
 public:
  uint32_t Find(uint32_t node, uint8_t symbol) noexcept {
    const uint32_t* const found = children_.Find(node, symbol);
    return found == nullptr ? kNoNode : *found;
  }
  // There is none yet.
  uint32_t Make(uint32_t node, uint8_t symbol) {
    const auto made = static_cast<uint32_t>(nodes_.size());
    nodes_.emplace_back();
    children_.Add(node, symbol, made);
    return made;
  }
  Prediction Predict(uint32_t node) const noexcept { return nodes_[node]; }
  bool Count(uint32_t node, uint8_t symbol, bool may_add) {
    uint32_t* const found = followers_.Find(node, symbol);
    if (found == nullptr && !may_add) return false;
    if (found == nullptr) followers_.Add(node, symbol, 1);
    const uint32_t count = found == nullptr ? 1 : ++*found;
    Prediction& best = nodes_[node];
    if (count > best.count || (count == best.count && symbol > best.symbol)) best = {symbol, count};
    return found == nullptr;
  }

 private:
  std::vector<Prediction> nodes_ = std::vector<Prediction>(kRoot + 1);
  NodeTable children_;
  NodeTable followers_;
};

// 6.3.9, of an order at a time: the longer contexts hold only what the shorter ones do.
template <typename Tree>
double PredictByCounting(const Symbols& symbols) {
  constexpr uint32_t kMaxPairs = 100'000;  // contexts with a follower, of one order
  const std::span<const uint8_t> values = symbols.values;
  Tree tree;
  std::array<uint32_t, kMaxOrder> pairs{};
  std::array<uint64_t, kMaxOrder> scores{};
  size_t winner = 0;
  Predictions predictions;
  for (size_t i = 1; i < values.size(); ++i) {
    const uint8_t symbol = values[i];
    const size_t last_winner = winner;
    uint32_t node = kRoot;
    bool is_known = true;
    for (size_t order = 0; order < kMaxOrder && order < i; ++order) {
      const uint8_t older = values[i - 1 - order];
      uint32_t child = node == kNoNode || !is_known ? kNoNode : tree.Find(node, older);
      const Prediction prediction = child == kNoNode ? Prediction{} : tree.Predict(child);
      is_known = prediction.count > 0;
      const bool has_room = pairs[order] < kMaxPairs;
      if (is_known) {
        const bool is_correct = prediction.symbol == symbol;
        if (is_correct && ++scores[order] >= scores[winner]) winner = order;
        // As in NIST's tool, a run goes on while its predictor makes no prediction.
        if (order == last_winner) predictions.Add(is_correct);
        if (tree.Count(child, symbol, has_room)) ++pairs[order];
      } else if (has_room) {
        ++pairs[order];
        // Without the shorter context, which was one too many, this one is never found.
        if (node != kNoNode) {
          child = tree.Make(node, older);
          tree.Count(child, symbol, true);
        }
      } else {
        child = kNoNode;
      }
      node = child;
    }
  }
  return PredictionEstimate(predictions, static_cast<double>(values.size() - 2), symbols.alphabet);
}

// 6.3.10. The longest contexts enter the dictionary first: a context that came too late can be the
// beginning of one that is in it. It is then a node without a count.
template <typename Tree>
double PredictByDictionary(const Symbols& symbols) {
  constexpr size_t kMaxContexts = 65'536;
  const std::span<const uint8_t> values = symbols.values;
  Tree tree;
  size_t contexts = 0;
  Predictions predictions;
  for (size_t i = kMaxOrder; i < values.size(); ++i) {
    const uint8_t symbol = values[i];
    Prediction best;
    std::array<uint32_t, kMaxOrder> path{};
    std::array<bool, kMaxOrder> is_known{};
    size_t unknown = kMaxOrder;
    uint32_t node = kRoot;
    for (size_t order = 0; order < kMaxOrder; ++order) {
      node = path[order] = tree.Find(node, values[i - 1 - order]);
      if (node == kNoNode) break;
      const Prediction prediction = tree.Predict(node);
      if (prediction.count == 0) continue;
      is_known[order] = true;
      --unknown;
      // Of equal counts, the longest context's.
      if (prediction.count >= best.count) best = prediction;
      tree.Count(node, symbol, true);
    }
    // Before the first prediction the dictionary is empty.
    if (i > kMaxOrder) predictions.Add(best.count > 0 && best.symbol == symbol);
    const size_t added = std::min(unknown, kMaxContexts - contexts);
    if (added == 0) continue;
    contexts += added;
    size_t left_out = unknown - added;
    node = kRoot;
    for (size_t order = 0; order < kMaxOrder; ++order) {
      if (path[order] == kNoNode) path[order] = tree.Make(node, values[i - 1 - order]);
      node = path[order];
      if (is_known[order]) continue;
      if (left_out > 0)
        --left_out;
      else
        tree.Count(node, symbol, true);
    }
  }
  const auto count = static_cast<double>(values.size() - kMaxOrder - 1);
  return PredictionEstimate(predictions, count, symbols.alphabet);
}

}  // namespace

double MultiMarkovModelWithCounting(const Symbols& symbols) {
  return symbols.alphabet == 2 ? PredictByCounting<BinaryTree>(symbols)
                               : PredictByCounting<SymbolTree>(symbols);
}

double Lz78y(const Symbols& symbols) {
  return symbols.alphabet == 2 ? PredictByDictionary<BinaryTree>(symbols)
                               : PredictByDictionary<SymbolTree>(symbols);
}

}  // namespace entropyd
