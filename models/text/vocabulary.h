// Tokens and their ids, 0 to size() - 1, each once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fovea::text {

// Throws Error(file) "[tokenizer] <file>: <what>; <to_do>".
[[noreturn]] void refuse(const std::string& file, const std::string& what,
                         const std::string& to_do = "fetch the file again");

class Vocabulary {
 public:
  // The same token again under the same id is nothing new. Throws Error(file) where a token has two ids, an
  // id two tokens or the id is negative; `file` is where that was read.
  void add(std::string_view token, int64_t id, const std::string& file);
  // Behind the last one.
  int32_t append(std::string_view token, const std::string& file);
  // Behind it no token is added, and before it none is asked for by its id. Throws Error(file) where ids lie
  // beyond the number of tokens.
  void complete();

  size_t size() const { return ids_.size(); }
  const std::string& token(int32_t id) const { return *tokens_.at(static_cast<size_t>(id)); }
  std::optional<int32_t> find(std::string_view token) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> ids_;
  std::unordered_map<int32_t, const std::string*> by_id_;  // keys of ids_, which stay where they are
  std::vector<const std::string*> tokens_;                 // the same, once it is complete
  int32_t end_ = 0;                                        // behind the highest id, which is from
  std::string file_of_highest_;
};

}  // namespace fovea::text
