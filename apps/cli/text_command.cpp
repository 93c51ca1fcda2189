#include "apps/cli/text_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "apps/serve/serve.h"
#include "apps/text/json.h"
#include "apps/text/typed.h"
#include "apps/ui/painter.h"
#include "apps/ui/text_report.h"
#include "apps/ui/text_window.h"
#include "apps/ui/token_pictures.h"
#include "apps/ui/window.h"
#include "apps/ui/writer.h"
#include "apps/util/decode.h"
#include "apps/util/decode_queue.h"
#include "apps/util/elapsed.h"
#include "apps/util/encode.h"
#include "apps/util/exit_codes.h"
#include "apps/util/inputs.h"
#include "apps/util/progress.h"
#include "apps/util/terminal.h"
#include "apps/util/video_source.h"
#include "core/atomic_file.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

void require_task(const Model& model, TextTask wanted) {
  const TextTask task = task_of(model);
  if (task == wanted) return;
  wrong(fmt::format(
      "{}: {} {}: {}", command_for(wanted), model.info().architecture, to_string(task),
      task == TextTask::none
          ? fmt::format("give one that {} with --model{}", to_string(wanted),
                        wanted == TextTask::read ? ", such as embedded-reader" : "")
          : fmt::format("use `fovea {}`, or a model that {}", command_for(task), to_string(wanted))));
}

// A model that does the task, and where it came from.
std::pair<Model, ModelChoice> model_for(TextTask task, const ModelFlags& flags) {
  const bool reads = task == TextTask::read;
  if (!reads && !is_model_chosen(flags.model))
    wrong(fmt::format("{}: needs a model that {}: give one with --model, $FOVEA_MODEL or `fovea default`",
                      command_for(task), to_string(task)));
  const ModelChoice choice = reads ? choose_reader(flags.model) : choose_model(flags.model);
  const Model model = load_model(flags, choice);
  require_task(model, task);
  return {model, choice};
}

// A picture that moves from token to token.
bool is_walk(const std::string& path) {
  return lower_case(path).ends_with(".gif") || lower_case(path).ends_with(".mp4");
}

class Writings {
 public:
  // `pictures` are those of `inputs`.
  Writings(const TextFlags& flags, const std::vector<Input>& inputs, const std::optional<Region>& part,
           DecodeQueue& pictures, TextSession& session)
      : flags_(flags),
        part_(part),
        inputs_(inputs),
        pictures_(pictures),
        session_(session),
        progress_(inputs.size(), {.unit = "images"}),
        path_width_(path_width(inputs)) {}

  int run() {
    size_t taken = 0, failed = 0;
    for (const Input& input : inputs_) {
      if (interrupted()) break;
      const Decoded decoded = pictures_.next();
      ++taken;
      try {
        if (!decoded.error.empty()) throw Error(ErrorKind::file, decoded.error);
        about(input, decoded);
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::device_lost || error.kind() == ErrorKind::no_device) throw;
        progress_.hide();
        ++failed;
        complain(fmt::format("{}: {}", printable(input.path.native()), error.what()));
      }
      flush_out();
      progress_.advance();
    }
    progress_.hide();
    return conclude(inputs_, taken, failed);
  }

 private:
  void about(const Input& input, const Decoded& decoded) {
    const auto start = std::chrono::steady_clock::now();
    Written written;
    session_.start(view_of(decoded.image), flags_.words, part_);
    while (auto token = session_.next()) {
      written.tokens.push_back(std::move(*token));
      written.texts.push_back(session_.text());
      if (interrupted()) break;
    }
    written.text_ms = ms_since(start);
    if (!flags_.overlay.empty()) draw(decoded.image, written);
    if (stdout_is_terminal()) progress_.hide();
    const std::string path = printable(input.path.native()), text = printable(session_.text());
    if (flags_.json)
      write_out(json_line(input, decoded, written));
    else
      write_out(inputs_.size() > 1 ? fmt::format("{:<{}}  {}\n", path, path_width_, text) : text + '\n');
  }

  void draw(const cv::Mat& image, const Written& written) {
    if (is_walk(flags_.overlay)) {
      constexpr double tokens_per_second = 2;
      WriterThread writer(open_writer(flags_.overlay, tokens_per_second));
      for (size_t i = 0; i < written.tokens.size(); ++i)
        writer.write(token_frame(token_picture(session_, image, written.tokens[i]), written.texts[i]));
      writer.finish();
      return;
    }
    write_picture(flags_.overlay, token_sheet(session_, image, written.tokens));
  }

  std::string json_line(const Input& input, const Decoded& decoded, const Written& written) const {
    Json line = {{"path", input.path.native()}};
    line.update(text_json(session_, flags_.words, written, decoded.ms));
    return dump(line) + '\n';
  }

  const TextFlags& flags_;
  std::optional<Region> part_;
  const std::vector<Input>& inputs_;
  DecodeQueue& pictures_;
  TextSession& session_;
  Progress progress_;
  size_t path_width_;
};

void check_overlay(const TextFlags& flags, const std::vector<Input>& inputs) {
  if (flags.overlay.empty()) return;
  if (inputs.size() != 1)
    wrong(fmt::format("--overlay {}: goes with a single image", printable(flags.overlay)));
  if (!is_walk(flags.overlay)) check_writable_kind(flags.overlay, "--overlay");
  refuse_same_file("--overlay", flags.overlay, inputs.front().path.native());
}

