#include "apps/hub/known.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "fovea/model.h"

namespace fovea::apps::hub {
namespace {

// Top-1 as timm measured it on ImageNet-1k's validation set at the model's own input size
// (its results-imagenet.csv), facebook/* as their cards say. A short name means the first row that has it.
constexpr std::array<Known, 31> table = {{
    {"timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k", "vit_tiny_patch16_224", 5.7, 1.1, 75.5, "Apache-2.0"},
    {"timm/vit_small_patch16_224.augreg_in21k_ft_in1k", "vit_small_patch16_224", 22.1, 4.3, 81.4,
     "Apache-2.0"},
    {"timm/vit_base_patch16_224.augreg2_in21k_ft_in1k", "vit_base_patch16_224", 86.6, 16.9, 85.1,
     "Apache-2.0"},
    {"timm/vit_base_patch32_clip_224.openai_ft_in1k", "vit_base_patch32_clip_224", 88.2, 4.4, 81.9,
     "Apache-2.0"},
    {"timm/vit_small_patch14_dinov2.lvd142m", "vit_small_patch14_dinov2", 22.1, 46.8, 0, "Apache-2.0"},
    {"timm/vit_base_patch14_dinov2.lvd142m", "vit_base_patch14_dinov2", 86.6, 151.7, 0, "Apache-2.0"},
    {"google/vit-base-patch16-224", "vit", 86.6, 16.9, 0, "Apache-2.0"},
    {"timm/deit_tiny_patch16_224.fb_in1k", "deit_tiny_patch16_224", 5.7, 1.1, 72.2, "Apache-2.0"},
    {"timm/deit_small_patch16_224.fb_in1k", "deit_small_patch16_224", 22.1, 4.3, 79.8, "Apache-2.0"},
    {"timm/deit_tiny_distilled_patch16_224.fb_in1k", "deit_tiny_distilled_patch16_224", 5.9, 1.1, 74.5,
     "Apache-2.0"},
    {"timm/deit3_small_patch16_224.fb_in1k", "deit3_small_patch16_224", 22.1, 4.3, 81.4, "Apache-2.0"},
    {"facebook/deit-tiny-patch16-224", "vit", 5.7, 1.1, 72.2, "Apache-2.0"},
    {"timm/swin_tiny_patch4_window7_224.ms_in1k", "swin_tiny_patch4_window7_224", 28.3, 4.5, 81.4, "MIT"},
    {"timm/swin_small_patch4_window7_224.ms_in1k", "swin_small_patch4_window7_224", 49.6, 8.7, 83.2, "MIT"},
    {"timm/tiny_vit_5m_224.dist_in22k_ft_in1k", "tiny_vit_5m_224", 5.4, 1.3, 80.9, "Apache-2.0"},
    {"timm/tiny_vit_11m_224.dist_in22k_ft_in1k", "tiny_vit_11m_224", 11.0, 2.0, 83.2, "Apache-2.0"},
    {"timm/tiny_vit_21m_224.dist_in22k_ft_in1k", "tiny_vit_21m_224", 21.2, 4.3, 85.1, "Apache-2.0"},
    {"timm/coatnet_nano_rw_224.sw_in1k", "coatnet_nano_rw_224", 15.1, 2.4, 81.7, "Apache-2.0"},
    {"timm/coatnet_0_rw_224.sw_in1k", "coatnet_0_rw_224", 27.4, 4.4, 82.4, "Apache-2.0"},
    {"timm/coatnet_1_rw_224.sw_in1k", "coatnet_1_rw_224", 41.7, 8.0, 83.6, "Apache-2.0"},
    {"timm/pvt_v2_b0.in1k", "pvt_v2_b0", 3.7, 0.6, 70.7, "Apache-2.0"},
    {"timm/pvt_v2_b1.in1k", "pvt_v2_b1", 14.0, 2.1, 78.7, "Apache-2.0"},
    {"timm/pvt_v2_b2.in1k", "pvt_v2_b2", 25.4, 4.0, 82.1, "Apache-2.0"},
    {"timm/mobilevit_xxs.cvnets_in1k", "mobilevit_xxs", 1.3, 0.4, 68.9, ""},
    {"timm/mobilevit_xs.cvnets_in1k", "mobilevit_xs", 2.3, 1.1, 74.6, ""},
    {"timm/mobilevit_s.cvnets_in1k", "mobilevit_s", 5.6, 2.0, 78.3, ""},
    {"timm/mobilevitv2_050.cvnets_in1k", "mobilevitv2_050", 1.4, 0.5, 70.1, ""},
    {"timm/mobilevitv2_100.cvnets_in1k", "mobilevitv2_100", 4.9, 1.8, 78.1, ""},
    {"timm/botnet26t_256.c1_in1k", "botnet26t_256", 12.5, 3.3, 79.3, "Apache-2.0"},
    {"timm/resnet50.a1_in1k", "resnet50", 25.6, 4.1, 0, "Apache-2.0"},
    {"timm/seresnet50.ra2_in1k", "seresnet50", 28.1, 4.1, 0, "Apache-2.0"},
}};

std::string_view without_org(std::string_view repository) {
  return repository.substr(repository.find('/') + 1);
}

// Letters to put in, take out or replace (Levenshtein).
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view Known::short_name() const {
  const std::string_view name = without_org(repository);
  return name.substr(0, name.find('.'));
}

std::string Known::family() const {
  const std::string_view name = architecture;
  // A model type of transformers stands alone; timm's architectures say their size too.
  const bool type = name == "vit" || name == "deit";
  const std::string config =
      std::string(type ? R"({"model_type":")" : R"({"architecture":")") + architecture + "\"}";
  return summarize(ModelBytes{repository, config, {}, {}}).family;
}

std::span<const Known> known_models() {
  return table;
}

const Known* find_known(std::string_view text) {
  const auto first = [&](auto&& matches) -> const Known* {
    const auto found = std::find_if(table.begin(), table.end(), matches);
    return found == table.end() ? nullptr : &*found;
  };
  if (const Known* known = first([&](const Known& k) { return text == k.repository; })) return known;
  if (const Known* known = first([&](const Known& k) { return text == without_org(k.repository); }))
    return known;
  return first([&](const Known& k) { return text == k.short_name(); });
}

std::vector<std::string> nearest_known(std::string_view text, size_t count) {
  std::vector<std::pair<size_t, std::string>> found;
  for (const Known& known : table) {
    const std::string_view repository = known.repository;
    const std::string_view asked = text.find('/') == text.npos ? text : without_org(text);
    // A tag that was forgotten or is another one is no mistake in the name.
    const size_t steps = std::min({distance(text, repository), distance(asked, without_org(repository)),
                                   distance(asked.substr(0, asked.find('.')), known.short_name()) + 1});
    if (steps * 3 <= text.size()) found.emplace_back(steps, repository);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(count, found.size()); ++i) names.push_back(found[i].second);
  return names;
}

}  // namespace fovea::apps::hub
