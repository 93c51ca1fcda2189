// `fovea classify`: what each picture shows.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/commands.h"
#include "apps/cli/text_command.h"
#include "apps/hub/model_flags.h"
#include "apps/text/json.h"
#include "apps/util/classes.h"
#include "apps/util/decode.h"
#include "apps/util/decode_queue.h"
#include "apps/util/inputs.h"
#include "apps/util/progress.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"
#include "fovea/session.h"

namespace fovea::apps {
namespace {

struct Flags {
  ModelFlags model;
  std::vector<std::string> inputs;
  uint32_t top_k = 5, batch = 1;
  bool json = false;
};

// One image on its way from its file to its line.
struct Job {
  const Input* input = nullptr;
  Decoded decoded;
  Classification result;
};

class Classifier {
 public:
  // `pictures` are those of `inputs`.
  Classifier(const Flags& flags, const std::vector<Input>& inputs, DecodeQueue& pictures, Session& session)
      : flags_(flags),
        inputs_(inputs),
        pictures_(pictures),
        session_(session),
        progress_(inputs.size(), {.unit = "images"}),
        path_width_(path_width(inputs)) {
    for (const std::string& label : session.model().info().labels)
      label_width_ = std::max(label_width_, std::min<size_t>(label.size(), 40));
  }

  int run() {
    std::vector<Job> batch;
    size_t taken = 0;
    for (const Input& input : inputs_) {
      if (interrupted()) break;
      batch.push_back({&input, pictures_.next(), {}});
      ++taken;
      // Nothing to wait for: a failure at the head of the batch is reported at once.
      const size_t images = images_in(batch);
      if (images == 0 || images == flags_.batch) finish(batch);
    }
    finish(batch);
    progress_.hide();
    flush_out();
    return conclude(inputs_, taken, failed_);
  }

 private:
  static size_t images_in(const std::vector<Job>& batch) {
    return static_cast<size_t>(
        std::count_if(batch.begin(), batch.end(), [](const Job& job) { return !job.decoded.image.empty(); }));
  }

  void finish(std::vector<Job>& batch) {
    classify(batch);
    for (const Job& job : batch) {
      if (stdout_is_terminal() || !job.decoded.error.empty()) progress_.hide();
      if (job.decoded.error.empty()) {
        write_out(flags_.json ? json_line(job) : text_lines(job));
      } else {
        ++failed_;
        complain(fmt::format("{}: {}", printable(job.input->path.native()), job.decoded.error));
      }
    }
    flush_out();
    progress_.advance(batch.size());
    batch.clear();
  }

  void classify(std::vector<Job>& batch) {
    std::vector<Job*> jobs;
    std::vector<ImageView> images;
    for (Job& job : batch) {
      if (job.decoded.image.empty()) continue;
      jobs.push_back(&job);
      images.push_back(view_of(job.decoded.image));
    }
    if (jobs.empty()) return;
    try {
      std::vector<Classification> results = session_.classify(images);
      for (size_t i = 0; i < jobs.size(); ++i) jobs[i]->result = std::move(results[i]);
    } catch (const Error& error) {
      // The others of the batch are not to blame for one that the device cannot take.
      if (error.kind() == ErrorKind::device_lost || error.kind() == ErrorKind::no_device) throw;
      for (size_t i = 0; i < jobs.size(); ++i) classify_alone(*jobs[i], images[i]);
    }
  }

  void classify_alone(Job& job, const ImageView& image) {
    try {
      job.result = std::move(session_.classify({&image, 1}).front());
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::device_lost || error.kind() == ErrorKind::no_device) throw;
      job.decoded.error = error.what();
    }
  }

  std::string json_line(const Job& job) const {
    Json topk = Json::array();
    for (const Prediction& p : job.result.topk)
      topk.push_back({{"index", p.index},
                      {"label", label_of(session_.model().info(), p.index)},
                      {"probability", shortest(p.probability)}});
    const Json line = {{"path", job.input->path.native()},
                       {"topk", std::move(topk)},
                       {"ms",
                        {{"decode", rounded_ms(job.decoded.ms)},
                         {"preprocess", rounded_ms(job.result.preprocess_ms)},
                         {"model", rounded_ms(job.result.model_ms)}}}};
    return dump(line) + '\n';
  }

  std::string text_lines(const Job& job) const {
    std::string text;
    std::string path = printable(job.input->path.native());
    for (const Prediction& p : job.result.topk) {
      text += fmt::format("{:<{}}  {:<{}}  {:.4f}\n", path, path_width_,
                          label_of(session_.model().info(), p.index), label_width_, p.probability);
      path.clear();
    }
    return text;
  }

  const Flags& flags_;
  const std::vector<Input>& inputs_;
  DecodeQueue& pictures_;
  Session& session_;
  Progress progress_;
  size_t path_width_, label_width_ = 0, failed_ = 0;
};

int classify(const Flags& flags) {
  const Model model = load_model(flags.model);
  refuse_writers(model, "classify");
  if (!model.info().has_head)
    throw Error(ErrorKind::model,
                fmt::format("{} has no classification head: use `fovea run` for its features or "
                            "`fovea overlay` for its attention",
                            model.info().architecture));
  const std::vector<Input> inputs = expand_inputs(flags.inputs, std::cin);
  // The first pictures are decoded while the pipelines are compiled.
  DecodeQueue pictures(inputs, 2 * size_t{flags.batch} + 2);
  SessionOptions options;
  options.batch = flags.batch;
  options.top_k = flags.top_k;
  Session session(model, options);
  session.prepare();  // what cannot run fails here once, not with every picture
  catch_interrupts();
  return Classifier(flags, inputs, pictures, session).run();
}

}  // namespace

void add_classify(const Command& program) {
  const auto flags = std::make_shared<Flags>();
  const Command command = program.command("classify", "Say what each picture shows");
  add_model_flags(command, flags->model);
  command.option("--top-k", flags->top_k, "Classes to report").between(1, 1000000).with_default();
  command.option("--batch", flags->batch, "Images in one forward pass")
      .between(1, largest_batch)
      .with_default();
  command.flag("--json", flags->json, "One JSON object a line for each image, in input order");
  command
      .option("INPUT", flags->inputs,
              "Image files, folders (recursive; names that begin with a dot are left out), globs, or - for "
              "a list on standard input")
      .required();
  command.runs([flags] { return classify(*flags); });
}

}  // namespace fovea::apps
