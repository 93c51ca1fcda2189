#include "apps/serve/service.h"

#include <fmt/format.h>

#include "apps/serve/page.h"

namespace fovea::apps::serve {

Parts parts_of(const Request& request) {
  const std::string_view path = request.path;
  if (path == "/") return {""};
  Parts out;
  for (size_t at = 1; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    out.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

bool leads_to(const Parts& path, const Parts& given) {
  return std::equal(path.begin(), path.end(), given.begin(), given.end(),
                    [](std::string_view mine, std::string_view theirs) {
                      return mine == theirs || (mine == "*" && !theirs.empty());
                    });
}

void refuse_route(const std::string& other_methods) {
  if (other_methods.empty()) throw Refusal(404, "there is nothing at this address");
  throw Refusal(405, fmt::format("this address takes {}", other_methods));
}

Response json_response(const Json& json, int status) {
  return text_response(dump(json) + '\n', "application/json", status);
}

uint64_t whole_parameter(const Request& request, const char* name, uint64_t otherwise) {
  const std::string* text = request.parameter(name);
  if (text == nullptr) return otherwise;
  const bool digits = !text->empty() && text->size() <= 18 &&
                      std::all_of(text->begin(), text->end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) throw Refusal(422, fmt::format("{}: want a whole number", name));
  return std::stoull(*text);
}

Response page_response(std::string_view name, std::string_view first) {
  if (name.empty()) name = first;
  for (const PageFile& page : page_files())
    if (name == page.name) return text_response(std::string(page.bytes), std::string(page.type));
  throw Refusal(404, "there is nothing at this address");
}

void Service::rethrow_failure() const {
  const std::lock_guard lock(failing_);
  if (failure_) std::rethrow_exception(failure_);
}

void Service::note(const Error& error) {
  if (error.kind() != ErrorKind::device_lost && error.kind() != ErrorKind::no_device) return;
  const std::lock_guard lock(failing_);
  failure_ = std::current_exception();
}

}  // namespace fovea::apps::serve