int write_about(const std::vector<Input>& inputs, const TextFlags& flags, TextTask task,
                const TextOptions& options) {
  std::optional<Region> part;
  if (!flags.region.empty()) part = region_named(flags.region);
  if (task == TextTask::answer && flags.words.empty()) wrong("ask: the question is empty");
  check_overlay(flags, inputs);
  const auto [model, choice] = model_for(task, flags.model);
  DecodeQueue pictures(inputs, 4);
  TextSession session(model, load_tokenizer(choice), options);
  session.require_words(flags.words);  // what cannot be asked fails here once, not with every picture
  catch_interrupts();
  return Writings(flags, inputs, part, pictures, session).run();
}

int show_window(const TextFlags& flags, TextTask task, const TextOptions& options) {
  if (flags.inputs.size() != 1 || !flags.overlay.empty() || flags.json)
    wrong("--window: goes with one IMAGE, folder, video, camera or URL, without --overlay and --json");
  if (task == TextTask::answer && flags.words.empty()) wrong("ask: the question is empty");
  std::optional<Region> part;
  if (!flags.region.empty()) part = region_named(flags.region);
  const std::string& source = flags.inputs.front();
  const SourceKind kind = kind_of_source(source);
  if (!has_display()) wrong("--window: no display to open a window on; --serve shows a page instead");
  const auto [model, choice] = model_for(task, flags.model);
  TextSession session(model, load_tokenizer(choice), options);
  session.require_words(flags.words);
  catch_interrupts();
  return write_in_window(session, flags.words, part, source, kind);
}

int serve_page(const TextFlags& flags, TextTask task, const TextOptions& options) {
  if (!flags.inputs.empty() || !flags.overlay.empty() || !flags.region.empty() || flags.json || flags.window)
    wrong("--serve: pictures come from the page, leave out IMAGE, --region, --overlay, --json and --window");
  const serve::Address address = serve::parse_address(flags.serve.address);
  const serve::Guard guard(address, serve::token_or_variable(flags.serve.token));
  const auto [model, choice] = model_for(task, flags.model);
  TextSession session(model, load_tokenizer(choice), options);
  if (!flags.words.empty()) session.require_words(flags.words);
  catch_interrupts();
  return serve::serve_texts(session, {flags.words, flags.map, flags.most_tokens}, address, guard);
}

}  // namespace

void refuse_writers(const Model& model, const char* command) {
  const TextTask task = task_of(model);
  if (task != TextTask::none)
    wrong(fmt::format("{}: {} {}: use `fovea {}`", command, model.info().architecture, to_string(task),
                      command_for(task)));
}

void add_text_flags(const Command& command, TextFlags& flags) {
  add_model_flags(command, flags.model);
  command.option("--max-tokens", flags.most_tokens, "Tokens to write about a picture at most")
      .between(1, 1U << 16)
      .type_name("N")
      .with_default();
  add_choice_flags(command, flags.choice);
  command.option("--region", flags.region, "The part of each picture to look at, in its pixels")
      .type_name("X,Y,W,H");
  command.flag("--json", flags.json,
               "One JSON object a line for each image: text, tokens, and where the model looked for each");
  command
      .option("--overlay", flags.overlay,
              "Draw where the model looked: a sheet with a tile a token, or a .gif or .mp4 that walks "
              "through them; for a single image")
      .type_name("FILE");
  command
      .option(
          "--method", flags.map.method,
          "A token's map: raw, one layer's attention; rollout, from the token through all layers to the "
          "picture; gae, the same weighed by gradients of the token's score; evidence, the part of the score "
          "that each cell gave")
      .type_name("raw|rollout|gae|evidence")
      .with_default();
  command
      .option("--layer", flags.map.layer,
              "Whose attention to the picture: 0 is the decoder's first layer, -1 its last")
      .type_name("L")
      .with_default();
  command.option("--head", flags.map.head, "One head, or heads fused")
      .type_name("H|mean|max|min")
      .with_default();
  command.flag(
      "--window", flags.window,
      "Show a picture, a folder, a video or a camera in a window: words as they are written, the map of "
      "the one that is pointed at, and of a part that is dragged");
  add_serve_flags(
      command, flags.serve,
      "Show a page in browsers at this address, 127.0.0.1 if none is given, which takes the pictures");
  command.option("IMAGE", flags.inputs,
                 "Image files, folders (recursive; names that begin with a dot are left out), globs, or - "
                 "for a list on standard input");
}

int write_texts(const TextFlags& flags, TextTask task) {
  flags.serve.check();
  TextOptions options;
  options.most_tokens = flags.most_tokens;
  flags.choice.check();
  options.choice = flags.choice.choice;
  try {
    options.map = token_map_named(flags.map);
    if (flags.serve.given()) return serve_page(flags, task, options);
    if (flags.window) return show_window(flags, task, options);
    if (flags.inputs.empty())
      wrong(fmt::format("IMAGE is required (see fovea {} --help)", command_for(task)));
    return write_about(expand_inputs(flags.inputs, std::cin), flags, task, options);
  } catch (const RequestError& error) {
    wrong(fmt::format("--{} {}: {}", error.field(), error.value(), error.reason()));
  }
}

}  // namespace fovea::apps
