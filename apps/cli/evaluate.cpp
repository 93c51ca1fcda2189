// `fovea evaluate maps`: are a model's maps true?
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <optional>
#include <system_error>

#include "apps/cli/commands.h"
#include "apps/evaluate/evaluator.h"
#include "apps/evaluate/labels.h"
#include "apps/evaluate/report.h"
#include "apps/hub/model_flags.h"
#include "apps/text/typed.h"
#include "apps/util/decode.h"
#include "apps/util/decode_queue.h"
#include "apps/util/encode.h"
#include "apps/util/inputs.h"
#include "apps/util/progress.h"
#include "apps/util/terminal.h"
#include "core/atomic_file.h"
#include "core/text.h"
#include "fovea/error.h"
#include "fovea/preprocessing.h"

namespace fovea::apps {
namespace {

namespace fs = std::filesystem;

struct Flags {
  ModelFlags model;
  std::string images, labels, out;
  std::vector<std::string> methods;
  size_t limit = 0;
  uint32_t batch = 8, steps = 20;
  bool json = false;
};

// Why a map of this method cannot be drawn without a patch to start from; nothing where it can.
std::optional<RequestError> refusal_of(MapMethod method, const ModelInfo& info) {
  MapRequest request;
  request.method = method;
  try {
    require_start(resolved(request, info), info);
    return std::nullopt;
  } catch (const RequestError& error) {
    return error;
  }
}

// Those asked for, or all that need no patch.
std::vector<MapMethod> methods_of(const Flags& flags, const ModelInfo& info) {
  std::vector<MapMethod> out;
  if (flags.methods.empty()) {
    std::copy_if(info.maps.begin(), info.maps.end(), std::back_inserter(out),
                 [&](MapMethod method) { return !refusal_of(method, info); });
    return out;
  }
  for (const std::string& name : flags.methods) {
    const auto refuse = [&](const RequestError& error) {
      wrong(fmt::format("--methods {}: {}", printable(name), error.reason()));
    };
    try {
      const MapMethod method = method_named(name);
      if (const auto refusal = refusal_of(method, info)) refuse(*refusal);
      if (std::find(out.begin(), out.end(), method) == out.end()) out.push_back(method);
    } catch (const RequestError& error) {
      refuse(error);
    }
  }
  return out;
}

void make_folder(const std::string& out) {
  std::error_code error;
  fs::create_directories(out, error);
  if (error || !fs::is_directory(out, error))
    throw Error(ErrorKind::file, fmt::format("--out {}: cannot make this folder", printable(out)));
}

void write_report(const Evaluation& evaluation, const fs::path& out) {
  const auto text = [&](const char* name, const std::string& content) {
    write_file(out / name, {reinterpret_cast<const unsigned char*>(content.data()), content.size()});
  };
  text("maps.csv", csv_of(evaluation));
  text("maps.json", dump(json_of(evaluation), 2) + "\n");
  for (const Metric& metric : metrics)
    if (!(evaluation.methods.front().*metric.values).empty())
      write_picture(out / (std::string(metric.name) + ".png"), plot_of(evaluation, metric));
}

class Run {
 public:
  Run(const Flags& flags, Session& session, std::span<const MapMethod> methods)
      : flags_(flags),
        session_(session),
        preprocessing_(preprocessing_of(session.model())),
        evaluator_(session, flags.batch, methods, flags.steps) {
    if (!flags.labels.empty()) labels_.emplace(flags.labels, session.model().info().classes);
    evaluator_.result.labelled = labels_.has_value();
  }

  int run(const std::vector<Input>& inputs) {
    DecodeQueue queue(inputs, 4);
    Progress progress(inputs.size(), {.unit = "pictures", .at_least = 1});
    for (const Input& input : inputs) {
      if (interrupted()) break;
      std::optional<Sample> sample;
      try {
        sample = sample_of(input, queue.next());
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::file && error.kind() != ErrorKind::usage) throw;
        progress.hide();
        ++evaluator_.result.failed;
        complain(fmt::format("{}: {}", printable(input.path.native()), error.what()));
        progress.advance();
        continue;
      }
      evaluator_.add(std::move(sample->picture), sample->label);
      progress.advance(evaluator_.take_finished());
    }
    evaluator_.finish();
    progress.hide();
    return report(inputs.size());
  }

