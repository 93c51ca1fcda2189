// `fovea overlay`: options, and which kind of source they are about.
#include "apps/cli/overlay.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <system_error>

#include "apps/cli/commands.h"
#include "apps/cli/text_command.h"
#include "apps/serve/serve.h"
#include "apps/text/typed.h"
#include "apps/ui/capture.h"
#include "apps/ui/export.h"
#include "apps/ui/sidecar.h"
#include "apps/ui/window.h"
#include "apps/util/classes.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

// "turbo|viridis", of everything that to_string() names.
template <class Choices>
std::string choices_text(const Choices& choices) {
  std::string out;
  for (const auto choice : choices) out.append(out.empty() ? "" : "|").append(to_string(choice));
  return out;
}

std::string method_names() {
  std::vector<MapMethod> methods;
  for (const MapTraits& traits : map_traits()) methods.push_back(traits.method);
  return choices_text(methods);
}

// A request's error in the words of the options.
[[noreturn]] void wrong_option(const RequestError& error, const OverlayFlags& flags) {
  const std::string& field = error.field();
  std::string option = "--" + field, value = error.value();
  if (field == "start_layer") option = "--start-layer";
  if (field == "mass") option = "--mask";
  if (field == "range") option = "--scale";
  if (field == "fusion") option = "--head";
  if (field == "layer") value = flags.layer;
  if (field == "query") value = flags.query;
  wrong(fmt::format("{}{}{}: {}", option, value.empty() ? "" : " ", printable(value), error.reason()));
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
  char* end = nullptr;
  view.lowest = std::strtof(text.c_str(), &end);
  if (end == text.c_str() || *end != ':') {
    if (text != to_string(MapScale::frame) && text != to_string(MapScale::running))
      wrong(
          fmt::format("--scale {}: want frame, running, or the lowest and highest value, for example 0:0.05",
                      printable(text)));
    view.lowest = 0;
    view.scale = scale_named(text);
    return;
  }
  view.scale = MapScale::fixed;
  const char* second = end + 1;
  view.highest = std::strtof(second, &end);
  if (end == second || *end != '\0')
    wrong(fmt::format("--scale {}: want two numbers, for example 0:0.05", printable(text)));
}

// Options that a method does not take would change nothing; nobody should believe that they did.
void require_taken(const OverlayFlags& flags, MapMethod method) {
  const auto require = [method](bool typed, MapField field, const std::string& value) {
    if (typed) require_takes(method, field, value);
  };
  const auto number = [&](const std::optional<float>& value, MapField field) {
    require(value.has_value(), field, value ? fmt::format("{}", *value) : "");
  };
  const OverlayFlags untyped;
  require(!flags.target.empty(), MapField::target, printable(flags.target));
  require(!flags.query.empty(), MapField::query, flags.query);
  require(flags.layer != untyped.layer, MapField::layer, flags.layer);
  require(flags.head != untyped.head, MapField::head, printable(flags.head));
  number(flags.mass, MapField::mass);
  number(flags.discard, MapField::discard);
  if (flags.start_layer) require_takes(method, MapField::start_layer, fmt::format("{}", *flags.start_layer));
}

void parse_head(const std::string& text, View& view) {
  if (parse_number(text, view.map.head)) {
    view.map.fusion = HeadFusion::single;
    return;
  }
  try {
    view.map.fusion = view.fusion = fusion_named(text);
  } catch (const RequestError& error) {
    wrong(fmt::format("--head {}: {} or a number", error.value(), error.reason()));
  }
}

// What can be understood without the model.
View parse_view(const OverlayFlags& flags) {
  View view;
  if (!flags.method.empty()) {
    view.map.method = method_named(flags.method);
    require_taken(flags, view.map.method);
  }
  if (flags.layer == "all") view.spread = Spread::layers;
  if (view.spread == Spread::one && !parse_signed(flags.layer, view.map.layer))
    wrong(fmt::format("--layer {}: want all or a number, 0 the first block, -1 the last",
                      printable(flags.layer)));
  if (view.spread == Spread::layers && flags.start_layer)
    wrong("--start-layer: goes with one --layer, not with all");
  parse_head(flags.head, view);
  if (!flags.query.empty()) view.pins = {parse_query(flags.query)};
  view.map.start_layer = flags.start_layer.value_or(view.map.start_layer);
  view.map.mass = flags.mass.value_or(view.map.mass);
  view.map.discard = flags.discard.value_or(view.map.discard);
  view.map.sigma = flags.sigma.value_or(view.map.sigma);
  view.colours.alpha = flags.alpha;
  view.colours.colormap = colormap_named(flags.colormap);
  parse_scale(flags.scale, view);
  view.smoothing = flags.smoothing;
  view.side_by_side = flags.side_by_side;
  return view;
}

void fit_to_model(View& view, const OverlayFlags& flags, const ModelInfo& info) {
  if (flags.method.empty() && !info.maps.empty()) {
    view.map.method = info.maps.front();
    require_taken(flags, view.map.method);
  }
  if (const auto rank = rank_named(flags.target))
    view.map.rank = *rank;
  else if (!flags.target.empty())
    view.map.target = parse_class(flags.target, info);
  check(view, info);
}

