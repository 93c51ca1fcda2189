// `fovea overlay`: options, and which kind of source they are about.
#include "apps/ui/overlay.h"
#include "apps/hub/model_flags.h"
#include "apps/text/typed.h"
#include "apps/util/classes.h"
#include "core/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <string_view>
#include <system_error>

#include "apps/cli/commands.h"
#include "apps/serve/serve.h"
#include "apps/ui/capture.h"
#include "apps/ui/sidecar.h"
#include "apps/util/terminal.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

[[noreturn]] void wrong(const std::string& message) {
  throw Error(ErrorKind::usage, message);
}

const std::map<std::string, Colormap> colormaps = {{"viridis", Colormap::viridis},
                                                   {"inferno", Colormap::inferno},
                                                   {"turbo", Colormap::turbo},
                                                   {"jet", Colormap::jet},
                                                   {"gray", Colormap::gray}};

MapMethod method_named(const std::string& name) {
  for (const MapTraits& t : map_traits())
    if (name == t.name) return t.method;
  wrong(fmt::format("--method {}: there is no such method, see fovea overlay --help", printable(name)));
}

std::vector<std::string> method_names() {
  std::vector<std::string> out;
  for (const MapTraits& t : map_traits()) out.emplace_back(t.name);
  return out;
}

bool parse_signed(std::string_view text, int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

cv::Point2d parse_query(const std::string& text) {
  cv::Point2d point;
  char* end = nullptr;
  point.x = std::strtod(text.c_str(), &end);
  const char* comma = end;
  if (comma != text.c_str() && *comma == ',') {
    point.y = std::strtod(comma + 1, &end);
    if (end != comma + 1 && *end == '\0') return point;
  }
  wrong(fmt::format("--query {}: want X,Y in pixels of the picture, for example 120,80", printable(text)));
}

// "frame", "running" or "0:0.05".
void parse_scale(const std::string& text, View& view) {
  if (text == "frame") return;
  view.scale = text == "running" ? MapScale::running : MapScale::fixed;
  if (view.scale == MapScale::running) return;
  char* end = nullptr;
  view.lowest = std::strtof(text.c_str(), &end);
  if (end != text.c_str() && *end == ':') {
    const char* second = end + 1;
    view.highest = std::strtof(second, &end);
    if (end != second && *end == '\0' && std::isfinite(view.lowest) && std::isfinite(view.highest) &&
        view.lowest < view.highest)
      return;
  }
  wrong(fmt::format("--scale {}: want frame, running, or the lowest and highest value, for example 0:0.05",
                    printable(text)));
}

// Numbers that belong to some methods; NaN is outside every range.
void take_numbers(View& view, const OverlayFlags& flags) {
  const auto want = [](bool good, const char* option, float value, const char* range) {
    if (!good) wrong(fmt::format("{} {}: want a number {}", option, value, range));
  };
  const auto belongs = [&](bool does, const char* option, const char* where) {
    if (!does) wrong(fmt::format("--method {}: takes no {}, which is for {}", flags.method, option, where));
  };
  if (flags.mass) {
    belongs(view.map.method == MapMethod::mask, "--mask", "--method mask");
    want(*flags.mass > 0 && *flags.mass <= 1, "--mask", *flags.mass, "above 0, at most 1");
    view.map.mass = *flags.mass;
  }
  if (flags.discard) {
    belongs(view.map.method == MapMethod::rollout, "--discard", "--method rollout");
    want(*flags.discard >= 0 && *flags.discard < 1, "--discard", *flags.discard, "from 0 to below 1");
    view.map.discard = *flags.discard;
  }
  if (flags.sigma) {
    want(*flags.sigma >= 0 && std::isfinite(*flags.sigma), "--sigma", *flags.sigma, "of 0 (off) or more");
    view.map.sigma = *flags.sigma;
  }
  if (flags.start_layer) {
    belongs(traits_of(view.map.method).takes_start_layer, "--start-layer", "methods over several layers");
    if (view.spread == Spread::layers) wrong("--start-layer: goes with one --layer, not with all");
    view.map.start_layer = *flags.start_layer;
  }
}

// "top1" … "top5": the picture's own classes.
bool is_rank(const std::string& text) {
  return text.size() == 4 && text.starts_with("top") && text[3] >= '1' && text[3] <= '5';
}

// What can be checked without the model.
View parse_view(const OverlayFlags& flags) {
  View view;
  view.map.method = method_named(flags.method);
  if (!flags.target.empty() && !traits_of(view.map.method).class_specific)
    wrong(
        fmt::format("--class {}: {} is the same whatever the class", printable(flags.target), flags.method));
  if (flags.layer == "all") view.spread = Spread::layers;
  if (view.spread == Spread::one && !parse_signed(flags.layer, view.map.layer))
    wrong(fmt::format("--layer {}: want all or a number, 0 the first block, -1 the last",
                      printable(flags.layer)));
  if (flags.head == "max") view.fusion = HeadFusion::max;
  if (flags.head == "min") view.fusion = HeadFusion::min;
  view.map.fusion = view.fusion;
  if (flags.head != "mean" && flags.head != "max" && flags.head != "min") {
    view.map.fusion = HeadFusion::single;
    if (!parse_number(flags.head, view.map.head))
      wrong(fmt::format("--head {}: want a number, mean, max or min", printable(flags.head)));
  }
  if (!flags.query.empty()) view.pins = {parse_query(flags.query)};
  view.colours.alpha = flags.alpha;
  view.colours.colormap = colormaps.at(flags.colormap);
  parse_scale(flags.scale, view);
  view.smoothing = flags.smoothing;
  view.side_by_side = flags.side_by_side;
  take_numbers(view, flags);
  return view;
}

void fit_to_model(View& view, const OverlayFlags& flags, const ModelInfo& info) {
  if (std::find(info.maps.begin(), info.maps.end(), view.map.method) == info.maps.end())
    wrong(fmt::format("--method {}: makes no sense for {}; methods that do: {}", flags.method,
                      info.architecture, names_of(info.maps)));
  if (is_rank(flags.target)) {
    view.map.rank = static_cast<uint32_t>(flags.target[3] - '1');
    if (view.map.rank >= info.classes)
      wrong(fmt::format("--class {}: {} has {} classes", flags.target, info.architecture, info.classes));
  } else if (!flags.target.empty()) {
    view.map.target = parse_class(flags.target, info);
  }
  const MapTraits& traits = traits_of(view.map.method);
  if (!view.pins.empty() && !traits.takes_query)
    wrong(fmt::format("--method {}: starts from no patch, leave out --query", flags.method));
  if (!traits.takes_layer) {
    if (view.spread == Spread::layers || view.map.layer != -1)
      wrong(fmt::format("--method {}: has one map for the whole model, leave out --layer", flags.method));
    return;
  }
  if (view.spread == Spread::layers) view.map.layer = -1;
  const auto layers = static_cast<int>(info.attention.size());
  if (view.map.layer < -layers || view.map.layer >= layers)
    wrong(fmt::format("--layer {}: {} has layers 0 to {}", view.map.layer, info.architecture, layers - 1));
  view.map.layer = static_cast<int>(layer_of(info, view.map));
  if (view.map.start_layer < 0 || view.map.start_layer > view.map.layer)
    wrong(fmt::format("--start-layer {}: want 0 to {}, the last layer that is taken", view.map.start_layer,
                      view.map.layer));
  const uint32_t heads = info.attention[static_cast<size_t>(view.map.layer)].heads;
  if (view.map.fusion == HeadFusion::single && view.map.head >= heads)
    wrong(fmt::format("--head {}: {} has heads 0 to {}", view.map.head, info.architecture, heads - 1));
}

int overlay_served(const OverlayFlags& flags, View view) {
  if (!flags.out.empty() || !flags.npy.empty())
    wrong("--serve: shows the picture, leave out --out and --npy");
  const serve::Address address = serve::parse_address(flags.serve);
  const serve::Guard guard(address, serve::token_or_variable(flags.token));
  const bool camera = flags.source.empty();
  const SourceKind kind = camera ? SourceKind::camera : kind_of_source(flags.source);
  const ModelChoice choice = choose_model(flags.model.model);
  const Model model = load_model(flags.model, choice);
  fit_to_model(view, flags, model.info());
  const Provenance provenance(model, choice,
                              camera ? "a browser's camera" : name_of_source(flags.source, kind));
  std::unique_ptr<FrameFeed> source = camera ? nullptr : open_feed(flags.source, kind);
  catch_interrupts();
  return serve::serve(provenance, std::move(source), view, address, guard);
}

int overlay(const OverlayFlags& flags) {
  if (!flags.token.empty() && flags.serve.empty()) wrong("--token: goes with --serve");
  View view = parse_view(flags);
  if (!flags.serve.empty()) return overlay_served(flags, view);
  if (flags.source.empty()) wrong("SOURCE is required (see fovea overlay --help)");
  const SourceKind kind = kind_of_source(flags.source);
  if (!flags.npy.empty() && kind != SourceKind::image) wrong("--npy goes with a single image");
  const bool endless = kind == SourceKind::camera || kind == SourceKind::url || kind == SourceKind::pipeline;
  const bool still = kind == SourceKind::image || kind == SourceKind::folder;
  const bool window = !still && flags.out.empty() && has_display();
  if (endless && flags.out.empty() && !window)
    wrong(fmt::format("{}: no display to open a window on; give --out FILE.mp4", printable(flags.source)));

  const ModelChoice choice = choose_model(flags.model.model);
  const Model model = load_model(flags.model, choice);
  fit_to_model(view, flags, model.info());
  catch_interrupts();
  if (still) {
    Painter painter(model, view);  // what cannot run fails here once, not with every picture
    return kind == SourceKind::image ? overlay_image(flags, painter) : overlay_folder(flags, painter);
  }
  return window ? overlay_in_window(flags, model, choice, view, kind)
                : overlay_to_file(flags, model, view, kind);
}

}  // namespace