 private:
  struct Sample {
    std::vector<float> picture;
    std::optional<uint32_t> label;
  };

  Sample sample_of(const Input& input, const Decoded& decoded) {
    if (!decoded.error.empty()) throw Error(ErrorKind::file, decoded.error);
    Sample sample;
    if (labels_ && !(sample.label = labels_->class_of(input.path)))
      throw Error(ErrorKind::file, "neither its folder nor the beginning of its name is an id of --labels");
    const auto pixels = session_.preprocessed_pixels(view_of(decoded.image));
    sample.picture.resize(pixels.size());
    const size_t plane = pixels.size() / 3;
    for (size_t i = 0; i < pixels.size(); ++i)
      sample.picture[i] = (static_cast<float>(pixels[i]) / 255.0F - preprocessing_.mean[i / plane]) /
                          preprocessing_.std[i / plane];
    return sample;
  }

  int report(size_t inputs) {
    Evaluation& result = evaluator_.result;
    result.interrupted = interrupted();
    if (result.images > 0) {
      write_out(flags_.json ? dump(json_of(result), 2) + "\n" : table_of(result));
      if (!flags_.out.empty()) write_report(result, flags_.out);
      flush_out();
    }
    if (result.failed > 0) complain(fmt::format("{} of {} pictures failed", result.failed, inputs));
    if (result.interrupted) {
      complain(fmt::format("interrupted after {} of {} pictures", result.images + result.failed, inputs));
      return exit_interrupted;
    }
    return result.failed > 0 ? exit_failed : exit_good;
  }

  const Flags& flags_;
  Session& session_;
  Preprocessing preprocessing_;
  std::optional<Labels> labels_;
  Evaluator evaluator_;
};

int evaluate_maps(const Flags& flags) {
  if (flags.steps == 0 || flags.steps > 1000 || flags.steps % 10 != 0)
    wrong(fmt::format("--steps {}: want a multiple of 10, up to 1000", flags.steps));
  std::vector<Input> inputs = expand_inputs({flags.images}, std::cin);
  if (flags.limit != 0 && inputs.size() > flags.limit) inputs.resize(flags.limit);
  const Model model = load_model(flags.model);
  const ModelInfo& info = model.info();
  if (!info.has_head) wrong(fmt::format("--model: {} has no classes to evaluate maps by", info.architecture));
  const auto methods = methods_of(flags, info);
  if (methods.empty()) wrong(fmt::format("--model: {} has no maps", info.architecture));
  if (!flags.out.empty()) make_folder(flags.out);
  SessionOptions options;
  options.batch = flags.batch;
  options.attention = true;
  Session session(model, options);
  catch_interrupts();
  return Run(flags, session, methods).run(inputs);
}

}  // namespace

void add_evaluate(const Command& program) {
  const Command verb = program.command("evaluate", "Measure what a model does");
  verb.needs_command();
  const auto flags = std::make_shared<Flags>();
  const Command command = verb.command(
      "maps", "Measure how true its attention maps are, beside a random map and a spot at the centre");
  add_model_flags(command, flags->model);
  command.option("--images", flags->images, "Pictures: a folder, a file or a pattern")
      .type_name("FOLDER")
      .required();
  command
      .option("--labels", flags->labels,
              "Lines INDEX<tab>ID: a picture's class is the id that its folder or name begins with; "
              "without it, the class that the model gives it")
      .type_name("TSV");
  command.option("--methods", flags->methods, "Some methods, with commas (default all the model has)")
      .separated_by(',')
      .type_name("A,B");
  command.option("--out", flags->out, "Folder for maps.csv, maps.json and one plot a metric")
      .type_name("DIR");
  command.flag("--json", flags->json, "JSON instead of a table");
  command.option("--limit", flags->limit, "Stop after so many pictures").type_name("N");
  command.option("--steps", flags->steps, "Points of the deletion and insertion curves, a multiple of 10")
      .with_default();
  command.option("--batch", flags->batch, "Pictures in one forward pass")
      .between(1, largest_batch)
      .with_default();
  command.runs([flags] { return evaluate_maps(*flags); });
}

}  // namespace fovea::apps
