// Files of one model, from the hub into a folder: asked for, resumed, checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "apps/hub/endpoint.h"
#include "apps/hub/http.h"
#include "apps/hub/name.h"
#include "apps/hub/part_file.h"
#include "apps/hub/patience.h"

namespace fovea::apps::hub {

class Fetcher {
 public:
  Fetcher(const ModelName& model, std::filesystem::path folder);

  // Puts a file into the folder; false when the hub has no such file. A file that is longer than `most_bytes`
  // is refused. All files are of the commit that the first was of. Throws Error(file) with one line that says
  // what to do; Interrupted on Ctrl-C.
  bool fetch(const std::string& file, uint64_t most_bytes);

 private:
  // What the hub says of a file before the download, and its address.
  struct Description {
    Identity identity;
    std::string address;
  };
  struct Failure {
    std::string reason;  // empty: none
    std::optional<uint64_t> retry_after;
  };
  bool describe(const std::string& file, uint64_t most_bytes, Patience& patience, Description& description);
  // One attempt.
  Failure download(const std::string& file, const Description& description, uint64_t most_bytes,
                   PartFile& part, Patience& patience);
  struct Arrival;
  Failure judge(const std::string& file, const std::string& address, const Answer& answer, Arrival& arrival);
  Answer ask_following(Request request, const Sink& sink, bool to_other_hosts, std::string& address);

  Endpoint endpoint_;
  Http http_;
  ModelName model_;
  std::filesystem::path folder_;
  std::string commit_;  // empty until an answer names it
  bool there_ = false;  // the hub has a file of this model
};

}  // namespace fovea::apps::hub