void add_overlay(CLI::App& program, int& exit_code) {
  const auto flags = std::make_shared<OverlayFlags>();
  CLI::App* command = program.add_subcommand("overlay", "Draw what the model attended to over the picture");
  add_model_flags(*command, flags->model);
  command->add_option("--method", flags->method, "What to draw; `fovea maps` says what each means")
      ->check(CLI::IsMember(method_names()))
      ->capture_default_str();
  command->add_option("--layer", flags->layer, "0 is the first block, -1 the last; all draws a sheet of all")
      ->type_name("L|all")
      ->capture_default_str();
  command->add_option("--head", flags->head, "One head, or heads fused")
      ->type_name("H|mean|max|min")
      ->capture_default_str();
  command
      ->add_option("--query", flags->query,
                   "What the patch under this pixel attends to, instead of the class token")
      ->type_name("X,Y");
  command
      ->add_option(
          "--class", flags->target,
          "The class of a class-specific map: a label, its number, or one of the picture's best five")
      ->type_name("NAME|INDEX|top1..top5");
  command
      ->add_option("--mask", flags->mass,
                   "Of mask: the share of a head's attention that is kept (default 0.6)")
      ->type_name("T");
  command
      ->add_option("--discard", flags->discard,
                   "Of rollout: the share of each layer's attention, the lowest, that counts as none")
      ->type_name("R");
  command->add_option("--start-layer", flags->start_layer, "Of methods over several layers: the first one")
      ->type_name("L");
  command
      ->add_option("--sigma", flags->sigma,
                   "Smooth cells farther than this many standard deviations from the map's mean")
      ->type_name("K");
  command->add_option("--alpha", flags->alpha, "Weight of the map's colour over the picture")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--colormap", flags->colormap, "Colours of the map")
      ->check(CLI::IsMember({"viridis", "inferno", "turbo", "jet", "gray"}))
      ->capture_default_str();
  command
      ->add_option("--scale", flags->scale,
                   "Brightness: each frame's own range, that of the last frames, or a fixed range")
      ->type_name("frame|running|LOW:HIGH")
      ->capture_default_str();
  command->add_option("--smoothing", flags->smoothing, "Of moving pictures: weight of earlier frames' maps")
      ->check(CLI::Range(0.0, 0.99))
      ->capture_default_str();
  command->add_flag("--side-by-side", flags->side_by_side, "The picture itself to the left");
  command
      ->add_option(
          "--out", flags->out,
          "Image, video or folder to write (default NAME.overlay.png, .mp4 or a folder NAME.overlay here)")
      ->type_name("FILE");
  command
      ->add_option("--npy", flags->npy,
                   "Also write the map, [rows, cols] or [layers, rows, cols], as float32 NumPy")
      ->type_name("FILE");
  command
      ->add_option("--serve", flags->serve,
                   "Show it in browsers at this address, 127.0.0.1 if none is given; without SOURCE a "
                   "browser's camera is the source")
      ->type_name("[ADDR:]PORT");
  command
      ->add_option("--token", flags->token,
                   "What browsers must know, as in http://ADDR:PORT/?token=WORD (else $FOVEA_TOKEN); needed "
                   "beyond this machine")
      ->type_name("WORD");
  command->add_option(
      "SOURCE", flags->source,
      "An image, a folder, a video file, a camera's index, a URL or a GStreamer pipeline. In a window "
      "h lists the keys");
  command->callback([flags, &exit_code] { exit_code = overlay(*flags); });
}

}  // namespace fovea::apps
