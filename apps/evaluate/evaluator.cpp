#include "apps/evaluate/evaluator.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "apps/util/terminal.h"

namespace fovea::apps {
namespace {

// What insertion starts from, as Petsiuk et al. 2018 have it: a Gaussian of 5 pixels in a window of 11.
constexpr int blur_window = 11;
constexpr double blur_sigma = 5;

// Tiles wait for three of other classes; of a folder sorted by class most would wait in vain.
constexpr size_t most_tiles = 256;

std::vector<float> blurred(const std::vector<float>& picture, PictureSize size) {
  std::vector<float> out(picture.size());
  const auto rows = static_cast<int>(size.height), cols = static_cast<int>(size.width);
  const size_t plane = size_t{size.height} * size.width;
  for (size_t c = 0; c < 3; ++c) {
    const cv::Mat from(rows, cols, CV_32F, const_cast<float*>(picture.data() + c * plane));
    cv::Mat to(rows, cols, CV_32F, out.data() + c * plane);
    cv::GaussianBlur(from, to, {blur_window, blur_window}, blur_sigma, blur_sigma, cv::BORDER_REPLICATE);
  }
  return out;
}

void add_to(std::vector<double>& sums, std::span<const double> values) {
  sums.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) sums[i] += values[i];
}

}  // namespace

Probes::Probes(Session& session, uint32_t batch, size_t picture_values)
    : session_(session), batch_(batch), values_(picture_values), pictures_(picture_values * batch) {}

std::span<float> Probes::add(Reader read) {
  if (readers_.size() == batch_) flush();
  readers_.push_back(std::move(read));
  return std::span(pictures_).subspan((readers_.size() - 1) * values_, values_);
}

void Probes::flush() {
  if (readers_.empty()) return;
  const auto readers = std::exchange(readers_, {});
  const auto logits = session_.logits(std::span(pictures_).first(readers.size() * values_),
                                      static_cast<uint32_t>(readers.size()));
  const size_t classes = logits.size() / readers.size();
  for (size_t i = 0; i < readers.size(); ++i) readers[i](std::span(logits).subspan(i * classes, classes));
}

struct Evaluator::Curves {
  std::vector<double> deletion, insertion, positive, negative;
};

Evaluator::Evaluator(Session& session, uint32_t batch, std::span<const MapMethod> methods, uint32_t steps)
    : session_(session),
      batch_(batch),
      size_{session.model().info().height, session.model().info().width},
      methods_(methods.begin(), methods.end()),
      probes_(session, batch, size_.values()) {
  result.architecture = session.model().info().architecture;
  result.steps = steps;
  for (const MapMethod method : methods_) {
    const MapTraits& traits = traits_of(method);
    result.methods.push_back({traits.name, traits.class_specific(), false});
  }
  result.methods.push_back({"random", false, true});
  result.methods.push_back({"centre", false, true});
}

void Evaluator::add(std::vector<float> picture, std::optional<uint32_t> label) {
  waiting_.push_back({std::move(picture), label, next_seed_++});
  if (waiting_.size() == batch_) score_waiting();
  if (grids_.size() == batch_) score_grids();
}

void Evaluator::finish() {
  score_waiting();
  if (!interrupted()) score_grids();
}

// Baselines take the grid of the first method's map, as they have none of their own.
AttentionMap Evaluator::map_of(size_t method, std::optional<uint32_t> target, uint32_t slot, uint32_t seed) {
  MapRequest request;
  request.method = methods_[method < methods_.size() ? method : 0];
  if (traits_of(request.method).class_specific()) request.target = target;
  AttentionMap map = session_.map(request, slot);
  if (method == methods_.size()) return random_map(map.rows, map.cols, seed);
  if (method > methods_.size()) return centre_map(map.rows, map.cols);
  return map;
}

Evaluator::Score Evaluator::score_of(std::span<const float> logits, uint32_t target) {
  const auto best = std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - double{*best});
  return {std::exp(double{logits[target]} - double{*best}) / sum, logits.begin() + target == best};
}

// One forward pass draws the maps of all that wait; then each is taken apart.
void Evaluator::score_waiting() {
  std::vector<Picture> pictures = std::exchange(waiting_, {});
  if (pictures.empty() || interrupted()) return;
  std::vector<float> input;
  for (const Picture& p : pictures) input.insert(input.end(), p.values.begin(), p.values.end());
  const auto logits = session_.logits(input, static_cast<uint32_t>(pictures.size()));
  const size_t classes = logits.size() / pictures.size();
  std::vector<Score> intact;
  for (uint32_t i = 0; i < pictures.size(); ++i) {
    Picture& p = pictures[i];
    const auto own = std::span(logits).subspan(i * classes, classes);
    p.target =
        p.label.value_or(static_cast<uint32_t>(std::max_element(own.begin(), own.end()) - own.begin()));
    intact.push_back(score_of(own, p.target));
    // Without a label the request names no class, and one recording serves all pictures.
    for (size_t m = 0; m < result.methods.size(); ++m) p.maps.push_back(map_of(m, p.label, i, p.seed));
  }
  for (size_t i = 0; i < pictures.size(); ++i) {
    if (!score(pictures[i], intact[i])) return;
    enter_grid(pictures[i]);
  }
}