int overlay_served(const OverlayFlags& flags, View view) {
  if (!flags.out.empty() || !flags.npy.empty())
    wrong("--serve: shows the picture, leave out --out and --npy");
  const serve::Address address = serve::parse_address(flags.serve.address);
  const serve::Guard guard(address, serve::token_or_variable(flags.serve.token));
  const bool camera = flags.source.empty();
  const SourceKind kind = camera ? SourceKind::camera : kind_of_source(flags.source);
  const ModelChoice choice = choose_model(flags.model.model);
  const Model model = load_model(flags.model, choice);
  refuse_writers(model, "overlay");
  fit_to_model(view, flags, model.info());
  const Provenance provenance(model, choice,
                              camera ? "a browser's camera" : name_of_source(flags.source, kind));
  std::unique_ptr<FrameFeed> source = camera ? nullptr : open_feed(flags.source, kind);
  catch_interrupts();
  return serve::serve(provenance, std::move(source), view, address, guard);
}

int overlay_of(const OverlayFlags& flags) {
  flags.serve.check();
  View view = parse_view(flags);
  if (flags.serve.given()) return overlay_served(flags, view);
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
  refuse_writers(model, "overlay");
  fit_to_model(view, flags, model.info());
  catch_interrupts();
  if (still) {
    Painter painter(model, view);  // what cannot run fails here once, not with every picture
    return kind == SourceKind::image ? overlay_image(flags, painter) : overlay_folder(flags, painter);
  }
  return window ? show_in_window(model, choice, view, flags.source, kind)
                : export_video(model, view, flags.source, kind, flags.out);
}

int overlay(const OverlayFlags& flags) {
  try {
    return overlay_of(flags);
  } catch (const RequestError& error) {
    wrong_option(error, flags);
  }
}

void add_map_options(const Command& command, OverlayFlags& flags) {
  command
      .option("--method", flags.method,
              "What to draw, by default the first that `fovea maps` lists for the model")
      .type_name(method_names());
  command.option("--layer", flags.layer, "0 is the first block, -1 the last; all draws a sheet of all")
      .type_name("L|all")
      .with_default();
  command.option("--head", flags.head, "One head, or heads fused")
      .type_name("H|" + choices_text(head_fusions()))
      .with_default();
  command
      .option("--query", flags.query,
              "What the patch under this pixel attends to, instead of the class token")
      .type_name("X,Y");
  command
      .option("--class", flags.target,
              "The class of a class-specific map: a label, its number, or one of the picture's best five")
      .type_name("NAME|INDEX|top1..top5");
  command.option("--mask", flags.mass, "Of mask: the share of a head's attention that is kept (default 0.6)")
      .type_name("T");
  command
      .option("--discard", flags.discard,
              "Of rollout: the share of each layer's attention, the lowest, that counts as none")
      .type_name("R");
  command.option("--start-layer", flags.start_layer, "Of methods over several layers: the first one")
      .type_name("L");
  command
      .option("--sigma", flags.sigma,
              "Smooth cells farther than this many standard deviations from the map's mean")
      .type_name("K");
}

void add_look_options(const Command& command, OverlayFlags& flags) {
  command.option("--alpha", flags.alpha, "Weight of the map's colour over the picture, 0 to 1")
      .with_default();
  command.option("--colormap", flags.colormap, "Colours of the map")
      .type_name(choices_text(colormaps()))
      .with_default();
  command
      .option("--scale", flags.scale,
              "Brightness: each frame's own range, that of the last frames, or a fixed range")
      .type_name("frame|running|LOW:HIGH")
      .with_default();
  command
      .option("--smoothing", flags.smoothing,
              "Of moving pictures: weight of earlier frames' maps, 0 to below 1")
      .with_default();
  command.flag("--side-by-side", flags.side_by_side, "The picture itself to the left");
}

void add_output_options(const Command& command, OverlayFlags& flags) {
  command
      .option(
          "--out", flags.out,
          "Image, video or folder to write (default NAME.overlay.png, .mp4 or a folder NAME.overlay here)")
      .type_name("FILE");
  command
      .option("--npy", flags.npy,
              "Also write the map, [rows, cols] or [layers, rows, cols], as float32 NumPy")
      .type_name("FILE");
  add_serve_flags(command, flags.serve,
                  "Show it in browsers at this address, 127.0.0.1 if none is given; without SOURCE a "
                  "browser's camera is the source");
  command.option(
      "SOURCE", flags.source,
      "An image, a folder, a video file, a camera's index, a URL or a GStreamer pipeline. In a window "
      "h lists the keys");
}

}  // namespace

void add_overlay(const Command& program) {
  const auto flags = std::make_shared<OverlayFlags>();
  const Command command = program.command("overlay", "Draw what the model attended to over the picture");
  add_model_flags(command, flags->model);
  add_map_options(command, *flags);
  add_look_options(command, *flags);
  add_output_options(command, *flags);
  command.runs([flags] { return overlay(*flags); });
}

}  // namespace fovea::apps
