#include "models/tasks/token_source.h"

#include <fmt/format.h>

#include "fovea/error.h"
#include "models/model/step_writer.h"
#include "models/model/writer.h"
#include "models/tasks/cached_tokens.h"
#include "models/tasks/recurrent_tokens.h"
#include "models/tasks/text_evidence.h"
#include "models/tasks/write_steps.h"

namespace fovea {

const char* to_string(TextTask task) {
  switch (task) {
    case TextTask::read:
      return "reads text in pictures";
    case TextTask::describe:
      return "describes pictures";
    case TextTask::answer:
      return "answers questions about pictures";
    case TextTask::none:
      break;
  }
  return "writes no text";
}

TextTask task_of(const LoadedModel& model) {
  if (model.writer() != nullptr) return model.writer()->task();
  return model.step_writer() != nullptr ? model.step_writer()->task() : TextTask::none;
}

TextTask task_of(const Model& model) {
  return task_of(model.impl());
}

std::vector<MapMethod> token_map_methods(const LoadedModel& model) {
  if (task_of(model) == TextTask::none) return {};
  // A recurrent one has attention over cells of features alone.
  std::vector<MapMethod> out = {MapMethod::raw};
  if (model.writer() != nullptr) out.insert(out.end(), {MapMethod::rollout, MapMethod::gae});
  if (TextEvidence::exact_for(model) || (model.writer() == nullptr && model.step_writer()->has_evidence()))
    out.push_back(MapMethod::evidence);
  return out;
}

std::vector<MapMethod> token_map_methods(const Model& model) {
  return token_map_methods(model.impl());
}

std::unique_ptr<TokenSource> token_source(const LoadedModel& model, const TokenChoice& choice) {
  const TextTask task = task_of(model);
  if (task == TextTask::none)
    throw Error(ErrorKind::usage, fmt::format("[text] {} {}", model.info().architecture, to_string(task)));
  if (model.writer() != nullptr) return std::make_unique<CachedTokens>(model, choice);
  require_best(model, choice, "text");
  return std::make_unique<RecurrentTokens>(model);
}

}  // namespace fovea
