// Runs a model on changed pictures and gathers how well each of its maps foretold the effect.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "apps/evaluate/metrics.h"
#include "apps/evaluate/scores.h"
#include "fovea/session.h"

namespace fovea::apps {

// Pictures to classify, gathered until they fill a batch.
class Probes {
 public:
  using Reader = std::function<void(std::span<const float> logits)>;
  Probes(Session& session, uint32_t batch, size_t picture_values);

  // Room for a picture, to be filled before the next call; `read` gets its logits once the batch ran.
  std::span<float> add(Reader read);
  void flush();

 private:
  Session& session_;
  uint32_t batch_;
  size_t values_;
  std::vector<float> pictures_;
  std::vector<Reader> readers_;
};

class Evaluator {
 public:
  // The session must keep attention and take `batch` images. Maps are drawn with each method's defaults.
  Evaluator(Session& session, uint32_t batch, std::span<const MapMethod> methods, uint32_t steps);

  // A picture as the model takes it, and its class; where empty, the one that the model gives it.
  void add(std::vector<float> picture, std::optional<uint32_t> label);
  // Ends what waits for a full batch. Pictures and grids that Ctrl-C cut short count for nothing.
  void finish();

  // Pictures scored since the last call.
  size_t take_finished() { return std::exchange(finished_, 0); }
  Evaluation result;

 private:
  struct Picture {
    std::vector<float> values;
    std::optional<uint32_t> label;
    uint32_t seed = 0;  // of its random map and of the order of equal cells
    uint32_t target = 0;
    std::vector<AttentionMap> maps{};  // one a method
  };
  struct Score {
    double probability = 0;
    bool right = false;
  };
  struct Curves;

  AttentionMap map_of(size_t method, std::optional<uint32_t> target, uint32_t slot, uint32_t seed);
  static Score score_of(std::span<const float> logits, uint32_t target);
  void score_waiting();
  bool score(const Picture& picture, Score intact);
  void probe(const Picture& picture, std::span<const float> blurred, size_t method, Curves& curves);
  void keep(size_t method, const Curves& curves);
  void enter_grid(const Picture& picture);
  void score_grids();

  Session& session_;
  uint32_t batch_;
  PictureSize size_;
  std::vector<MapMethod> methods_;
  Probes probes_;
  std::vector<Picture> waiting_;
  // Pictures that wait for three of other classes, and fours that were found.
  struct Tile {
    std::vector<float> values;
    uint32_t target = 0;
  };
  std::vector<Tile> tiles_;
  std::vector<std::array<Tile, 4>> grids_;
  size_t finished_ = 0;
  uint32_t next_seed_ = 1;
};

}  // namespace fovea::apps