// False when Ctrl-C cut it short.
bool Evaluator::score(const Picture& picture, Score intact) {
  const std::vector<float> blur = blurred(picture.values, size_);
  Score grey, soft;
  const auto into = [&picture](Score& score) {
    return [&score, target = picture.target](std::span<const float> l) { score = score_of(l, target); };
  };
  std::ranges::fill(probes_.add(into(grey)), 0.0F);
  std::ranges::copy(blur, probes_.add(into(soft)).begin());

  std::vector<Curves> curves(result.methods.size());
  for (size_t m = 0; m < curves.size(); ++m) {
    if (interrupted()) return probes_.flush(), false;
    curves[m] = {std::vector<double>(result.steps + 1), std::vector<double>(result.steps + 1),
                 std::vector<double>(perturbations), std::vector<double>(perturbations)};
    probe(picture, blur, m, curves[m]);
  }
  probes_.flush();
  for (size_t m = 0; m < curves.size(); ++m) {
    curves[m].deletion.front() = curves[m].insertion.back() = intact.probability;
    curves[m].deletion.back() = grey.probability;
    curves[m].insertion.front() = soft.probability;
    keep(m, curves[m]);
  }
  ++result.images;
  ++finished_;
  return true;
}

// Deletion greys the highest cells, to the mean colour of the training pictures, which is 0 here; positive
// perturbation reads the answers on the way. Negative perturbation greys the lowest.
void Evaluator::probe(const Picture& picture, std::span<const float> blur, size_t method, Curves& curves) {
  const AttentionMap& map = picture.maps[method];
  const std::vector<uint32_t> order = order_of(map, picture.seed);
  const std::vector<uint32_t> lowest(order.rbegin(), order.rend());
  const std::vector<float> grey(picture.values.size());
  const auto walk = [&](std::span<const float> from, std::span<const float> to,
                        std::span<const uint32_t> cells, uint32_t steps, const auto& read) {
    std::vector<float> changed(from.begin(), from.end());
    size_t done = 0;
    for (uint32_t step = 1; step < steps; ++step) {
      const size_t until = cells_at(cells.size(), step, steps);
      copy_cells(changed, to, size_, map.rows, map.cols, cells.subspan(done, until - done));
      done = until;
      std::ranges::copy(changed, probes_
                                     .add([read, step, target = picture.target](std::span<const float> l) {
                                       read(step, score_of(l, target));
                                     })
                                     .begin());
    }
  };
  const uint32_t every = result.steps / (perturbations + 1);
  walk(picture.values, grey, order, result.steps, [&curves, every](uint32_t step, Score score) {
    curves.deletion[step] = score.probability;
    if (step % every == 0) curves.positive[step / every - 1] = score.right ? 1 : 0;
  });
  walk(blur, picture.values, order, result.steps,
       [&curves](uint32_t step, Score score) { curves.insertion[step] = score.probability; });
  walk(picture.values, grey, lowest, perturbations + 1,
       [&curves](uint32_t step, Score score) { curves.negative[step - 1] = score.right ? 1 : 0; });
}

void Evaluator::keep(size_t method, const Curves& curves) {
  MethodScores& scores = result.methods[method];
  const auto take = [](std::vector<double>& areas, std::vector<double>& sums,
                       const std::vector<double>& curve) {
    areas.push_back(area_under(curve));
    add_to(sums, curve);
  };
  take(scores.deletion, scores.deletion_curve, curves.deletion);
  take(scores.insertion, scores.insertion_curve, curves.insertion);
  take(scores.positive, scores.positive_curve, curves.positive);
  take(scores.negative, scores.negative_curve, curves.negative);
}

// The first four of different classes make a grid, in the order they came.
void Evaluator::enter_grid(const Picture& picture) {
  tiles_.push_back({picture.values, picture.target});
  std::vector<size_t> chosen;
  for (size_t i = 0; i < tiles_.size() && chosen.size() < 4; ++i)
    if (std::ranges::none_of(chosen, [&](size_t c) { return tiles_[c].target == tiles_[i].target; }))
      chosen.push_back(i);
  if (chosen.size() == 4) {
    std::array<Tile, 4> grid;
    for (size_t q = 0; q < 4; ++q) grid[q] = std::move(tiles_[chosen[q]]);
    for (size_t q = 4; q-- > 0;) tiles_.erase(tiles_.begin() + static_cast<std::ptrdiff_t>(chosen[q]));
    grids_.push_back(std::move(grid));
  } else if (tiles_.size() > most_tiles) {
    tiles_.erase(tiles_.begin());
  }
}

void Evaluator::score_grids() {
  const auto grids = std::exchange(grids_, {});
  if (grids.empty()) return;
  std::vector<float> input(grids.size() * size_.values());
  for (size_t g = 0; g < grids.size(); ++g)
    for (uint32_t q = 0; q < 4; ++q)
      put_in_quarter(std::span(input).subspan(g * size_.values(), size_.values()), grids[g][q].values, size_,
                     q);
  session_.logits(input, static_cast<uint32_t>(grids.size()));
  for (uint32_t g = 0; g < grids.size(); ++g) {
    ++result.grids;
    for (size_t m = 0; m < result.methods.size(); ++m)
      for (uint32_t q = 0; q < 4; ++q)
        result.methods[m].pointing.push_back(
            share_in_quarter(map_of(m, grids[g][q].target, g, static_cast<uint32_t>(result.grids)), q));
  }
}

}  // namespace fovea::apps
